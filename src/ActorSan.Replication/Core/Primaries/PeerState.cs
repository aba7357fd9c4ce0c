using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>S4: how far a syncing peer's admission is.</summary>
internal enum GateState : byte
{
    None,

    /// <summary>Required; what it must have is on its way.</summary>
    Gating,

    /// <summary>It has all, flushed; the change may be proposed at any moment, so it stays required until that is settled (R6).</summary>
    Ready,
}

/// <summary>A range sent to a syncing peer and not acknowledged (S2).</summary>
internal readonly record struct SentRange(long Seq, ByteRange Range);

/// <summary>What a primary knows of one other replica.</summary>
internal sealed class PeerState(int index, string node, IPeerLink link)
{
    private SentRange[] _outstanding = new SentRange[64];

    public int Index { get; } = index;

    public int Bit { get; } = 1 << index;

    public string Node { get; } = node;

    public IPeerLink Link { get; } = link;

    public Guid Incarnation { get; set; }

    public Guid Session { get; set; }

    public Guid Instance { get; set; }

    /// <summary>In the decided in-sync set.</summary>
    public bool IsMember { get; set; }

    /// <summary>In that of the configuration before, while one is taken up.</summary>
    public bool WasMember { get; set; }

    /// <summary>§3: how it is waited for.</summary>
    public ReplicationProtocol Protocol { get; set; }

    public bool IsAsynchronous => Protocol != ReplicationProtocol.C;

    /// <summary>The configuration names it.</summary>
    public bool IsNamed { get; set; }

    /// <summary>The turn under way; 0: none.</summary>
    public long Turn { get; set; }

    /// <summary>The last seq when the turn began.</summary>
    public long TurnSeq { get; set; }

    /// <summary>It has everything of before the turn on its medium.</summary>
    public bool IsTurned { get; set; }

    /// <summary>Another turn would do something, though nothing was written since.</summary>
    public bool IsTurnWanted { get; set; } = true;

    public long TurnDueNs { get; set; }

    public GateState Gate { get; set; }

    public bool IsRequired => IsMember || Gate != GateState.None;

    /// <summary>The attachment offered or agreed to; 0: none.</summary>
    public long Attachment { get; set; }

    public bool IsAttached { get; set; }

    /// <summary>Came to this epoch in a state that fits; what P5 waits for.</summary>
    public bool Came { get; set; }

    /// <summary>A member that must be dropped before it is attached again.</summary>
    public bool IsBroken { get; set; }

    public long AttachSentNs { get; set; }

    public long RetryAtNs { get; set; }

    /// <summary>Attached or gated since: what was sent before does not count against it.</summary>
    public long SinceNs { get; set; }

    /// <summary>The session that was told to be ready for admission (S4).</summary>
    public Guid ReadySession { get; set; }

    /// <summary>Without attachment since; what `ack-timeout` counts from.</summary>
    public long LostAtNs { get; set; }

    public bool LateTold { get; set; }

    /// <summary>What it reported on attaching; null before.</summary>
    public AttachedBody? Report { get; set; }

    public PeerSet? Set { get; set; }

    public long ConfirmedRound { get; set; }

    public long ConfirmSentNs { get; set; }

    /// <summary>The highest mark of this primary's store that the peer has surely heard (W2).</summary>
    public long HeardMark { get; set; }

    /// <summary>This primary's mark when it offered the attachment.</summary>
    public long OfferedMark { get; set; }

    /// <summary>Of its replica, as it said last (S7).</summary>
    public long SizeBytes { get; set; }

    /// <summary>S7: the last round in which it said that it has room.</summary>
    public long GrownRound { get; set; }

    public int ResyncInFlight { get; set; }

    public long ResyncCursor { get; set; }

    public int OutstandingCount { get; private set; }

    /// <summary>Oldest first.</summary>
    public ReadOnlySpan<SentRange> Outstanding => _outstanding.AsSpan(0, OutstandingCount);

    public void AddOutstanding(long seq, ByteRange range)
    {
        if (OutstandingCount == _outstanding.Length)
        {
            Array.Resize(ref _outstanding, OutstandingCount * 2);
        }

        _outstanding[OutstandingCount++] = new SentRange(seq, range);
    }

    public void RemoveOutstanding(long seq)
    {
        for (int i = 0; i < OutstandingCount; i++)
        {
            if (_outstanding[i].Seq == seq)
            {
                _outstanding.AsSpan(i + 1, OutstandingCount - i - 1).CopyTo(_outstanding.AsSpan(i));
                OutstandingCount--;
                return;
            }
        }
    }

    public void OutstandingClear() => OutstandingCount = 0;

    public bool IsOutstanding(ByteRange range)
    {
        foreach (SentRange sent in Outstanding)
        {
            if (sent.Range.Overlaps(range))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>S2: the link went before its acknowledgements; their ranges join the set.</summary>
    public void OutstandingToSet(BugSet bugs)
    {
        foreach (SentRange sent in bugs.Has(Bug.ForgetOutstanding) ? default : Outstanding)
        {
            Set?.Set.Add(sent.Range);
        }

        OutstandingCount = 0;
    }
}
