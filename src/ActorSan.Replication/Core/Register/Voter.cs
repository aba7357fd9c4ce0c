using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Register;

/// <summary>What a voter tells its node.</summary>
public interface IVoterListener
{
    /// <summary>§2: its journal was put back to an older state. It answers nothing but <see cref="Unknown"/> from here on; a new journal is a new voter (R8).</summary>
    /// <param name="seen">The write count that a node has seen of it.</param>
    void OnPutBack(long seen, long writeCount);

    /// <summary>P11: this register is refused from here on. Called whenever a value that was heard of changes the standing of a lineage whose value the voter holds.</summary>
    void OnRefusedLineage(RegisterKey key, UnknownReason reason, Guid by);
}

/// <summary>
/// One node's vote in all registers: acceptor (R2, R5), first values (S7), grants (L1, L2), muteness (L6), lineages (P11). It lives as long as the process: a restarted one is made
/// from its journal and is mute. While a write of a register is on its way to the journal, further requests of that register wait; grants and releases never do.
/// </summary>
public sealed class Voter
{
    /// <summary>Requests of one register that wait for the journal; more are dropped as if they were lost, and their rounds end as unknown or late.</summary>
    public const int MaxWaiting = 64;

    private readonly IVoterJournal _journal;
    private readonly IControlNetwork _network;
    private readonly IClock _clock;
    private readonly IVoterListener _listener;
    private readonly LeaseSettings _settings;
    private readonly BugSet _bugs;
    private readonly VoterState _state;
    private readonly GrantTable _grants;
    private readonly Dictionary<RegisterKey, Lane> _lanes = [];

    private readonly long _muteUntilNs;
    private long? _putBackSeen;
    private long _longestOnItsWayNs;

    /// <param name="loaded">What the journal holds; the voter goes on with it.</param>
    public Voter(
        string node,
        VoterState loaded,
        IVoterJournal journal,
        IControlNetwork network,
        IClock clock,
        IVoterListener listener,
        LeaseSettings settings,
        BugSet bugs)
    {
        Id = new VoterId(node, journal.Incarnation);
        (_journal, _network, _clock, _listener, _settings, _bugs, _state) = (journal, network, clock, listener, settings, bugs, loaded);
        _grants = new GrantTable(bugs);
        _putBackSeen = loaded.PutBackSeen;

        // L6. A journal that never held a lease is a new voter's: it has granted nothing that it could have forgotten.
        _muteUntilNs = loaded.LongestLeaseNs == 0 || bugs.Has(Bug.NoMuteAfterRestart) ? 0 : clock.NowNs + settings.VoterNs(loaded.LongestLeaseNs);
        MakeLongestDurable(settings.LeaseNs);
    }

    public VoterId Id { get; }

    /// <summary>L6: promises and accepts nothing yet.</summary>
    public bool IsMute => _clock.NowNs < _muteUntilNs;

    /// <summary>P1: the grant that runs here; null: none.</summary>
    public RunningGrant? GrantOf(RegisterKey key) => _grants.Find(key, _clock.NowNs);

    /// <summary>R1: what is promised here, durably.</summary>
    public Ballot PromisedOf(RegisterKey key) => _state.Find(key)?.Promised ?? default;

    /// <summary>What is accepted here, durably. Not known to be decided.</summary>
    public RegisterValue? AcceptedOf(RegisterKey key) => _state.Find(key)?.Value;

    /// <summary>Under which ballot that was accepted.</summary>
    public Ballot AcceptedBallotOf(RegisterKey key) => _state.Find(key)?.AcceptedBallot ?? default;

    /// <summary>S8: what the journal has ever held of any register of this name; null: truly nothing. A value before a mere promise.</summary>
    public HeldRegister? HeldOf(string name)
    {
        HeldRegister? held = null;
        foreach (AcceptorState acceptor in _state.OfName(name))
        {
            if (acceptor.Value is not null || (held is null && acceptor.Promised != default))
            {
                held = new HeldRegister(acceptor.Key, acceptor.AcceptedBallot, acceptor.Value);
            }
        }

        return held;
    }

    /// <summary>The shortest list of records that gives what the voter has: for a snapshot of its journal.</summary>
    public IReadOnlyList<VoterRecord> Snapshot() => _state.ToRecords();

    /// <summary>P11: whether this register is refused here.</summary>
    public UnknownReason StandingOf(RegisterKey key) => _state.StandingOf(key, out _);

    /// <summary>False: not a message for a voter. A <see cref="Learn"/> is looked at and left to others: it answers false.</summary>
    public bool On(ControlMessage message)
    {
        switch (message)
        {
            case RegisterRequest request:
                if (CheckMeant(request))
                {
                    Lane lane = LaneOf(request.Key);
                    if (lane.IsBusy)
                    {
                        lane.Wait(request);
                    }
                    else
                    {
                        Decide(lane, request);
                    }
                }

                return true;
            case Renew renew:
                Grant(renew);
                return true;
            case Release release:
                if (release.To == Id)
                {
                    _grants.Release(release.Key, new PrimaryId(release.Node, release.Instance), release.Rid);
                }

                return true;
            case Learn learn:
                Hear(learn.Key, learn.Value);
                return false;
            case VoterQuery query:
                if (_putBackSeen is null)
                {
                    _network.Send(query.From, new VoterReply(Id.Node, query.Key, Id));
                }

                return true;
            default:
                return false;
        }
    }

    // R2: another incarnation is answered Unknown and nothing else; §2: so is anyone, by a journal that was put back.
    private bool CheckMeant(RegisterRequest request)
    {
        UnknownReason reason = ReasonNotToAnswer(request.To, request.Seen);
        if (reason != UnknownReason.None)
        {
            _network.Send(request.From, new Unknown(request.Key, Id, _journal.WriteCount, request.Seen, BallotOf(request), request.To, reason, default));
        }

        return reason == UnknownReason.None;
    }

    private UnknownReason ReasonNotToAnswer(VoterId to, long seen)
    {
        if (to != Id && !_bugs.Has(Bug.AmnesiacVoterAnswers))
        {
            return UnknownReason.OtherIncarnation;
        }

        if (to == Id && seen > _journal.WriteCount && _putBackSeen is null && !_bugs.Has(Bug.JournalCountIgnored))
        {
            _putBackSeen = seen;
            _journal.Append(new Write(this, null, new PutBackRecord(seen), null, null));
            _listener.OnPutBack(seen, _journal.WriteCount);
        }

        return _putBackSeen is null ? UnknownReason.None : UnknownReason.PutBack;
    }

    private void Decide(Lane lane, RegisterRequest request)
    {
        RegisterKey key = request.Key;
        AcceptorState acceptor = _state.Of(key);
        Ballot ballot = BallotOf(request);
        if (request is Accept { Value: { } told })
        {
            // P11: a lineage that exists is heard of whether its value is accepted or not. (One that is only to begin does not exist yet.)
            Hear(key, told);
        }

        UnknownReason standing = _state.StandingOf(key, out Guid by);
        if (standing != UnknownReason.None && !_bugs.Has(Bug.DiscardedLineageAnswers))
        {
            _network.Send(request.From, new Unknown(key, Id, _journal.WriteCount, request.Seen, ballot, request.To, standing, by));
            return;
        }

        RunningGrant? foreign = request is Accept && _bugs.Has(Bug.AcceptDuringForeignGrant) ? null : _grants.FindForeign(key, request.From, _clock.NowNs);
        if (IsMute || foreign is not null)
        {
            Reply(request, lane, new Leased(key, Speaker(request), _journal.WriteCount, request.Seen, ballot, IsMute ? null : foreign?.Holder));
            return;
        }

        switch (request)
        {
            case Prepare:
                if (ballot <= acceptor.Promised)
                {
                    Reply(request, lane, new Lower(key, Speaker(request), _journal.WriteCount, request.Seen, ballot, acceptor.Promised));
                }
                else
                {
                    Persist(lane, new PromisedRecord(key, ballot), request);
                }

                break;
            case Accept accept:
                if (ballot < acceptor.Promised)
                {
                    Reply(request, lane, new Lower(key, Speaker(request), _journal.WriteCount, request.Seen, ballot, acceptor.Promised));
                }
                else if (ballot == acceptor.AcceptedBallot && acceptor.Value is not null)
                {
                    // A request that came twice: the ballot is one round's, and the round has one value.
                    Reply(request, lane, ReplyTo(request));
                }
                else
                {
                    TakeUp(lane, key, accept.Value);
                    Persist(lane, new AcceptedRecord(key, ballot, accept.Value), request);
                }

                break;
            case Begin begin:
                BeginRegister(lane, begin, acceptor);
                break;
            default:
                Invariant.Fail("no request of a register");
                break;
        }
    }

    // S7. A value that is there is never written over; the same one is answered again. What was promised meanwhile stays: the first value lies below every ballot.
    private void BeginRegister(Lane lane, Begin begin, AcceptorState acceptor)
    {
        RegisterKey key = begin.Key;
        if (acceptor.Value is { } held)
        {
            Reply(begin, lane, held == begin.Value ? begin.Asks ? WillingTo(begin) : ReplyTo(begin) : new BeginRefused(key, Speaker(begin), _journal.WriteCount, begin.Seen, held));
            return;
        }

        ValueList<Guid> parents = Lineages.ParentsOf(begin.Value);
        bool fits = (begin.Value as Configuration)?.Lineage is not { } lineage || lineage == key.Lineage;
        fits = fits && begin.Value.OldVoters.Count == 0 && begin.Value.Primary is null && begin.Value.Voters.Contains(begin.To);
        Guid by = default;
        if (!fits || _state.WouldConflict(key, parents, out by))
        {
            Reply(begin, lane, new BeginRefused(key, Speaker(begin), _journal.WriteCount, begin.Seen, null, by));
            return;
        }

        // P11: a forced lineage is refused where a holder of one that it discards has a running grant.
        foreach (Guid parent in parents)
        {
            if (_grants.Find(key with { Lineage = parent }, _clock.NowNs) is { } running && !_bugs.Has(Bug.ForceDuringGrant))
            {
                Reply(begin, lane, new Leased(key, Speaker(begin), _journal.WriteCount, begin.Seen, default, running.Holder));
                return;
            }
        }

        if (begin.Asks)
        {
            Reply(begin, lane, WillingTo(begin));
            return;
        }

        TakeUp(lane, key, begin.Value);
        Persist(lane, new AcceptedRecord(key, default, begin.Value), begin);
    }

    private WouldBegin WillingTo(Begin begin) => new(begin.Key, Speaker(begin), _journal.WriteCount, begin.Seen);

    // L1, L2, P11: what is accepted counts for grants and lineages at once, durable or not.
    private void TakeUp(Lane lane, RegisterKey key, RegisterValue value)
    {
        lane.TakenUp = value;
        _grants.OnTakenUp(key, value.Primary);
        HearLineage(new LineageRecord(key.Name, key.Lineage, Lineages.ParentsOf(value)));
    }

    // P11: heard of, whatever the lineage. Durable by a record of its own; a value that is accepted brings its lineage with it.
    private void Hear(RegisterKey key, RegisterValue value)
    {
        var heard = new LineageRecord(key.Name, key.Lineage, Lineages.ParentsOf(value));
        if (_state.IsNews(heard))
        {
            HearLineage(heard);
            _journal.Append(new Write(this, null, heard, null, null));
        }
    }

    private void HearLineage(LineageRecord heard)
    {
        if (!_state.IsNews(heard))
        {
            return;
        }

        _state.Hear(heard);
        foreach (AcceptorState acceptor in _state.OfName(heard.Name))
        {
            if (acceptor.Value is not null && _state.StandingOf(acceptor.Key, out Guid by) is var reason && reason != UnknownReason.None)
            {
                _listener.OnRefusedLineage(acceptor.Key, reason, by);
            }
        }
    }

    private void Persist(Lane lane, VoterRecord record, RegisterRequest request)
    {
        lane.IsBusy = true;
        RegisterReply? early = null;
        if (_bugs.Has(Bug.ReplyBeforeDurable))
        {
            early = ReplyTo(request);
            _network.Send(request.From, early);
        }

        _journal.Append(new Write(this, lane, record, request, early));
    }

    private void OnDurable(Write write)
    {
        _state.Apply(write.Record);
        if (write.Lane is not { } lane)
        {
            return;
        }

        lane.IsBusy = false;
        lane.TakenUp = null;
        if (write.Early is null)
        {
            _network.Send(write.Request!.From, ReplyTo(write.Request));
        }

        // Each that waited is decided by what is true now: the grants, too, may have changed meanwhile.
        while (!lane.IsBusy && lane.TryNext(out RegisterRequest? next))
        {
            if (CheckMeant(next))
            {
                Decide(lane, next);
            }
        }
    }

    private void Reply(RegisterRequest request, Lane lane, RegisterReply reply)
    {
        Invariant.Check(!lane.IsBusy);
        _network.Send(request.From, reply);
    }

    // What is answered once the request is done and durable.
    private RegisterReply ReplyTo(RegisterRequest request)
    {
        AcceptorState acceptor = _state.Of(request.Key);
        return request switch
        {
            Prepare prepare => new Promise(request.Key, Speaker(request), _journal.WriteCount, request.Seen, prepare.Ballot, acceptor.AcceptedBallot, acceptor.Value),
            Accept accept => new Accepted(request.Key, Speaker(request), _journal.WriteCount, request.Seen, accept.Ballot),
            _ => new Begun(request.Key, Speaker(request), _journal.WriteCount, request.Seen),
        };
    }

    private void Grant(Renew renew)
    {
        if (ReasonNotToAnswer(renew.To, renew.Seen) != UnknownReason.None)
        {
            _network.Send(renew.Node, new RenewUnknown(Id, _journal.WriteCount, renew.Seen, renew.Instance, renew.Rid, renew.To));
            return;
        }

        long nowNs = _clock.NowNs;
        var holder = new PrimaryId(renew.Node, renew.Instance);
        bool isTooLong = !IsGranted(renew.LeaseNs);
        var answers = new LeaseAnswer[renew.Leases.Count];
        for (int i = 0; i < answers.Length; i++)
        {
            LeaseRequest lease = renew.Leases[i];
            long acceptedEpoch = EpochOf(lease.Key);
            LeaseVerdict verdict = StandingOf(lease.Key) != UnknownReason.None && !_bugs.Has(Bug.DiscardedLineageAnswers) ? LeaseVerdict.Discarded
                : acceptedEpoch > lease.Epoch && !_bugs.Has(Bug.GrantBelowAcceptedEpoch) ? LeaseVerdict.HigherEpoch
                : isTooLong ? LeaseVerdict.TooLong
                : _grants.Grant(lease.Key, holder, lease.Epoch, renew.Rid, nowNs + _settings.VoterNs(renew.LeaseNs), nowNs);
            answers[i] = new LeaseAnswer(lease.Key, lease.Epoch, verdict, verdict == LeaseVerdict.HigherEpoch ? acceptedEpoch : 0);
        }

        VoterId voter = _bugs.Has(Bug.AmnesiacVoterAnswers) ? renew.To : Id;
        _network.Send(renew.Node, new Granted(voter, _journal.WriteCount, renew.Seen, renew.Instance, renew.Rid, new ValueList<LeaseAnswer>(answers)));
    }

    // L6: the longest lease ever granted is durable before a longer one is. Until it is, the renewal is refused; the next one finds it.
    private bool IsGranted(long leaseNs)
    {
        if (leaseNs <= 0 || leaseNs > _settings.LongestLeaseNs)
        {
            return false;
        }

        MakeLongestDurable(leaseNs);
        return leaseNs <= _state.LongestLeaseNs || _bugs.Has(Bug.LongerLeaseBeforeDurable);
    }

    private void MakeLongestDurable(long leaseNs)
    {
        if (leaseNs > _state.LongestLeaseNs && leaseNs > _longestOnItsWayNs)
        {
            _longestOnItsWayNs = leaseNs;
            _journal.Append(new Write(this, null, new LongestLeaseRecord(leaseNs), null, null));
        }
    }

    // L1: of the value that is accepted, taken up, durable or not. While a value is on its way both count.
    private long EpochOf(RegisterKey key)
    {
        long durable = _state.Find(key)?.Value?.Epoch ?? 0;
        return _lanes.TryGetValue(key, out Lane? lane) && lane.TakenUp is { } taken && !_bugs.Has(Bug.GrantByDurableValue) ? Math.Max(durable, taken.Epoch) : durable;
    }

    private Lane LaneOf(RegisterKey key)
    {
        if (!_lanes.TryGetValue(key, out Lane? lane))
        {
            lane = new Lane();
            _lanes.Add(key, lane);
        }

        return lane;
    }

    private VoterId Speaker(RegisterRequest request) => _bugs.Has(Bug.AmnesiacVoterAnswers) ? request.To : Id;

    private static Ballot BallotOf(RegisterRequest request) => request switch
    {
        Prepare prepare => prepare.Ballot,
        Accept accept => accept.Ballot,
        _ => default,
    };

    /// <summary>One register's turn at the journal.</summary>
    private sealed class Lane
    {
        public bool IsBusy;
        public RegisterValue? TakenUp;
        private readonly Queue<RegisterRequest> _waiting = [];

        public void Wait(RegisterRequest request)
        {
            if (_waiting.Count < MaxWaiting)
            {
                _waiting.Enqueue(request);
            }
        }

        public bool TryNext([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out RegisterRequest? request) => _waiting.TryDequeue(out request);
    }

    private sealed class Write(Voter voter, Lane? lane, VoterRecord record, RegisterRequest? request, RegisterReply? early) : JournalWrite(record)
    {
        public Lane? Lane { get; } = lane;

        public RegisterRequest? Request { get; } = request;

        public RegisterReply? Early { get; } = early;

        public override void OnDurable() => voter.OnDurable(this);
    }
}
