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
    private readonly SortedDictionary<int, Configuration> _latest = [];

    /// <summary>The session of the store that this node has open, or had last.</summary>
    public void Opened(string node, Guid session) => _sessions[node] = session;

    /// <summary>Closed in order: the medium has it all, and this session goes on when the store is opened again.</summary>
    public void Closed(string node, Guid session)
    {
        if (_sessions.GetValueOrDefault(node) == session)
        {
            _ = _sessions.Remove(node);
        }
    }

    public void Lost(string node)
    {
        if (_sessions.TryGetValue(node, out Guid session))
        {
            _lost.Add((session, world.Now));
            foreach (int lineage in _latest.Keys)
            {
                Look(lineage);
            }
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
