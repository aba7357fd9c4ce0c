using ActorSan.Replication.Core.Ports;

namespace ActorSan.Simulator.Disk;

/// <summary>How a write that did not end in order left the slot that it went to.</summary>
internal enum TornWrite : byte
{
    Old,
    New,
    Damaged,
}

/// <summary>A page of the metadata area on the disk: two slots, written alternately, so that at most the older one is at risk.</summary>
internal sealed class SimPage(int maxBytes)
{
    private Slot _a = new();
    private Slot _b = new();

    // The handle's view, set at open: which slot holds the latest that is known to be whole.
    private bool _latestIsB;
    private long _generation;

    public int MaxBytes { get; } = maxBytes;

    /// <summary>Both slots hold something that reads.</summary>
    public bool IsWhole => _a.Bytes is not null && _b.Bytes is not null && !_a.Damaged && !_b.Damaged;

    public bool IsLost => _a.Damaged && _b.Damaged;

    private ref Slot Latest => ref _latestIsB ? ref _b : ref _a;

    private ref Slot Target => ref _latestIsB ? ref _a : ref _b;

    public ReadOnlySpan<byte> Content => Latest.Bytes is null ? default : Latest.Bytes.AsSpan(0, Latest.Length);

    /// <summary>Chooses the slot that counts, as opening a store does.</summary>
    public PageHealth Open()
    {
        _latestIsB = _a.Damaged || (!_b.Damaged && _b.Generation > _a.Generation);
        _generation = Latest.Generation;
        return _a.Damaged || _b.Damaged ? PageHealth.Doubtful : _generation == 0 ? PageHealth.Blank : PageHealth.Sound;
    }

    /// <summary>A write that ended with success.</summary>
    public void Write(ReadOnlySpan<byte> content)
    {
        Put(content);
        _latestIsB = !_latestIsB;
    }

    /// <summary>A write that was cut short or failed. The next one goes to the same slot: the one that is known to be whole is never at risk.</summary>
    public void Tear(ReadOnlySpan<byte> content, TornWrite how)
    {
        switch (how)
        {
            case TornWrite.Old:
                break;
            case TornWrite.New:
                Put(content);
                break;
            case TornWrite.Damaged:
                Put(content);
                Target.Damaged = true;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(how), how, "no such end");
        }
    }

    /// <summary>Bit rot.</summary>
    public void Damage(bool newer)
    {
        bool newerIsB = _b.Generation > _a.Generation;
        ref Slot slot = ref newer == newerIsB ? ref _b : ref _a;
        slot.Damaged = true;
    }

    public SimPage Copy() => new(MaxBytes) { _a = _a.Copy(), _b = _b.Copy(), _latestIsB = _latestIsB, _generation = _generation };

    private void Put(ReadOnlySpan<byte> content)
    {
        ref Slot target = ref Target;
        target.Bytes ??= new byte[MaxBytes];
        content.CopyTo(target.Bytes);
        target.Length = content.Length;
        target.Generation = ++_generation;
        target.Damaged = false;
    }

    private struct Slot
    {
        public byte[]? Bytes;
        public int Length;
        public long Generation;
        public bool Damaged;

        public readonly Slot Copy() => this with { Bytes = (byte[]?)Bytes?.Clone() };
    }
}

/// <summary>A redo slot on the disk: counts only when header and bytes fit, so a write of it that is cut short is as if it had never been.</summary>
internal sealed class SimRedoSlot(int maxBytes)
{
    public readonly byte[] Bytes = new byte[maxBytes];
    public bool Used;
    public ulong Sequence;
    public long OffsetBytes;
    public int Length;

    public void Fill(ulong sequence, long offsetBytes, ReadOnlySpan<byte> content)
    {
        Used = true;
        Sequence = sequence;
        OffsetBytes = offsetBytes;
        Length = content.Length;
        content.CopyTo(Bytes);
    }

    public SimRedoSlot Copy()
    {
        var copy = new SimRedoSlot(Bytes.Length) { Used = Used, Sequence = Sequence, OffsetBytes = OffsetBytes, Length = Length };
        Bytes.CopyTo(copy.Bytes, 0);
        return copy;
    }
}
