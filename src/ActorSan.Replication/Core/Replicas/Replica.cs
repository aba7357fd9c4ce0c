using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>What a replica tells its engine.</summary>
public interface IReplicaUser
{
    /// <summary>An I/O, a flush or the metadata area failed, or an I/O hangs: nothing more is written here (§7).</summary>
    void OnStoreFailed(StoreStatus status);

    /// <summary>P10: the last member answers that the store is full, and goes on.</summary>
    bool KeepsWhenFull { get; }

    /// <summary>W9 at the primary: false while a write into the range was sent to a syncing peer and not acknowledged.</summary>
    bool MayClear(ByteRange chunk);
}

/// <summary>
/// One copy of the volume on this node, under both roles: applies writes in order of arrival, with their intent durable first (W2), keeps the unsettled list (W4), the out-of-sync
/// sets of those who are out (S1), the fence (P3) and the marks, and clears intent (W9). One thread.
/// </summary>
public sealed unsafe partial class Replica
{
    private readonly IStore _store;
    private readonly IReplicaMetadata _metadata;
    private readonly IClock _clock;
    private readonly IReplicaUser _user;
    private readonly BugSet _bugs;
    private readonly long _dataOffsetBytes;
    private readonly RangeLocks _locks = new();
    private readonly StateWriter _stateWriter;
    private readonly List<PeerSet> _sets = [];
    private ReplicaState _state;
    private Configuration? _configuration;

    /// <param name="state">As loaded from the state page; the session is already the right one for this opening.</param>
    public Replica(ReplicaOptions options, ReplicaState state, IStore store, IReplicaMetadata metadata, IClock clock, IReplicaUser user, BugSet bugs)
    {
        Options = options;
        _state = state;
        _store = store;
        _metadata = metadata;
        _clock = clock;
        _user = user;
        _bugs = bugs;
        _dataOffsetBytes = metadata.DataOffsetBytes;
        SizeBytes = metadata.Geometry.SizeBytes;
        Intent = new WriteIntent(metadata, options.ChunkBytes, SizeBytes, state.Mark, bugs.Has(Bug.TrustDoubtfulPage));
        _configurationWriter = new ConfigurationWriter(this);
        _pageFaults.AddRange(Intent.Faults);
        LoadConfiguration();
        Marks.Hear(state.Heard);
        Marks.Saved();
        _stateWriter = new StateWriter(this);
        _setWriter = new SetWriter(this);
        _ = metadata.LoadedPage(ReplicaPageKind.State, 0, 0, out PageHealth health);
        _arePlacesDoubtful = health == PageHealth.Doubtful;
        _clearing = new ClearRun(this);
        _freeSlots = new int[metadata.RedoSlotCount];
        for (int slot = 0; slot < _freeSlots.Length; slot++)
        {
            _freeSlots[slot] = _freeSlots.Length - 1 - slot;
        }

        _freeSlotCount = _freeSlots.Length;

        // The list of a process that is gone went with it; a store that was closed in order had nothing unsettled that its chunks do not cover.
        IsCoarse = Intent.Ranges().Count > 0;
    }

    public ReplicaOptions Options { get; }

    public long SizeBytes { get; private set; }

    public Guid VolumeId => _state.VolumeId;

    public Guid Lineage => _state.Lineage;

    public string Node => _state.Node;

    public Guid Incarnation => _state.Incarnation;

    public Guid Session => _state.Session;

    /// <summary>The highest epoch that is durable here; a lower one is refused (W3).</summary>
    public long HighestEpoch => _state.HighestEpoch;

    public Member Self => new(Node, Incarnation, Session);

    public WriteIntent Intent { get; }

    public UnsettledList Unsettled { get; } = new();

    public MarkTable Marks { get; } = new();

    public long Mark => Intent.Mark;

    internal long NowNs => _clock.NowNs;

    /// <summary>The unsettled list was lost: the write-intent chunks stand for it (W4).</summary>
    public bool IsCoarse { get; private set; }

    /// <summary>Nothing is written or read any more.</summary>
    public bool IsFailed { get; private set; }

    /// <summary>It has failed, and whoever opens the store next will know: its session is over for good (P9).</summary>
    public bool IsSessionEnded { get; private set; }

    /// <summary>S4: at the gate of its primary: it keeps sets as a member does, though it is none yet.</summary>
    public bool IsGated { get; private set; }

    /// <summary>Somebody heard a higher mark of this store than it has: it is an old copy of itself (W2).</summary>
    public bool IsOldCopy => Marks.Of(Incarnation) > Mark;

    /// <summary>S7: it had room for that size when it was decided, if it was a member: a smaller one is an older image.</summary>
    public bool IsOlderThan(Configuration configuration) => IsOldCopy || SizeBytes < configuration.SizeBytes;

    /// <summary>The configuration that was last told to this replica; null before the first.</summary>
    public Configuration? Configuration => _configuration;

    /// <summary>In sync by the latest configuration that it was told.</summary>
    public bool IsMember => _configuration?.MemberOf(Node) == Self;

    public IReadOnlyList<PeerSet> Sets => _sets;

    public PeerSet? SetOf(string node) => _sets.Find(set => set.Node == node);

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _metadata.GetAttribute(attribute);

    public int MaxAtomicBytes => _metadata.RedoSlotBytes;

    public int MaxAttributeBytes => _metadata.MaxAttributeBytes;

    /// <summary>Nothing is written, nor waits to be.</summary>
    public bool IsIdle => _firstActive is null && !_stateWriter.IsBusy && !_clearing.IsRunning;

    /// <summary>A list of a settled reign whose entries are all behind stable: nothing that a failover would have to settle is unknown (P6).</summary>
    public void BecomeExact() => IsCoarse = false;

    /// <summary>P7: what this node wrote as a primary that was deposed is known by its chunks only.</summary>
    public void BecomeCoarse() => IsCoarse = true;

    /// <summary>The epoch is durable when this ends well; never lower than it was.</summary>
    public void MakeEpochDurable(long epoch, Action<bool> done)
    {
        if (epoch <= _state.HighestEpoch && !_stateWriter.IsBusy)
        {
            done(!IsFailed);
            return;
        }

        _state = _state with { HighestEpoch = Math.Max(epoch, _state.HighestEpoch) };
        _stateWriter.Save(done);
    }

    /// <summary>Another incarnation, durable: what was heard of the old one says nothing about it (S1). Its marks count on.</summary>
    public void TakeNewIncarnation(Guid incarnation, Action<bool> done)
    {
        _state = _state with { Incarnation = incarnation };
        _stateWriter.Save(done);
    }

    /// <summary>The session of an opening is durable before anything else happens in it.</summary>
    public void SaveState(Action<bool> done) => _stateWriter.Save(done);

    /// <summary>
    /// A configuration that is known to be decided: whoever left it and is a replica still gets a set, with this replica's unsettled writes in it (W7); who came in loses his (S4).
    /// </summary>
    public void NoteConfiguration(Configuration configuration)
    {
        if (_configuration is { } known && configuration.Version <= known.Version)
        {
            return;
        }

        Configuration? before = _configuration;
        long grownFrom = before is null ? configuration.SizeBytes : before.SizeBytes;
        _configuration = configuration;
        _configurationWriter.Save();
        Marks.Hear(configuration);
        Marks.Forget(configuration);
        _sets.RemoveAll(set => configuration.ReplicaOf(set.Node) is not { } entry || configuration.MemberOf(set.Node) is not null || entry.Incarnation != set.Incarnation);
        if (!IsMember && !IsGated)
        {
            return;
        }

        KeepSets(configuration, before);
        AddNewPart(grownFrom, configuration.SizeBytes);
    }

    /// <summary>S4: from here on it keeps a set for everyone who is out, and for whoever is dropped before it is admitted itself. Its other sets came before (TakeSet).</summary>
    public void BeginGate()
    {
        if (_bugs.Has(Bug.NoSetsWhileGated))
        {
            return;
        }

        IsGated = true;
        if (_configuration is { } configuration)
        {
            KeepSets(configuration, configuration);
        }
    }

    /// <summary>The attachment has ended.</summary>
    public void EndGate() => IsGated = false;

    private void KeepSets(Configuration configuration, Configuration? before)
    {
        foreach (ReplicaEntry entry in configuration.Replicas.Span)
        {
            if (entry.Node == Node || configuration.MemberOf(entry.Node) is not null)
            {
                continue;
            }

            PeerSet? set = SetOf(entry.Node);
            bool begins = set is null || before?.ReplicaOf(entry.Node)?.LeftAt is not null;
            bool forgets = _bugs.Has(Bug.WhollyInOneNode) && (set is not null || configuration.Primary?.Node != Node);
            set ??= NewSet(entry.Node, entry.Incarnation, withUnsettled: true);

            // Once: what has been copied or proven equal since stays out of a primary's set (S1).
            if (entry.LeftAt is null && begins && !forgets && !_bugs.Has(Bug.EmptySetForNewReplica))
            {
                set.AddAll();
            }
        }
    }

    /// <summary>S4: the set that the primary handed over for another replica, instead of any that was here.</summary>
    /// <param name="goesOn">More of the set that came before.</param>
    public void TakeSet(string node, Guid incarnation, bool wholly, bool goesOn, ValueList<ByteRange> ranges)
    {
        PeerSet? taken = goesOn ? SetOf(node) : null;
        if (taken is null || taken.Incarnation != incarnation)
        {
            _ = _sets.RemoveAll(set => set.Node == node);
            taken = NewSet(node, incarnation, withUnsettled: false);
        }

        if (wholly)
        {
            taken.Set.AddAll();
        }

        foreach (ByteRange range in ranges.Span)
        {
            taken.Set.Add(range);
        }
    }

    /// <summary>W4, W7: what was written since the drop is in the set of each that is out.</summary>
    public void AddToSets(ByteRange range)
    {
        foreach (PeerSet set in _sets)
        {
            set.Add(range);
        }
    }

    /// <summary>Every range that may differ between replicas after a failover: the list, or the chunks that stand for it.</summary>
    public List<ByteRange> UnsettledRanges()
    {
        List<ByteRange> ranges = IsCoarse ? Intent.Ranges() : [];
        foreach (UnsettledEntry entry in Unsettled)
        {
            if (entry.Range.LengthBytes > 0)
            {
                ranges.Add(entry.Range);
            }
        }

        return ranges;
    }

    internal void Fail(StoreStatus status)
    {
        if (!IsFailed)
        {
            IsFailed = true;
            if (status != StoreStatus.NoSpace)
            {
                // A store that only has no room has lost nothing that it took.
                EndSession();
            }

            _user.OnStoreFailed(status);

            // Who waits for a slot waits for one that a failed write may never give back; who waits for its turn or its intent, perhaps for what a hung store never ends.
            DropSlotWaiters();
            TellUnsubmitted();
        }
    }

    // §2: known to whoever opens the store next, before anything else is: what a failed flush has lost is nobody's any more.
    private void EndSession()
    {
        if (!IsSessionEnded && !_bugs.Has(Bug.ForgetFailure))
        {
            _state = _state with { SessionEnded = true };
            _stateWriter.Save(held => IsSessionEnded |= held);
        }
    }
}
