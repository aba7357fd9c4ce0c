using System.Buffers.Binary;
using ActorSan.Scsi.Copy;

namespace ActorSan.Scsi.Inquiry;

/// <summary>
/// Third-party copy (8Fh; SPC-4 §7.8.17): third-party copy descriptors, each 0..1 type, 2..3 length after it, a multiple of four. The commands are those of the command table.
/// </summary>
internal static class ThirdPartyCopyPage
{
    private const ushort SupportedCommands = 0x0001;
    private const ushort ParameterData = 0x0004;
    private const ushort SupportedDescriptors = 0x0008;
    private const ushort GeneralCopyOperations = 0x8001;
    private const ushort HeldData = 0xC001;

    public static int Write(TaskState task, Span<byte> page)
    {
        LogicalUnitSettings settings = task.Device.Settings;
        int at = 4;
        AppendCommands(page, ref at);

        Span<byte> body = Begin(page, ref at, ParameterData, 28);
        BinaryPrimitives.WriteUInt16BigEndian(body[4..], CopyLimits.MaxTargets);
        BinaryPrimitives.WriteUInt16BigEndian(body[6..], CopyLimits.MaxSegments);
        BinaryPrimitives.WriteUInt32BigEndian(body[8..], CopyLimits.MaxListBytes);

        // The list's length, then block → block and the identification descriptor.
        body = Begin(page, ref at, SupportedDescriptors, 4);
        body[0] = 2;
        body[1] = CopyLimits.BlockToBlock;
        body[2] = CopyLimits.Identification;

        body = Begin(page, ref at, GeneralCopyOperations, 32);
        BinaryPrimitives.WriteUInt32BigEndian(body, (uint)settings.MaxConcurrentCopies);
        BinaryPrimitives.WriteUInt32BigEndian(body[4..], (uint)settings.MaxConcurrentCopies);
        BinaryPrimitives.WriteUInt32BigEndian(body[8..], (uint)settings.MaxCopySegmentBytes);
        body[12] = CopyLimits.SegmentGranularity(task.Device);

        // HELD DATA LIMIT zero: nothing is ever held.
        Begin(page, ref at, HeldData, 28);
        return at;
    }

    // 0: length of the list; each command: 0 operation code, 1 number of service actions, then these.
    private static void AppendCommands(Span<byte> page, ref int at)
    {
        int start = at;
        at += 5;
        foreach (byte operationCode in (ReadOnlySpan<byte>)[0x83, 0x84])
        {
            int head = at;
            page[at++] = operationCode;
            page[at++] = 0;
            foreach (CommandDescriptor row in CommandTable.All)
            {
                if (row.OperationCode == operationCode)
                {
                    page[at++] = row.ServiceAction ?? 0;
                    page[head + 1]++;
                }
            }
        }

        page[start + 4] = (byte)(at - start - 5);
        at = (at + 3) & ~3;
        BinaryPrimitives.WriteUInt16BigEndian(page[start..], SupportedCommands);
        BinaryPrimitives.WriteUInt16BigEndian(page[(start + 2)..], (ushort)(at - start - 4));
    }

    private static Span<byte> Begin(Span<byte> page, ref int at, ushort type, int bodyBytes)
    {
        BinaryPrimitives.WriteUInt16BigEndian(page[at..], type);
        BinaryPrimitives.WriteUInt16BigEndian(page[(at + 2)..], (ushort)bodyBytes);
        Span<byte> body = page.Slice(at + 4, bodyBytes);
        at += 4 + bodyBytes;
        return body;
    }
}
