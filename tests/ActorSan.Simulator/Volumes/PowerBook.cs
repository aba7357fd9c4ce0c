using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Check;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// I1's exception: unflushed writes may go only when every in-sync replica has lost its power session. Knows which sessions were lost, and looks at every loss and at every newly
/// decided configuration whether all members' are.
/// </summary>
internal sealed class PowerBook(SimWorld world, History history, LineageBook lineages)
{
    private readonly List<(Guid Session, long At)> _lost = [];
    private readonly Dictionary<string, Guid> _sessions = new(StringComparer.Ordinal);

    // Lost power, and write through: the session may go on (§2), and is lost if another one follows.
    private readonly Dictionary<string, (Guid Session, long At)> _dark = new(StringComparer.Ordinal);
    private readonly SortedDictionary<int, Configuration> _latest = [];

    /// <summary>The session of the store that this node has open, or had last.</summary>
    public void Opened(string node, Guid session)
    {
        _sessions[node] = session;
        if (_dark.Remove(node, out (Guid Session, long At) dark) && dark.Session != session)
        {
            Lost(dark.Session, dark.At);
        }
    }

    /// <summary>Closed in order: the medium has it all, and this session goes on when the store is opened again.</summary>
    public void Closed(string node, Guid session)
    {
        if (_sessions.GetValueOrDefault(node) == session)
        {
            _ = _sessions.Remove(node);
        }
    }

    /// <summary>The store has failed, and its session is over.</summary>
    public void Lost(string node)
    {
        if (_sessions.TryGetValue(node, out Guid session))
        {
            Lost(session, world.Now);
        }
    }

    /// <summary>The node has lost its power.</summary>
    /// <param name="node">Its name.</param>
    /// <param name="writesThrough">The store acknowledges nothing that its medium does not have: it keeps its session for life (§2).</param>
    public void Dark(string node, bool writesThrough)
    {
        if (!_sessions.TryGetValue(node, out Guid session))
        {
            return;
        }

        if (writesThrough)
        {
            _ = _dark.TryAdd(node, (session, world.Now));
            return;
        }

        Lost(session, world.Now);
    }

    private void Lost(Guid session, long at)
    {
        _lost.Add((session, at));
        foreach (int lineage in _latest.Keys)
        {
            Look(lineage);
        }
    }

    public void Decided(Configuration configuration)
    {
        int lineage = lineages.NumberOf(configuration.Lineage);
        if (!_latest.TryGetValue(lineage, out Configuration? latest) || configuration.Version > latest.Version)
        {
            _latest[lineage] = configuration;
            Look(lineage);
        }
    }

    private void Look(int lineage)
    {
        if (_latest[lineage].Deleted)
        {
            return;
        }

        long at = 0;
        foreach (Member member in _latest[lineage].InSync)
        {
            int index = _lost.FindLastIndex(lost => lost.Session == member.Session);
            if (index < 0)
            {
                return;
            }

            at = Math.Max(at, _lost[index].At);
        }

        history.AllLostPower(at, lineage);
    }
}
