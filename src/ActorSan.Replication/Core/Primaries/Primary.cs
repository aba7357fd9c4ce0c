using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;
using ActorSan.Storage.Blocks;

namespace ActorSan.Replication.Core.Primaries;

internal enum PrimaryPhase : byte
{
    /// <summary>P5: waits for the members.</summary>
    Attaching,

    /// <summary>P5: waits for the decision that leaves out who did not come.</summary>
    Dropping,
    Reconciling,
    Serving,

    /// <summary>P8.</summary>
    Draining,
    Over,
}

/// <summary>One other replica as its primary sees it.</summary>
/// <param name="IsGated">S4: it has what it must have, and its admission is on its way.</param>
/// <param name="ToCopyBytes">What it lacks, in whole granules; 0 for a member.</param>
public readonly record struct PeerReport(string Node, bool IsMember, bool IsAttached, bool IsGated, long ToCopyBytes, bool IsLinkUp);

/// <summary>
/// The primary's engine for one promotion (W1 to W12, P5, P6, S2 to S6): admits operations, orders them, sends them to the required peers, completes and answers them. A raise
/// goes on in the same object; another promotion is another object. One thread; the control side is told what happened and says what was decided.
/// </summary>
public sealed unsafe partial class Primary
{
    /// <summary>A bit for each in a write's masks.</summary>
    private const int MaxPeers = 31;

    private readonly PrimaryOptions _options;
    private readonly Replica _replica;
    private readonly IEngineEvents _events;
    private readonly IClock _clock;
    private readonly ITimers _timers;
    private readonly IChance _chance;
    private readonly LeaseCell _lease;
    private readonly Guid _instance;
    private readonly BugSet _bugs;
    private PeerState[] _peers;
    private readonly RangeLocks _locks = new();
    private readonly Stack<PrimaryTask> _free = new();
    private Configuration _configuration;
    private PrimaryPhase _phase = PrimaryPhase.Attaching;
    private long _beganNs;
    private long _stableSentNs;
    private bool _settled;
    private PrimaryTask? _proof;
    private bool _proofTold;

    /// <param name="links">To every other node that may hold a replica, by node.</param>
    public Primary(
        PrimaryOptions options,
        Configuration configuration,
        Replica replica,
        IReadOnlyList<IPeerLink> links,
        IEngineEvents events,
        IClock clock,
        ITimers timers,
        IChance chance,
        LeaseCell lease,
        Guid instance,
        BugSet bugs)
    {
        _options = options;
        _configuration = configuration;
        _replica = replica;
        _events = events;
        _clock = clock;
        _timers = timers;
        _chance = chance;
        _lease = lease;
        _instance = instance;
        _bugs = bugs;
        _peers = new PeerState[links.Count];
        for (int i = 0; i < links.Count; i++)
        {
            _peers[i] = new PeerState(i, links[i].Peer, links[i]);
        }

        Epoch = configuration.Epoch;
        Reign = configuration.Reign;
        _rate = NewRate();
        _copyTimer = new CopyTimer(this);
    }

    public long Epoch { get; private set; }

    public long Reign { get; private set; }

    /// <summary>W4: the highest seq up to which all is complete.</summary>
    public long Stable { get; private set; }

    public long LastSeq { get; private set; }

    public bool IsServing => _phase == PrimaryPhase.Serving;

    internal PrimaryPhase Phase => _phase;

    internal ReadOnlySpan<PeerState> Peers => _peers;

    /// <summary>P10: writes are complete without the own store, reads are a member's.</summary>
    public bool IsDiskless => _replica.IsFailed;

    public bool HasOtherMember
    {
        get
        {
            foreach (PeerState peer in _peers)
            {
                if (peer.IsMember)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>P10: another member is there now, and goes on with what the own store can't take. One that is not may have lost its power meanwhile.</summary>
    public bool HasAttachedMember
    {
        get
        {
            foreach (PeerState peer in _peers)
            {
                if (peer.IsMember && peer.IsAttached)
                {
                    return true;
                }
            }

            return false;
        }
    }

    private bool IsLocalRequired => _configuration.MemberOf(_replica.Node) is not null;

    private long DeadlineNs => _lease.DeadlineOf(Epoch);

    /// <summary>L4: what is told now is true.</summary>
    public bool HoldsLease => _clock.NowNs < DeadlineNs || _bugs.Has(Bug.IgnoreLease);

    /// <summary>Attaches all members; <see cref="AttachRoundOver"/> follows.</summary>
    public void Begin()
    {
        _beganNs = _clock.NowNs;
        _replica.NoteConfiguration(_configuration);
        UpdatePeers();
        foreach (PeerState peer in _peers)
        {
            peer.LostAtNs = _beganNs;
            TryAttach(peer);
        }

        CheckAttachRound();
    }

    /// <summary>W7: in one step, before any request completes.</summary>
    public void NoteDecided(Configuration decided)
    {
        if (_phase == PrimaryPhase.Over || decided.Version <= _configuration.Version)
        {
            return;
        }

        bool raised = decided.Epoch > Epoch;
        bool grown = decided.SizeBytes > _configuration.SizeBytes;
        bool leaves = IsLocalRequired && decided.MemberOf(_replica.Node) is null;
        _configuration = decided;
        if (_bugs.Has(Bug.ForgetPendingAtDrop))
        {
            _replica.Unsettled.Clear();
        }

        _replica.NoteConfiguration(decided);
        if (raised)
        {
            Epoch = decided.Epoch;
        }

        UpdatePeers();
        if (grown)
        {
            AfterGrowth();
        }

        foreach (PeerState peer in _peers)
        {
            if (raised && peer.Attachment != 0)
            {
                EndAttachment(peer, DetachReason.None);
            }

            if (peer.IsAttached)
            {
                FrameBodies.Send(peer.Link, Header(peer, FrameKind.Config), new ConfigBody(decided));
            }
        }

        foreach (PeerState peer in _peers)
        {
            TryAttach(peer);
        }

        if (leaves)
        {
            SendUnprovenAgain();
        }

        AskForRoom();
        WantTurns();
        CheckAll();
    }

    // P10: what was acknowledged after the members' flush and before this decision may be gone with their power, and nowhere else: it is acknowledged anew.
    private void SendUnprovenAgain()
    {
        for (PrimaryTask? task = _firstInFlight; task is not null; task = task.Next)
        {
            if (task.Seq > (_proof?.Seq ?? 0))
            {
                task.AckMask = 0;
                task.SentNs = _clock.NowNs;
                foreach (PeerState peer in _peers)
                {
                    if (peer.IsRequired && peer.IsAttached)
                    {
                        SendWrite(task, peer);
                    }
                }
            }
        }
    }

    /// <summary>P5: the losers are out by now.</summary>
    public void Reconcile()
    {
        if (_phase is PrimaryPhase.Attaching or PrimaryPhase.Dropping)
        {
            _phase = PrimaryPhase.Reconciling;
            BeginReconcile();
        }
    }

    /// <summary>P8.</summary>
    public void Drain()
    {
        if (_phase == PrimaryPhase.Serving)
        {
            _phase = PrimaryPhase.Draining;
            CheckDrained();
        }
    }

    public void Undrain()
    {
        if (_phase == PrimaryPhase.Draining)
        {
            if (!_drainedTold)
            {
                _events.Post(new NotDrained(Reign, DescribeUnderWay()));
            }

            _phase = PrimaryPhase.Serving;
            _drainedTold = false;
            AdmitWaiting();
        }
    }

    public void FencePeer(string node, long epoch)
    {
        if (PeerOf(node) is { IsAttached: true } peer)
        {
            Frame fence = Header(peer, FrameKind.Fence);
            fence.Argument = epoch;
            peer.Link.Send(fence, default);
        }
    }

    /// <summary>S4: nothing was proposed; the gate is opened and tried again later.</summary>
    public void AdmissionAbandoned(string node)
    {
        if (PeerOf(node) is { Gate: GateState.Ready } peer)
        {
            OpenGate(peer);
            CheckAll();
        }
    }

    /// <summary>P7: every operation in hand ends without a claim as soon as nothing reads its memory.</summary>
    public void StepDown(bool exact)
    {
        if (_phase == PrimaryPhase.Over)
        {
            return;
        }

        _phase = PrimaryPhase.Over;
        _timers.Cancel(_copyTimer);
        foreach (PeerState peer in _peers)
        {
            if (peer.Attachment != 0)
            {
                EndAttachment(peer, DetachReason.Deposed);
            }
        }

        if (!exact)
        {
            _replica.BecomeCoarse();
        }

        DeposeAll();
    }

    /// <summary>Every 50 ms or so.</summary>
    public void Tick()
    {
        if (_phase == PrimaryPhase.Over)
        {
            return;
        }

        long now = _clock.NowNs;
        foreach (PeerState peer in _peers)
        {
            TryAttach(peer);
            CheckLate(peer, now);
            CheckKept(peer);
        }

        if (now - _stableSentNs >= _options.StableIntervalNs)
        {
            _stableSentNs = now;
            SendStable();
        }

        CheckAttachRound();
        BeginWantedRound();
        AnswerLeased();
        RereadAll();
        RestRate(now);
        PumpResync();
        PumpVerify();
        if (_failing && !_bugs.Has(Bug.FailOnce))
        {
            FailPending(true);
        }

        if (IsGrowing && !_bugs.Has(Bug.GrowWaitsForGone))
        {
            // Who was asked for room may be required no more.
            CheckRoom();
        }

        CheckAll();
    }

    /// <summary>When the oldest read of the own store's that has not ended was submitted; long.MaxValue: none.</summary>
    public long OldestReadNs()
    {
        long oldest = long.MaxValue;
        foreach (PrimaryTask task in _tasks)
        {
            oldest = task.Request.IsBusy ? Math.Min(oldest, task.Request.StartedNs) : oldest;
        }

        return oldest;
    }

    /// <summary>
    /// P10: before this node is left out, every member that stays flushes what it has, after the own store has failed and so nothing completes: what was answered and is in the own
    /// store is then nowhere only in the cache of a machine that may be losing its power. <see cref="MembersHold"/> follows when all have.
    /// </summary>
    public void OnStoreFailed()
    {
        RereadAll();
        BeginProof();
    }

    private void BeginProof()
    {
        if (_proof is null && HasOtherMember && _phase is PrimaryPhase.Serving or PrimaryPhase.Draining)
        {
            _proof = Take();
            _proof.Kind = TaskKind.Flush;
            _proof.OffsetBytes = 0;
            _proof.LengthBytes = 0;
            _proof.Lock.OffsetBytes = 0;
            _proof.Lock.LengthBytes = 0;
            _proof.Lock.Exclusive = false;
            _proof.Lock.Key = 0;
            _proof.Lock.KeyExclusive = false;
            Acquire(_proof);
        }
    }

    private void CheckProof()
    {
        if (_proof is not { Step: TaskStep.Writing } proof || _proofTold)
        {
            return;
        }

        int members = 0;
        foreach (PeerState peer in _peers)
        {
            members |= peer.IsMember ? peer.Bit : 0;
        }

        if (members != 0 && (members & ~proof.AckMask) == 0)
        {
            _proofTold = true;
            _events.Post(new MembersHold(Reign));
        }
    }

    /// <summary>W9: a syncing peer still owes an acknowledgement in that range.</summary>
    public bool MayClear(ByteRange range)
    {
        foreach (PeerState peer in _peers)
        {
            if (peer.IsOutstanding(range))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Requests that have no answer yet.</summary>
    internal int UnansweredCount => _waiting.Count + _tasks.Count(static task => task.Operation is not null);

    /// <summary>What is in hand and what it waits for, a line each: for people who ask why nothing moves.</summary>
    public IEnumerable<string> Describe()
    {
        foreach (PrimaryTask task in _tasks)
        {
            if (task.Step != TaskStep.Idle)
            {
                yield return $"{task.Kind} {task.Range} {task.Step} seq {task.Seq} acknowledged {task.AckMask} of {RequiredMask()}, own store {(task.LocalDone ? "done" : task.Local.IsActive ? "busy" : "not done")}"
                    + $", own mark {task.Local.Mark}, memory {(task.IsMemoryBusy ? "in use" : "free")}, peer {task.Peer?.Node ?? "-"}, outcome {task.Outcome}";
            }
        }

        foreach (PeerState peer in _peers)
        {
            yield return $"{peer.Node}: {(peer.IsMember ? "member" : "out")} gate {peer.Gate} attachment {peer.Attachment} {(peer.IsAttached ? "attached" : "not attached")} heard mark {peer.HeardMark}"
                + $", confirmed {peer.ConfirmedRound} of {_confirmRound}, to copy {peer.Set?.Set.CountGranules ?? 0} granules, {peer.ResyncInFlight} under way";
        }
    }

    /// <summary>A node that may hold a replica from the next configuration on. Before that is noted; it is required of nothing that was admitted earlier.</summary>
    public void AddPeer(IPeerLink link)
    {
        Invariant.Check(_peers.Length < MaxPeers && PeerOf(link.Peer) is null);
        _peers = [.. _peers, new PeerState(_peers.Length, link.Peer, link) { LostAtNs = _clock.NowNs }];
    }

    /// <summary>What is known of the others, for people and metrics.</summary>
    public IReadOnlyList<PeerReport> Report()
    {
        var reports = new List<PeerReport>(_peers.Length);
        foreach (PeerState peer in _peers)
        {
            if (peer.IsNamed)
            {
                long toCopy = peer.Set is { } set ? Math.Min(_configuration.SizeBytes, set.Set.CountGranules * set.Set.GranuleBytes) : 0;
                reports.Add(new PeerReport(peer.Node, peer.IsMember, peer.IsAttached, peer.Gate != GateState.None, toCopy, peer.Link.IsUp));
            }
        }

        return reports;
    }

    private PeerState? PeerOf(string node)
    {
        foreach (PeerState peer in _peers)
        {
            if (peer.Node == node)
            {
                return peer;
            }
        }

        return null;
    }

    // What each is, of all of them first: an attachment that ends may let a write begin, which looks at all.
    private void UpdatePeers()
    {
        foreach (PeerState peer in _peers)
        {
            peer.WasMember = peer.IsMember;
            if (!_bugs.Has(Bug.PeersOneByOne))
            {
                Name(peer);
            }
        }

        foreach (PeerState peer in _peers)
        {
            if (_bugs.Has(Bug.PeersOneByOne))
            {
                Name(peer);
            }

            ReplicaEntry? entry = _configuration.ReplicaOf(peer.Node);
            if (peer.IsMember)
            {
                if (peer.IsAttached && _configuration.MemberOf(peer.Node) is { } member && (member.Session != peer.Session || member.Incarnation != peer.Incarnation))
                {
                    // An admission that was settled late, of a session that has ended since: dropped first (W3).
                    EndAttachment(peer, DetachReason.Broken);
                    peer.IsBroken = true;
                    _events.Post(new PeerBroken(Epoch, peer.Node));
                }
            }
            else if (peer.WasMember)
            {
                peer.IsBroken = false;
                peer.LateTold = false;
                if (peer.Attachment != 0)
                {
                    EndAttachment(peer, DetachReason.Dropped);
                }
            }

            if (peer.Attachment != 0 && entry is not { Detached: false })
            {
                EndAttachment(peer, DetachReason.Dropped);
            }

            if (entry is null || entry.Incarnation != peer.Incarnation)
            {
                peer.Incarnation = entry?.Incarnation ?? Guid.Empty;
                peer.HeardMark = 0;
            }

            if (peer.IsMember != peer.WasMember)
            {
                peer.LostAtNs = _clock.NowNs;
                peer.LateTold = false;
            }
        }
    }

    private void Name(PeerState peer)
    {
        ReplicaEntry? entry = _configuration.ReplicaOf(peer.Node);
        peer.IsNamed = entry is not null;
        peer.Protocol = entry?.Protocol ?? ReplicationProtocol.C;
        peer.IsMember = _configuration.MemberOf(peer.Node) is not null;
        peer.Set = peer.IsMember ? null : _replica.SetOf(peer.Node);
        if (peer.IsMember)
        {
            peer.Gate = GateState.None;
            peer.OutstandingClear();
        }
    }

    private int RequiredMask()
    {
        int mask = 0;
        foreach (PeerState peer in _peers)
        {
            mask |= peer.IsRequired && (peer.IsAttached || !_bugs.Has(Bug.AcknowledgeBeforeDrop)) ? peer.Bit : 0;
        }

        return mask;
    }

    private Frame Header(PeerState peer, FrameKind kind) => new()
    {
        Kind = kind,
        Attachment = peer.Attachment,
        Epoch = Epoch,
        Stable = Stable,
        Mark = _replica.Mark,
    };

    private void SendStable()
    {
        foreach (PeerState peer in _peers)
        {
            if (peer.IsAttached)
            {
                FrameBodies.Send(peer.Link, Header(peer, FrameKind.Stable), new MarksBody(_replica.Marks.ToList()));
            }
        }

        _events.Post(new MarksHeard(MarksNow()));
    }

    private ValueList<HeardMark> MarksNow()
    {
        _replica.Marks.Hear(_replica.Incarnation, _replica.Mark);
        return _replica.Marks.ToList();
    }
}
