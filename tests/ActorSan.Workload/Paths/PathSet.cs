using System.Diagnostics;

namespace ActorSan.Workload.Paths;

/// <summary>How an operation ended after all its attempts.</summary>
/// <param name="Kind">The last attempt's answer where it is one; <see cref="AttemptKind.Lost"/> when patience was over.</param>
/// <param name="Data">What came in.</param>
/// <param name="Path">The number of the path that answered; -1: none did.</param>
/// <param name="MaybeDoneBefore">An attempt before the last one may have been carried out.</param>
/// <param name="Text">The last attempt in words.</param>
internal sealed record OperationResult(AttemptKind Kind, byte[] Data, int Path, bool MaybeDoneBefore, string Text);

/// <summary>
/// All paths of one initiator to one unit. An operation goes to the path that answered last; when it is down, or says that it can't, the next one is tried, round after round, until
/// patience is over: what a multipath driver does.
/// </summary>
internal sealed class PathSet : IDisposable
{
    private const int AttentionsInARow = 8;
    private static readonly TimeSpan s_betweenRounds = TimeSpan.FromMilliseconds(20);
    private readonly PathOptions _options;
    private readonly TimeSpan _patience;
    private readonly Dictionary<string, uint> _sessionsOfGroup = new(StringComparer.Ordinal);
    private readonly Dictionary<string, uint> _qualifierOf = new(StringComparer.Ordinal);
    private volatile PathSession[] _paths = [];
    private volatile PathSession? _preferred;
    private int _count;

    /// <param name="portals">ADDRESS:PORT or ADDRESS:PORT,TAG. Paths to one portal group (the same TAG) have ISIDs of their own: with one ISID the later login would end the earlier session.</param>
    /// <param name="options">What they share.</param>
    /// <param name="patience">How long an operation is tried.</param>
    internal PathSet(IReadOnlyList<string> portals, PathOptions options, TimeSpan patience)
    {
        (_options, _patience) = (options, patience);
        Become(portals);
    }

    internal IReadOnlyList<PathSession> Paths => _paths;

    /// <summary>All paths are one initiator port to the target: none shares its portal group with another.</summary>
    internal bool IsOnePort => _sessionsOfGroup.Values.All(sessions => sessions == 1);

    /// <summary>Opens paths that are new and closes those that are not named any more. Called by one thread at a time.</summary>
    internal void Become(IReadOnlyList<string> portals)
    {
        PathSession[] before = _paths;
        var now = new List<PathSession>();
        foreach (string portal in portals)
        {
            string[] parts = portal.Split(',');
            if (before.FirstOrDefault(path => path.Portal == parts[0]) is { } known)
            {
                now.Add(known);
                continue;
            }

            if (!_qualifierOf.TryGetValue(parts[0], out uint qualifier))
            {
                string group = parts.Length > 1 ? parts[1] : portal;
                qualifier = _sessionsOfGroup.GetValueOrDefault(group);
                _sessionsOfGroup[group] = qualifier + 1;
                _qualifierOf[parts[0]] = qualifier;
            }

            now.Add(new PathSession(_count++, parts[0], qualifier, _options));
        }

        _paths = [.. now];
        foreach (PathSession path in before.Where(path => !now.Contains(path)))
        {
            path.Dispose();
        }
    }

    /// <param name="command">What to do.</param>
    /// <param name="tried">Told of each attempt that was no answer: path, begin, end (ns, monotonic) and what came.</param>
    /// <param name="stop">Ends the trying: the outcome stays unknown when an attempt was lost.</param>
    internal async Task<OperationResult> Execute(ScsiCommand command, Action<int, long, long, AttemptResult>? tried, CancellationToken stop)
    {
        long begin = Stopwatch.GetTimestamp();
        bool maybe = false;
        int attentions = 0;
        string last = "no path is up";
        while (Stopwatch.GetElapsedTime(begin) < _patience && !stop.IsCancellationRequested)
        {
            // One round: the preferred path, then the others in turn.
            PathSession[] paths = _paths;
            int first = Math.Max(0, Array.IndexOf(paths, _preferred));
            for (int i = 0; i < paths.Length; i++)
            {
                PathSession path = paths[(first + i) % paths.Length];
                if (!path.IsUp)
                {
                    continue;
                }

                long from = Clock.Now;
                AttemptResult result = await path.Submit(command);
                if (result.Kind is AttemptKind.Good or AttemptKind.ReservationConflict or AttemptKind.Miscompare)
                {
                    _preferred = path;
                    return new OperationResult(result.Kind, result.Data, path.Number, maybe, result.Text);
                }

                if (result.Kind == AttemptKind.NotSent)
                {
                    continue;
                }

                maybe |= result.Kind == AttemptKind.Lost;
                last = result.Text;
                tried?.Invoke(path.Number, from, Clock.Now, result);
                if (result.Kind == AttemptKind.UnitAttention && ++attentions % AttentionsInARow != 0)
                {
                    // The same path again: it has said what it had to say.
                    i--;
                }
            }

            await Task.Delay(s_betweenRounds, CancellationToken.None);
        }

        return new OperationResult(AttemptKind.Lost, [], -1, maybe, last);
    }

    /// <summary>Waits until a path is up.</summary>
    /// <returns>False: not within the time.</returns>
    internal async Task<bool> WaitUp(TimeSpan limit, CancellationToken stop)
    {
        long begin = Stopwatch.GetTimestamp();
        while (!_paths.Any(path => path.IsUp))
        {
            if (Stopwatch.GetElapsedTime(begin) > limit)
            {
                return false;
            }

            await Task.Delay(s_betweenRounds, stop);
        }

        return true;
    }

    public void Dispose()
    {
        foreach (PathSession path in _paths)
        {
            path.Dispose();
        }
    }
}
