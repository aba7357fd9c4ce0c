using System.Buffers.Binary;

namespace ActorSan.Scsi.Copy;

/// <summary>
/// RECEIVE COPY RESULTS (SPC-4 §6.24; there RECEIVE COPY STATUS, DATA, OPERATING PARAMETERS and FAILURE DETAILS (LID1)): CDB byte 2 LIST IDENTIFIER, 10..13 ALLOCATION
/// LENGTH. Every answer begins with AVAILABLE DATA (0..3), the length after it.
/// <code>
/// status      4  7 HDD  6..0 COPY MANAGER STATUS   5..6 SEGMENTS PROCESSED   7 TRANSFER COUNT UNITS   8..11 TRANSFER COUNT
/// parameters  4  0 SNLID   8..9, 10..11 descriptor counts   12..15 list length   16..19 segment length   34..35, 36 concurrent copies   37 granularity   43, 44.. types
/// failure     56 EXTENDED COPY COMMAND STATUS   58..59 SENSE DATA LENGTH   60.. SENSE DATA
/// </code>
/// </summary>
internal static class ReceiveCopyResults
{
    private const int StatusBytes = 12;
    private const int FailureHeaderBytes = 60;
    private const int MaxBytes = FailureHeaderBytes + SenseBuffer.MaxLength;
    private const byte CountsBytes = 0x00;
    private const byte CountsKiB = 0x01;

    public static readonly CommandDescriptor[] Rows =
    [
        Row("RECEIVE COPY STATUS(LID1)", 0x00, 0xFF, Status),
        Row("RECEIVE COPY DATA(LID1)", 0x01, 0xFF, Data),
        Row("RECEIVE COPY OPERATING PARAMETERS", 0x03, 0x00, OperatingParameters),
        Row("RECEIVE COPY FAILURE DETAILS(LID1)", 0x04, 0xFF, FailureDetails),
    ];

    private static CommandDescriptor Row(string name, byte serviceAction, byte listId, Action<TaskState> start) => new()
    {
        Name = name,
        OperationCode = 0x84,
        ServiceAction = serviceAction,
        Usage = [0x84, serviceAction, listId, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00],
        Demand = static (_, cdb) => new CdbDemand(0, Math.Min(BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]), MaxBytes)),
        Start = start,
    };

    private static CopyResult? Find(TaskState task)
    {
        CopyResult? result = task.Nexus.Copies?.Find(task.CdbByte(2));
        if (result is null)
        {
            task.FailCdbField(2);
        }

        return result;
    }

    private static void Status(TaskState task)
    {
        if (Find(task) is not { } result)
        {
            return;
        }

        Span<byte> data = stackalloc byte[StatusBytes];
        data.Clear();
        BinaryPrimitives.WriteUInt32BigEndian(data, StatusBytes - 4);
        data[4] = (byte)result.Status;
        BinaryPrimitives.WriteUInt16BigEndian(data[5..], (ushort)result.SegmentsDone);
        bool fits = result.BytesWritten <= uint.MaxValue;
        data[7] = fits ? CountsBytes : CountsKiB;
        BinaryPrimitives.WriteUInt32BigEndian(data[8..], (uint)(fits ? result.BytesWritten : result.BytesWritten >> 10));
        task.EndWith(data, task.CdbUInt32(10));
    }

    // No segment descriptor of ours holds data for the initiator: there is none, but the identifier is known.
    private static void Data(TaskState task)
    {
        if (Find(task) is not { } result)
        {
            return;
        }

        if (result.Status == CopyStatus.InProgress)
        {
            task.FailCdbField(2);
            return;
        }

        Span<byte> data = stackalloc byte[4];
        data.Clear();
        task.EndWith(data, task.CdbUInt32(10));
    }

    private static void FailureDetails(TaskState task)
    {
        if (Find(task) is not { } result)
        {
            return;
        }

        if (result.Status == CopyStatus.InProgress)
        {
            task.FailCdbField(2);
            return;
        }

        Span<byte> data = stackalloc byte[MaxBytes];
        data.Clear();
        int length = 4;
        if (result.Status == CopyStatus.Failed && result.SenseLength > 0)
        {
            length = FailureHeaderBytes + result.SenseLength;
            BinaryPrimitives.WriteUInt32BigEndian(data, (uint)(length - 4));
            data[56] = (byte)result.CommandStatus;
            BinaryPrimitives.WriteUInt16BigEndian(data[58..], (ushort)result.SenseLength);
            result.Sense.AsSpan(0, result.SenseLength).CopyTo(data[FailureHeaderBytes..]);
        }

        // Told once (SPC-4 §6.20): the details are gone, the status stays.
        result.SenseLength = 0;
        task.EndWith(data[..length], task.CdbUInt32(10));
    }

    private static void OperatingParameters(TaskState task)
    {
        LogicalUnitSettings settings = task.Device.Settings;
        Span<byte> data = stackalloc byte[46];
        data.Clear();
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)data.Length - 4);
        data[4] = 0x01;
        BinaryPrimitives.WriteUInt16BigEndian(data[8..], CopyLimits.MaxTargets);
        BinaryPrimitives.WriteUInt16BigEndian(data[10..], CopyLimits.MaxSegments);
        BinaryPrimitives.WriteUInt32BigEndian(data[12..], CopyLimits.MaxListBytes);
        BinaryPrimitives.WriteUInt32BigEndian(data[16..], (uint)settings.MaxCopySegmentBytes);
        BinaryPrimitives.WriteUInt16BigEndian(data[34..], (ushort)settings.MaxConcurrentCopies);
        data[36] = (byte)Math.Min(settings.MaxConcurrentCopies, byte.MaxValue);
        data[37] = CopyLimits.SegmentGranularity(task.Device);
        data[43] = 2;
        data[44] = CopyLimits.BlockToBlock;
        data[45] = CopyLimits.Identification;
        task.EndWith(data, task.CdbUInt32(10));
    }
}
