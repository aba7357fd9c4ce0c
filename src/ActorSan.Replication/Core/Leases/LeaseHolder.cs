using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Leases;

/// <summary>What a lease holder tells its node. Published deadlines go to the engines' cells beside it (L4).</summary>
public interface ILeaseListener
{
    /// <summary>The lease is held, and was not since it was begun or had lapsed: P5, P8.</summary>
    void OnHeld(RegisterKey key, long epoch);

    /// <summary>L5: renewed for a lease in vain. Nothing is renewed, and nothing may be proposed, until then (by this clock; the present, if no other member exists).</summary>
    void OnGaveUp(RegisterKey key, long epoch, long quietUntilNs);

    /// <summary>L1: a voter has taken up a value of a higher epoch: a reason to read the register, no more (P7, W3).</summary>
    void OnHigherEpoch(RegisterKey key, long epoch, long higherEpoch);

    /// <summary>S8: the node of a voter that was asked answers with another journal.</summary>
    void OnOtherIncarnation(VoterId asked, VoterId told);
}

/// <summary>
/// One node's leases on all volumes of which it is primary (L1 to L5). Renews with one message per voter for all of them, counts each voter from the moment of sending, and
/// publishes the deadline. What it is told about voters and epochs comes from the volume's decisions: it takes none.
/// </summary>
public sealed class LeaseHolder
{
    private readonly PrimaryId _self;
    private readonly JournalCounts _counts;
    private readonly IControlNetwork _network;
    private readonly IClock _clock;
    private readonly ITimers _timers;
    private readonly IChance _chance;
    private readonly ILeaseListener _listener;
    private readonly LeaseSettings _settings;
    private readonly BugSet _bugs;
    private readonly Tick _tick;

    // In the order of their beginning: renewals list them so.
    private readonly List<HeldLease> _leases = [];
    private readonly Dictionary<RegisterKey, HeldLease> _byKey = [];
    private readonly long[] _sentNs;
    private long _rid;
    private long _lastTickNs = long.MinValue;

    /// <param name="instance">Of this process.</param>
    public LeaseHolder(
        string node,
        Guid instance,
        JournalCounts counts,
        IControlNetwork network,
        IClock clock,
        ITimers timers,
        IChance chance,
        ILeaseListener listener,
        LeaseSettings settings,
        BugSet bugs)
    {
        _self = new PrimaryId(node, instance);
        (_counts, _network, _clock, _timers, _chance, _listener, _settings, _bugs) = (counts, network, clock, timers, chance, listener, settings, bugs);
        _tick = new Tick(this);

        // Renewals older than a lease are worth nothing; of so many the time of sending is remembered.
        _sentNs = new long[Math.Clamp((settings.LeaseNs / settings.RenewNs) + 8, 8, 4096)];
    }

    /// <summary>
    /// Begins to renew for an epoch that is decided to be this node's, or starts anew with a higher one: only renewals sent from here on count (R4). The first goes out as soon as
    /// the thread comes to it.
    /// </summary>
    /// <param name="voterSets">Of each a majority is needed: one set, or two between the steps of a change of voters (L3).</param>
    /// <param name="otherMember">L5: <c>inSync</c> has another member.</param>
    public void Start(RegisterKey key, long epoch, ValueList<ValueList<VoterId>> voterSets, bool otherMember, LeaseCell cell)
    {
        HeldLease? lease = Find(key);
        if (lease is null)
        {
            lease = new HeldLease(key, cell);
            _leases.Add(lease);
            _byKey.Add(key, lease);
        }

        lease.Begin(epoch, _rid);
        lease.OtherMember = otherMember;
        lease.SetVoters(voterSets);
        Publish(lease);
        WakeNow();
    }

    /// <summary>L3: from before the first step of a change of voters is proposed until its second is settled: both. The deadline follows at once.</summary>
    public void SetVoters(RegisterKey key, ValueList<ValueList<VoterId>> voterSets)
    {
        if (Find(key) is { } lease)
        {
            lease.SetVoters(voterSets);
            Publish(lease);
            WakeNow();
        }
    }

    /// <summary>L5: whether <c>inSync</c> has another member.</summary>
    public void SetOtherMember(RegisterKey key, bool otherMember)
    {
        if (Find(key) is { } lease)
        {
            lease.OtherMember = otherMember;
        }
    }

    /// <summary>L5: an engine whose loop does not turn, or whose store hangs, must not keep its lease. What was granted still counts.</summary>
    public void SetRenewing(RegisterKey key, bool renewing)
    {
        if (Find(key) is { } lease && lease.IsRenewing != renewing)
        {
            lease.IsRenewing = renewing;
            lease.VainSinceNs = long.MaxValue;
            WakeNow();
        }
    }

    /// <summary>W3: a raise of this very primary is decided: the lease goes on, under a higher epoch.</summary>
    public void Raise(RegisterKey key, long epoch)
    {
        if (Find(key) is { } lease)
        {
            Invariant.Check(epoch >= lease.Epoch);
            lease.Epoch = epoch;
            Publish(lease);
        }
    }

    /// <summary>R4, P8: before an Accept that names another primary. Publishes deadline 0, renews no more and counts no grant until <see cref="Start"/> names a new epoch.</summary>
    public void HandOver(RegisterKey key)
    {
        if (Find(key) is { } lease && !_bugs.Has(Bug.RenewalOvertakesAccept))
        {
            lease.IsCounting = false;
            Publish(lease);
        }
    }

    /// <summary>Ends the lease here: publishes deadline 0 and forgets it. With <paramref name="release"/> the voters are told, so that others need not wait (P8, P10).</summary>
    public void Stop(RegisterKey key, bool release)
    {
        if (Find(key) is { } lease)
        {
            lease.IsCounting = false;
            Publish(lease);
            _ = _leases.Remove(lease);
            _ = _byKey.Remove(key);
            if (release)
            {
                Release(lease);
            }
        }
    }

    /// <summary>0: none, or past. By this node's clock.</summary>
    public long DeadlineOf(RegisterKey key) => Find(key) is { } lease ? DeadlineOf(lease) : 0;

    public bool Holds(RegisterKey key) => DeadlineOf(key) > _clock.NowNs;

    /// <summary>L5: given up, and not renewed yet: nothing may be proposed either.</summary>
    public bool IsQuiet(RegisterKey key) => Find(key) is { } lease && lease.QuietUntilNs > _clock.NowNs;

    /// <summary>False: not a message for a lease holder.</summary>
    public bool On(ControlMessage message)
    {
        switch (message)
        {
            case Granted granted:
                if (granted.Instance == _self.Instance && _counts.Take(granted.Voter, granted.WriteCount, granted.Seen))
                {
                    Count(granted);
                }

                return true;
            case RenewUnknown unknown:
                if (_counts.Take(unknown.Voter, unknown.WriteCount, unknown.Seen, unknown.Asked) && unknown.Instance == _self.Instance && unknown.Voter != unknown.Asked)
                {
                    _listener.OnOtherIncarnation(unknown.Asked, unknown.Voter);
                }

                return true;
            default:
                return false;
        }
    }

    private void Count(Granted granted)
    {
        if (granted.Rid <= 0 || granted.Rid > _rid || granted.Rid <= _rid - _sentNs.Length)
        {
            return;
        }

        // L3: from the moment of sending.
        long sentNs = _bugs.Has(Bug.LeaseCountedFromReceipt) ? _clock.NowNs : _sentNs[granted.Rid % _sentNs.Length];
        foreach (LeaseAnswer answer in granted.Answers)
        {
            // A grant for a lower epoch of this same promise of service (before a raise) keeps others out just as well; one from before a new beginning or a Release counts for nothing.
            if (Find(answer.Key) is not { } lease || granted.Rid <= lease.FloorRid || answer.Epoch > lease.Epoch)
            {
                continue;
            }

            if (answer.Verdict == LeaseVerdict.Granted && lease.IsCounting)
            {
                bool wasHeld = lease.IsHeld(_clock.NowNs, this);
                lease.Count(granted.Voter, sentNs);
                Publish(lease);
                if (!wasHeld && lease.IsHeld(_clock.NowNs, this))
                {
                    _listener.OnHeld(lease.Key, lease.Epoch);
                }
            }
            else if (answer.Verdict == LeaseVerdict.HigherEpoch && answer.HigherEpoch > lease.Epoch)
            {
                _listener.OnHigherEpoch(lease.Key, lease.Epoch, answer.HigherEpoch);
            }
        }
    }

    private void OnTick()
    {
        long nowNs = _clock.NowNs;

        // A process that was frozen has not renewed meanwhile: its vain time begins again (§7).
        bool wasFrozen = _lastTickNs != long.MinValue && nowNs - _lastTickNs > 2 * _settings.RenewNs;
        _lastTickNs = nowNs;
        foreach (HeldLease lease in _leases.ToArray())
        {
            if (wasFrozen)
            {
                lease.VainSinceNs = long.MaxValue;
            }

            if (!lease.IsRenewed(nowNs) || lease.IsHeld(nowNs, this))
            {
                continue;
            }

            Publish(lease);
            if (lease.VainSinceNs != long.MaxValue && nowNs - lease.VainSinceNs >= _settings.LeaseNs)
            {
                GiveUp(lease, nowNs);
            }
        }

        Renew(nowNs);
        if (_leases.Count > 0)
        {
            _timers.Set(_tick, nowNs + _settings.RenewNs);
        }
        else
        {
            _lastTickNs = long.MinValue;
        }
    }

    // L5: who is heard but hears nothing must not block the others.
    private void GiveUp(HeldLease lease, long nowNs)
    {
        Release(lease);
        lease.Begin(lease.Epoch, _rid);
        lease.QuietUntilNs = lease.OtherMember ? nowNs + (long)(_settings.LeaseNs * (1 + (2 * _chance.NextDouble()))) : nowNs;
        Publish(lease);
        _listener.OnGaveUp(lease.Key, lease.Epoch, lease.QuietUntilNs);
    }

    // L2: all renewals that were ever sent for it count for nothing.
    private void Release(HeldLease lease)
    {
        foreach (VoterId voter in lease.Voters)
        {
            _network.Send(voter.Node, new Release(_self.Node, _self.Instance, voter, _rid, lease.Key));
        }
    }

    private void Renew(long nowNs)
    {
        List<VoterId> voters = [];
        foreach (HeldLease lease in _leases)
        {
            if (lease.IsRenewed(nowNs))
            {
                lease.VainSinceNs = lease.IsHeld(nowNs, this) ? lease.MajorityNs(this) : Math.Min(lease.VainSinceNs, nowNs);
                foreach (VoterId voter in lease.Voters)
                {
                    if (!voters.Contains(voter))
                    {
                        voters.Add(voter);
                    }
                }
            }
        }

        if (voters.Count == 0)
        {
            return;
        }

        _rid++;
        _sentNs[_rid % _sentNs.Length] = nowNs;
        foreach (VoterId voter in voters)
        {
            LeaseRequest[] requests = [.. _leases.Where(lease => lease.IsRenewed(nowNs) && lease.Voters.Contains(voter)).Select(lease => new LeaseRequest(lease.Key, lease.Epoch))];
            _network.Send(
                voter.Node,
                new Renew(_self.Node, _self.Instance, voter, _counts.SeenOf(voter), _rid, _settings.LeaseNs, new ValueList<LeaseRequest>(requests)));
        }
    }

    private void WakeNow() => _timers.Set(_tick, _clock.NowNs);

    private void Publish(HeldLease lease) => lease.Cell.Publish(lease.Epoch, DeadlineOf(lease));

    private long DeadlineOf(HeldLease lease)
    {
        long majorityNs = lease.MajorityNs(this);
        return majorityNs == long.MinValue ? 0 : majorityNs + _settings.HolderNs(_settings.LeaseNs);
    }

    private HeldLease? Find(RegisterKey key) => _byKey.GetValueOrDefault(key);

    private sealed class HeldLease(RegisterKey key, LeaseCell cell)
    {
        private readonly List<Vote> _votes = [];
        private ValueList<ValueList<VoterId>> _sets;

        public RegisterKey Key { get; } = key;

        public LeaseCell Cell { get; } = cell;

        /// <summary>Of all sets, each once.</summary>
        public IEnumerable<VoterId> Voters => _votes.Where(vote => vote.IsNamed).Select(vote => vote.Voter);

        public long Epoch { get; set; }

        /// <summary>Renewals up to this one count for nothing.</summary>
        public long FloorRid { get; private set; }

        public bool IsCounting { get; set; }

        public bool IsRenewing { get; set; } = true;

        public bool OtherMember { get; set; }

        public long QuietUntilNs { get; set; }

        /// <summary>Since when renewals have been sent of which a majority was not granted; MaxValue: none.</summary>
        public long VainSinceNs { get; set; }

        public void Begin(long epoch, long rid)
        {
            (Epoch, FloorRid, IsCounting, VainSinceNs, QuietUntilNs) = (epoch, rid, true, long.MaxValue, 0);
            _votes.ForEach(vote => vote.SentNs = long.MinValue);
        }

        public void SetVoters(ValueList<ValueList<VoterId>> sets)
        {
            _sets = sets;
            _votes.ForEach(vote => vote.IsNamed = false);
            foreach (ValueList<VoterId> set in sets)
            {
                foreach (VoterId voter in set)
                {
                    VoteOf(voter).IsNamed = true;
                }
            }

            _ = _votes.RemoveAll(vote => !vote.IsNamed);
        }

        public void Count(VoterId voter, long sentNs)
        {
            if (_votes.Find(vote => vote.Voter == voter) is { } vote)
            {
                vote.SentNs = Math.Max(vote.SentNs, sentNs);
            }
        }

        public bool IsRenewed(long nowNs) => IsRenewing && IsCounting && nowNs >= QuietUntilNs;

        public bool IsHeld(long nowNs, LeaseHolder holder) => holder.DeadlineOf(this) > nowNs;

        /// <summary>L3: the m-th latest time of sending, of every set; MinValue: no majority has granted any.</summary>
        public long MajorityNs(LeaseHolder holder)
        {
            if (!IsCounting || _sets.Count == 0)
            {
                return long.MinValue;
            }

            long earliest = long.MaxValue;
            foreach (ValueList<VoterId> set in _sets)
            {
                long[] sent = [.. set.Select(voter => VoteOf(voter).SentNs).OrderDescending()];
                earliest = Math.Min(earliest, sent[Majority.Of(set.Count) - 1]);
                if (holder._bugs.Has(Bug.LeaseCountedByOneVoterSet))
                {
                    break;
                }
            }

            return earliest;
        }

        private Vote VoteOf(VoterId voter)
        {
            Vote? vote = _votes.Find(known => known.Voter == voter);
            if (vote is null)
            {
                vote = new Vote(voter);
                _votes.Add(vote);
            }

            return vote;
        }
    }

    private sealed class Vote(VoterId voter)
    {
        public readonly VoterId Voter = voter;
        public bool IsNamed;
        public long SentNs = long.MinValue;
    }

    private sealed class Tick(LeaseHolder holder) : CoreTimer
    {
        public override void OnFired() => holder.OnTick();
    }
}
