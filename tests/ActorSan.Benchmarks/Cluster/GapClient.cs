using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using ActorSan.Benchmarks.WholeSystem;

namespace ActorSan.Benchmarks.Cluster;

/// <summary>
/// The load under which nodes die: writers, each with a session on every path and one 4 KiB write outstanding, which go on by the next path when one fails. The I/O gap of an incident is the
/// longest that any write took that began or ended in it, with all its repetitions. What was answered is remembered and can be compared at the end.
/// </summary>
internal sealed class GapClient : IDisposable
{
    private const int BlocksEach = 64;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_keepEvery = TimeSpan.FromMilliseconds(500);
    private readonly Writer[] _writers;
    private readonly CancellationTokenSource _stop;
    private readonly Thread _keeper;

    /// <param name="writers">LUN of each writer: those of one LUN have blocks of their own.</param>
    /// <param name="pause">Between two writes of a writer; zero: none.</param>
    internal GapClient(IReadOnlyList<string> portals, string target, IReadOnlyList<int> writers, TimeSpan pause, CancellationToken stop)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _writers = [.. writers.Select((lun, index) => new Writer(portals, target, lun, index, pause, _stop.Token))];
        _keeper = new Thread(Keep) { IsBackground = true, Name = "paths" };
        foreach (Writer writer in _writers)
        {
            writer.Start();
        }

        _keeper.Start();
    }

    /// <summary>Writes answered so far.</summary>
    internal long Answered => _writers.Sum(writer => writer.Answered);

    /// <summary>The longest that a write took while that happened, and until all writers have gone on behind it.</summary>
    /// <exception cref="BenchmarkException">A writer did not go on within a minute.</exception>
    internal async Task<TimeSpan> Gap(Func<Task> incident)
    {
        foreach (Writer writer in _writers)
        {
            writer.Reset();
        }

        await incident();
        long happened = Stopwatch.GetTimestamp();
        TimeSpan settle = TimeSpan.FromSeconds(1);
        while (Stopwatch.GetElapsedTime(happened) < settle || !_writers.All(writer => writer.WentOn(happened)))
        {
            Check();
            if (Stopwatch.GetElapsedTime(happened) > s_limit)
            {
                throw new BenchmarkException($"{_writers.Count(writer => !writer.WentOn(happened))} of {_writers.Length} writers did not go on within {s_limit.TotalSeconds:0} s");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), _stop.Token);
        }

        return _writers.Max(writer => writer.Longest);
    }

    /// <summary>Ends the load and reads back every block that a writer wrote.</summary>
    /// <exception cref="BenchmarkException">An answered write is not there.</exception>
    internal void StopAndCompare()
    {
        _stop.Cancel();
        _keeper.Join();
        foreach (Writer writer in _writers)
        {
            writer.Join();
        }

        Check();
        foreach (Writer writer in _writers)
        {
            writer.Compare();
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _keeper.Join();
        foreach (Writer writer in _writers)
        {
            writer.Join();
            writer.Dispose();
        }

        _stop.Dispose();
    }

    private void Check()
    {
        if (_writers.FirstOrDefault(writer => writer.Failure is not null) is { } failed)
        {
            throw new BenchmarkException($"a writer failed: {failed.Failure}");
        }
    }

    // The paths that are not in use stay logged in, as multipath's checker keeps them.
    private void Keep()
    {
        while (!_stop.Token.WaitHandle.WaitOne(s_keepEvery))
        {
            foreach (Writer writer in _writers)
            {
                writer.KeepIdlePaths();
            }
        }
    }

    private sealed class Writer : IDisposable
    {
        private static readonly TimeSpan s_wait = TimeSpan.FromMilliseconds(2);
        private readonly GapPath[] _paths;
        private readonly long[] _answered = new long[BlocksEach];
        private readonly byte[] _data = new byte[GapPath.BlockBytes];
        private readonly TimeSpan _pause;
        private readonly CancellationToken _stop;
        private readonly Thread _thread;
        private readonly long _firstBlock;
        private long _sequence;
        private volatile int _active;
        private long _longestTicks;
        private long _beganTicks;
        private long _lastEndTicks;

        internal Writer(IReadOnlyList<string> portals, string target, int lun, int index, TimeSpan pause, CancellationToken stop)
        {
            _pause = pause;
            _stop = stop;
            _firstBlock = (long)index * BlocksEach;
            string initiator = string.Create(CultureInfo.InvariantCulture, $"iqn.2026-01.org.actorsan:bench-host-{index}");
            _paths = [.. portals.Select(portal => new GapPath(portal, target, lun, initiator))];
            _thread = new Thread(Run) { IsBackground = true, Name = "writer" };
        }

        internal long Answered => Volatile.Read(ref _sequence);

        internal string? Failure { get; private set; }

        internal TimeSpan Longest => Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _longestTicks));

        internal void Start() => _thread.Start();

        internal void Join()
        {
            if (_thread.IsAlive)
            {
                _thread.Join();
            }
        }

        internal void Reset() => Interlocked.Exchange(ref _longestTicks, 0);

        /// <summary>A write that began after that was answered.</summary>
        internal bool WentOn(long since) => Interlocked.Read(ref _lastEndTicks) > since && Interlocked.Read(ref _beganTicks) > since;

        internal void KeepIdlePaths()
        {
            for (int i = 0; i < _paths.Length; i++)
            {
                GapPath path = _paths[i];
                if (i != _active && path.Gate.TryEnter())
                {
                    try
                    {
                        path.Keep();
                    }
                    finally
                    {
                        path.Gate.Exit();
                    }
                }
            }
        }

        internal void Compare()
        {
            byte[] data = new byte[GapPath.BlockBytes];
            for (int i = 0; i < BlocksEach; i++)
            {
                var clock = Stopwatch.StartNew();
                while (!Try(path => path.Read(_firstBlock + i, data)))
                {
                    if (clock.Elapsed > s_limit)
                    {
                        throw new BenchmarkException("what was written can't be read");
                    }
                }

                long found = BinaryPrimitives.ReadInt64LittleEndian(data);
                if (_answered[i] != 0 && found != _answered[i])
                {
                    throw new BenchmarkException($"block {_firstBlock + i} holds write {found}, and write {_answered[i]} was answered: an answered write is lost");
                }
            }
        }

        public void Dispose()
        {
            foreach (GapPath path in _paths)
            {
                path.Dispose();
            }
        }

        private void Run()
        {
            try
            {
                while (!_stop.IsCancellationRequested)
                {
                    int slot = (int)(_sequence % BlocksEach);
                    BinaryPrimitives.WriteInt64LittleEndian(_data, _sequence + 1);
                    long began = Stopwatch.GetTimestamp();
                    Interlocked.Exchange(ref _beganTicks, began);

                    // To its end even when the load is to stop: what is half done could not be compared. A node that is silent for a minute ends it.
                    while (!Try(path => path.Write(_firstBlock + slot, _data)))
                    {
                        if (Stopwatch.GetElapsedTime(began) > 2 * s_limit)
                        {
                            Failure = "a write was not answered on any path";
                            return;
                        }
                    }

                    long ended = Stopwatch.GetTimestamp();
                    _answered[slot] = _sequence + 1;
                    Interlocked.Exchange(ref _longestTicks, Math.Max(Interlocked.Read(ref _longestTicks), ended - began));
                    Interlocked.Exchange(ref _lastEndTicks, ended);
                    Volatile.Write(ref _sequence, _sequence + 1);
                    if (_pause > TimeSpan.Zero)
                    {
                        Thread.Sleep(_pause);
                    }
                }
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                Failure = failure.Message;
            }
        }

        private bool Try(Func<GapPath, PathAnswer> command)
        {
            GapPath path = _paths[_active];
            PathAnswer answer;
            lock (path.Gate)
            {
                answer = command(path);
                for (int i = 0; i < 8 && answer == PathAnswer.Attention; i++)
                {
                    answer = command(path);
                }
            }

            if (answer == PathAnswer.Good)
            {
                return true;
            }

            _active = (_active + 1) % _paths.Length;
            if (_active == 0)
            {
                // All have been tried: nobody serves for the moment.
                Thread.Sleep(s_wait);
            }

            return false;
        }
    }
}
