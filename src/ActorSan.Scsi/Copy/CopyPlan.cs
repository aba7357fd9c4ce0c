using System.Buffers.Binary;

namespace ActorSan.Scsi.Copy;

/// <summary>One segment that was found in order: bytes from one unit to another.</summary>
internal struct CopySegment
{
    public LunNexus Source;
    public LunNexus Destination;
    public long SourceBytesOffset;
    public long DestinationBytesOffset;

    /// <summary>Bytes to copy; the last block of the destination is filled up with zeroes where they end inside of it.</summary>
    public long Bytes;
}

/// <summary>
/// What a parameter list of EXTENDED COPY(LID1) asks for (SPC-4 §6.4), found wholly before anything is read or written. Reused by its owner.
/// <code>
/// header   0 LIST IDENTIFIER   1  5 STR  4..3 LIST ID USAGE  2..0 PRIORITY   2..3 CSCD LIST LENGTH   8..11 SEGMENT LIST LENGTH   12..15 INLINE DATA LENGTH
/// CSCD     0 E4h   1  5 NUL  4..0 device type   4 code set   5  5..4 association 3..0 designator type   7 length   8..27 designator   28  2 PAD   29..31 block length
/// segment  0 02h   1  1 DC  0 CAT   2..3 0018h   4..5 source   6..7 destination (indices)   10..11 blocks   12..19 source LBA   20..27 destination LBA
/// </code>
/// STR and PRIORITY are hints for media that we don't have; LU ID TYPE and INITIATOR PORT IDENTIFIER are ignored.
/// </summary>
internal sealed class CopyPlan
{
    private const int SegmentTail = CopyLimits.SegmentBytes - 4;
    private const byte Pad = 0x04;
    private const byte CountsDestination = 0x02;

    private readonly LunNexus?[] _units = new LunNexus?[CopyLimits.MaxTargets];
    private int _targets;
    private int _firstSegment;

    private enum ListIdUsage
    {
        Hold = 0,
        Discard = 2,
        None = 3,
    }

    public CopySegment[] Segments { get; } = new CopySegment[CopyLimits.MaxSegments];

    public int SegmentCount { get; private set; }

    public byte ListId { get; private set; }

    /// <summary>The copy has an identifier by which it can be asked for.</summary>
    public bool HasListId { get; private set; }

    /// <summary>Its result is kept after its end.</summary>
    public bool HoldsResult { get; private set; }

    public void Clear()
    {
        Array.Clear(_units);
        Array.Clear(Segments);
        SegmentCount = 0;
    }

    /// <summary>The header and the kinds and numbers of the descriptors; false: the task has been ended with ILLEGAL REQUEST.</summary>
    public bool ReadLists(TaskState task)
    {
        ReadOnlySpan<byte> list = task.DataOut;
        int targetBytes = BinaryPrimitives.ReadUInt16BigEndian(list[2..]);
        uint segmentBytes = BinaryPrimitives.ReadUInt32BigEndian(list[8..]);
        if (!ReadIdentifier(task, list))
        {
            return false;
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(list[12..]) != 0)
        {
            task.FailParameter(12, additional: AdditionalSense.InlineDataLengthExceeded);
            return false;
        }

        if (targetBytes % CopyLimits.TargetBytes != 0 || targetBytes + (long)segmentBytes > list.Length - CopyLimits.HeaderBytes)
        {
            task.FailParameterLength(10);
            return false;
        }

        _targets = targetBytes / CopyLimits.TargetBytes;
        _firstSegment = CopyLimits.HeaderBytes + targetBytes;
        return CheckTargets(task, list) && CheckSegments(task, list, (int)segmentBytes);
    }

    /// <summary>Finds units and ranges; false: the task has been ended with COPY ABORTED (or ILLEGAL REQUEST), and nothing may be copied.</summary>
    public bool Resolve(TaskState task)
    {
        for (int i = 0; i < SegmentCount; i++)
        {
            if (!ResolveSegment(task, i))
            {
                return false;
            }
        }

        return true;
    }

    private bool ReadIdentifier(TaskState task, ReadOnlySpan<byte> list)
    {
        var usage = (ListIdUsage)((list[1] >> 3) & 3);
        ListId = list[0];
        HasListId = usage != ListIdUsage.None;
        HoldsResult = usage == ListIdUsage.Hold;
        if (usage is not (ListIdUsage.Hold or ListIdUsage.Discard or ListIdUsage.None))
        {
            task.FailParameter(1, 4);
            return false;
        }

        if (usage == ListIdUsage.None && ListId != 0)
        {
            task.FailParameter(0);
            return false;
        }

        return true;
    }

    private bool CheckTargets(TaskState task, ReadOnlySpan<byte> list)
    {
        if (_targets > CopyLimits.MaxTargets)
        {
            task.FailParameter(2, additional: AdditionalSense.TooManyTargetDescriptors);
            return false;
        }

        for (int i = 0; i < _targets; i++)
        {
            int at = CopyLimits.HeaderBytes + (i * CopyLimits.TargetBytes);
            if (list[at] != CopyLimits.Identification)
            {
                task.FailParameter(at, additional: AdditionalSense.UnsupportedTargetDescriptorType);
                return false;
            }
        }

        return true;
    }

    private bool CheckSegments(TaskState task, ReadOnlySpan<byte> list, int segmentBytes)
    {
        int end = _firstSegment + segmentBytes;
        SegmentCount = 0;
        for (int at = _firstSegment; at < end; at += CopyLimits.SegmentBytes)
        {
            if (SegmentCount == CopyLimits.MaxSegments)
            {
                task.FailParameter(8, additional: AdditionalSense.TooManySegmentDescriptors);
                return false;
            }

            if (list[at] != CopyLimits.BlockToBlock)
            {
                task.FailParameter(at, additional: AdditionalSense.UnsupportedSegmentDescriptorType);
                return false;
            }

            if (end - at < CopyLimits.SegmentBytes)
            {
                task.FailParameterLength(10);
                return false;
            }

            if (BinaryPrimitives.ReadUInt16BigEndian(list[(at + 2)..]) != SegmentTail)
            {
                task.FailParameter(at + 2);
                return false;
            }

            SegmentCount++;
        }

        return true;
    }

    private bool ResolveSegment(TaskState task, int index)
    {
        ReadOnlySpan<byte> list = task.DataOut;
        int at = _firstSegment + (index * CopyLimits.SegmentBytes);
        ReadOnlySpan<byte> descriptor = list.Slice(at, CopyLimits.SegmentBytes);
        int source = BinaryPrimitives.ReadUInt16BigEndian(descriptor[4..]);
        int destination = BinaryPrimitives.ReadUInt16BigEndian(descriptor[6..]);
        if (!ResolveUnit(task, index, source, field: 4) || !ResolveUnit(task, index, destination, field: 6))
        {
            return false;
        }

        ref CopySegment segment = ref Segments[index];
        segment.Source = _units[source]!;
        segment.Destination = _units[destination]!;
        var from = (BlockDevice)segment.Source.Unit;
        var to = (BlockDevice)segment.Destination.Unit;
        bool countsDestination = (descriptor[1] & CountsDestination) != 0;
        long blocks = BinaryPrimitives.ReadUInt16BigEndian(descriptor[10..]);
        segment.Bytes = blocks << (countsDestination ? to : from).BlockShift;
        if (segment.Bytes > task.Device.Settings.MaxCopySegmentBytes)
        {
            task.FailParameter(at + 10);
            return false;
        }

        return CheckExact(task, index, from, to, PadOf(list, source), PadOf(list, destination), (descriptor[1] & 1) != 0)
            && Place(task, index, from, descriptor, field: 12, segment.Bytes, out segment.SourceBytesOffset)
            && Place(task, index, to, descriptor, field: 20, segment.Bytes, out segment.DestinationBytesOffset);
    }

    // A segment ends inside of a block of one side: a source's rest is dropped and a destination's filled with zeroes where PAD says so (SPC-4 §6.4.3.2); nothing is carried over.
    private bool CheckExact(TaskState task, int index, BlockDevice from, BlockDevice to, bool sourcePad, bool destinationPad, bool carries)
    {
        long bytes = Segments[index].Bytes;
        bool inexactSource = (bytes & (from.BlockBytes - 1)) != 0;
        bool inexactDestination = (bytes & (to.BlockBytes - 1)) != 0;
        if ((!inexactSource || (sourcePad && !carries)) && (!inexactDestination || (destinationPad && !carries)))
        {
            return true;
        }

        Fail(task, index, AdditionalSense.UnexpectedInexactSegment, field: 10);
        return false;
    }

    private static bool PadOf(ReadOnlySpan<byte> list, int target) => (list[CopyLimits.HeaderBytes + (target * CopyLimits.TargetBytes) + 28] & Pad) != 0;

    private static bool Place(TaskState task, int index, BlockDevice device, ReadOnlySpan<byte> descriptor, int field, long bytes, out long offsetBytes)
    {
        ulong lba = BinaryPrimitives.ReadUInt64BigEndian(descriptor[field..]);
        ulong count = (ulong)device.BlockCount;
        ulong blocks = (ulong)((bytes + device.BlockBytes - 1) >> device.BlockShift);
        offsetBytes = 0;
        if (lba <= count && blocks <= count - lba)
        {
            offsetBytes = (long)lba << device.BlockShift;
            return true;
        }

        // No code says that a segment leaves its unit, so the pointer does: to the address, in the segment that INFORMATION numbers.
        Fail(task, index, AdditionalSense.None, field);
        return false;
    }

    private bool ResolveUnit(TaskState task, int segment, int target, int field)
    {
        if (target >= _targets)
        {
            Fail(task, segment, AdditionalSense.CopyTargetUnreachable, field);
            return false;
        }

        if (_units[target] is not null)
        {
            return true;
        }

        int at = CopyLimits.HeaderBytes + (target * CopyLimits.TargetBytes);
        ReadOnlySpan<byte> descriptor = task.DataOut.Slice(at, CopyLimits.TargetBytes);
        if ((descriptor[1] & 0x20) != 0)
        {
            // NUL: a device that swallows data; there is none here.
            FailTarget(task, segment, AdditionalSense.CopyTargetUnreachable, at + 1, bit: 5);
            return false;
        }

        if ((descriptor[1] & 0x1F) != 0)
        {
            FailTarget(task, segment, AdditionalSense.IncorrectCopyTargetType, at + 1, bit: 4);
            return false;
        }

        LunNexus? unit = Find(task.Nexus.LunNexus.View, descriptor);
        if (unit is null)
        {
            FailTarget(task, segment, AdditionalSense.CopyTargetUnreachable, at + 8);
            return false;
        }

        int blockBytes = (descriptor[29] << 16) | BinaryPrimitives.ReadUInt16BigEndian(descriptor[30..]);
        if (blockBytes != ((BlockDevice)unit.Unit).BlockBytes)
        {
            // Counted in other blocks than the unit has, the copy would be another one than the initiator means.
            FailTarget(task, segment, AdditionalSense.InvalidFieldInParameterList, at + 29);
            return false;
        }

        _units[target] = unit;
        return true;
    }

    // Of all that this nexus sees, the unit that has the designator: the association must be the logical unit's, the designator the whole one.
    private static LunNexus? Find(LunView view, ReadOnlySpan<byte> descriptor)
    {
        int length = descriptor[7];
        if (length is 0 or > 20 || (descriptor[5] & 0x30) != 0)
        {
            return null;
        }

        int codeSet = descriptor[4] & 0x0F;
        int type = descriptor[5] & 0x0F;
        ReadOnlySpan<byte> designator = descriptor.Slice(8, length);
        foreach (LunNexus candidate in view.All)
        {
            if (candidate.Unit is BlockDevice device && device.Identity.Has(codeSet, type, designator))
            {
                return candidate;
            }
        }

        return null;
    }

    private static void Fail(TaskState task, int segment, AdditionalSense additional, int field) =>
        task.Fail(new SenseDescription(SenseKey.CopyAborted, additional, SenseKeySpecific.Segment(inSegmentDescriptor: true, field), Information: (ulong)segment));

    private static void FailTarget(TaskState task, int segment, AdditionalSense additional, int byteIndex, int bit = -1) =>
        task.Fail(new SenseDescription(SenseKey.CopyAborted, additional, SenseKeySpecific.Segment(inSegmentDescriptor: false, byteIndex, bit), Information: (ulong)segment));
}
