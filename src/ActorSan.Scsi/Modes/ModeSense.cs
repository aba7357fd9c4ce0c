using System.Buffers.Binary;

namespace ActorSan.Scsi.Modes;

/// <summary>
/// MODE SENSE 6 and 10 (SPC-4 §6.11, §6.12).
/// <code>
/// CDB  1  4 LLBAA (10)  3 DBD     2  7..6 PC  5..0 PAGE CODE     3  SUBPAGE CODE     allocation length: 4 (6), 7..8 (10)
/// (6)  header 0 length after it, 1 medium type, 2 device-specific, 3 block descriptor length
/// (10) header 0..1 length after it, 2 medium type, 3 device-specific, 4 0 LONGLBA, 6..7 block descriptor length
/// </code>
/// Device-specific parameter (SBC-4 §6.5.1): 7 WP, 4 DPOFUA.
/// </summary>
internal static class ModeSense
{
    /// <summary>More than header, descriptor and all pages.</summary>
    public const int MaxBytes = 512;

    private const byte AllPages = 0x3F;
    private const byte AllSubpages = 0xFF;

    public static void Start6(TaskState task) => Start(task, headerBytes: 4, task.CdbByte(4), longLba: false);

    public static void Start10(TaskState task) => Start(task, headerBytes: 8, task.CdbUInt16(7), (task.CdbByte(1) & 0x10) != 0);

    private static void Start(TaskState task, int headerBytes, int allocationLength, bool longLba)
    {
        byte pageCode = (byte)(task.CdbByte(2) & 0x3F);
        byte subpageCode = task.CdbByte(3);
        if (subpageCode is not (0 or AllSubpages))
        {
            task.FailCdbField(3);
            return;
        }

        Span<byte> data = stackalloc byte[MaxBytes];
        data.Clear();
        int at = headerBytes;
        if ((task.CdbByte(1) & 0x08) == 0)
        {
            at += BlockDescriptor.Write(data[at..], task.Device, longLba);
        }

        int descriptorBytes = at - headerBytes;
        if (!AppendPages(task.Device.Modes, pageCode, task.CdbByte(2) >> 6, data, ref at))
        {
            task.FailCdbField(2, 5);
            return;
        }

        WriteHeader(task.Device, data, headerBytes, at, descriptorBytes, longLba);
        task.EndWith(data[..at], allocationLength);
    }

    private static bool AppendPages(ModePages modes, byte pageCode, int pageControl, Span<byte> data, ref int at)
    {
        bool any = false;
        foreach (ModePage page in modes.Pages)
        {
            if (pageCode == AllPages || pageCode == page.Code)
            {
                page.Values(pageControl).CopyTo(data[at..]);
                // PS: every page can be saved.
                data[at] |= 0x80;
                at += page.Length;
                any = true;
            }
        }

        return any;
    }

    private static void WriteHeader(BlockDevice device, Span<byte> data, int headerBytes, int length, int descriptorBytes, bool longLba)
    {
        bool protect = (device.Restrictions & (Restrictions.WriteProtected | Restrictions.SoftwareWriteProtected)) != 0;
        byte specific = (byte)((protect ? 0x80 : 0) | 0x10);
        if (headerBytes == 4)
        {
            data[0] = (byte)(length - 1);
            data[2] = specific;
            data[3] = (byte)descriptorBytes;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)(length - 2));
            data[3] = specific;
            data[4] = longLba && descriptorBytes != 0 ? (byte)0x01 : (byte)0;
            BinaryPrimitives.WriteUInt16BigEndian(data[6..], (ushort)descriptorBytes);
        }
    }
}
