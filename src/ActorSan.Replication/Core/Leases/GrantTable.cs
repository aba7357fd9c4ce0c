using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Leases;

/// <summary>A grant that runs at a voter.</summary>
/// <param name="UntilNs">By the voter's clock.</param>
public readonly record struct RunningGrant(PrimaryId Holder, long Epoch, long UntilNs);

/// <summary>The grants that a voter has given, all registers. Memory only: a voter that lost them is mute instead (L6).</summary>
internal sealed class GrantTable(BugSet bugs)
{
    /// <summary>Releases that are remembered for each register: of so many instances, the latest. A renewal of one that is forgotten may cost others a lease's time, no more.</summary>
    private const int MaxReleases = 8;

    private readonly Dictionary<RegisterKey, Entry> _entries = [];

    public RunningGrant? Find(RegisterKey key, long nowNs)
        => _entries.TryGetValue(key, out Entry? entry) && entry.Grant is { } grant && grant.UntilNs > nowNs ? new RunningGrant(grant.Holder, grant.Epoch, grant.UntilNs) : null;

    /// <summary>R2, L2: the grant that forbids a node to change the register.</summary>
    public RunningGrant? FindForeign(RegisterKey key, string node, long nowNs) => Find(key, nowNs) is { } grant && grant.Holder.Node != node ? grant : null;

    /// <summary>L1, apart from the epoch of the accepted value, which the caller has compared.</summary>
    public LeaseVerdict Grant(RegisterKey key, PrimaryId holder, long epoch, long rid, long untilNs, long nowNs)
    {
        if (!_entries.TryGetValue(key, out Entry? entry))
        {
            entry = new Entry();
            _entries.Add(key, entry);
        }

        if (entry.ReleasedRid(holder) >= rid && !bugs.Has(Bug.LateRenewalAfterRelease))
        {
            return LeaseVerdict.Released;
        }

        if (entry.Grant is { } running && running.UntilNs > nowNs)
        {
            bool isAllowed = running.Holder == holder ? epoch >= running.Epoch : running.Holder.Node == holder.Node && epoch > running.Epoch;
            if (!isAllowed)
            {
                return LeaseVerdict.HeldByOther;
            }

            // A renewal that was overtaken by a younger one neither shortens the grant nor lets an older Release end it.
            untilNs = Math.Max(untilNs, running.UntilNs);
            rid = running.Holder == holder ? Math.Max(rid, running.Rid) : rid;
        }

        entry.Grant = new Held(holder, epoch, rid, untilNs);
        return LeaseVerdict.Granted;
    }

    /// <summary>L2: a value was taken up. A grant whose holder it does not name as primary ends.</summary>
    public void OnTakenUp(RegisterKey key, PrimaryId? primary)
    {
        if (_entries.TryGetValue(key, out Entry? entry) && entry.Grant is { } grant && grant.Holder != primary)
        {
            entry.Grant = null;
        }
    }

    /// <summary>L2. A grant that a younger renewal has got stays: its holder counts it.</summary>
    public void Release(RegisterKey key, PrimaryId holder, long rid)
    {
        if (!_entries.TryGetValue(key, out Entry? entry))
        {
            entry = new Entry();
            _entries.Add(key, entry);
        }

        entry.Remember(holder, rid);
        if (entry.Grant is { } grant && grant.Holder == holder && grant.Rid <= rid)
        {
            entry.Grant = null;
        }
    }

    private sealed record Held(PrimaryId Holder, long Epoch, long Rid, long UntilNs);

    private sealed class Entry
    {
        public Held? Grant;
        private readonly List<(PrimaryId Holder, long Rid)> _releases = [];

        public long ReleasedRid(PrimaryId holder)
        {
            foreach ((PrimaryId released, long rid) in _releases)
            {
                if (released == holder)
                {
                    return rid;
                }
            }

            return -1;
        }

        public void Remember(PrimaryId holder, long rid)
        {
            int index = _releases.FindIndex(release => release.Holder == holder);
            if (index >= 0)
            {
                rid = Math.Max(rid, _releases[index].Rid);
                _releases.RemoveAt(index);
            }
            else if (_releases.Count == MaxReleases)
            {
                _releases.RemoveAt(0);
            }

            _releases.Add((holder, rid));
        }
    }
}
