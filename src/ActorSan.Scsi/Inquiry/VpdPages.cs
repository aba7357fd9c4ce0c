using System.Buffers.Binary;
using System.Text;
using ActorSan.Scsi.Identity;

namespace ActorSan.Scsi.Inquiry;

/// <summary>Fills a vital product data page behind its four header bytes and returns the number of bytes, header included. The page is zeroed.</summary>
internal delegate int VpdPageWriter(TaskState task, Span<byte> page);

/// <summary>Vital product data pages (SPC-4 §7.8, SBC-4 §6.6): one table, in ascending order of the code as page 00h lists them.</summary>
internal static class VpdPages
{
    /// <summary>The longest page, header included.</summary>
    public const int MaxBytes = 2048;

    private static readonly (byte Code, VpdPageWriter Write)[] Pages =
    [
        (0x00, WriteSupportedPages),
        (0x80, WriteSerialNumber),
        (0x83, WriteIdentification),
        (0x86, WriteExtendedInquiry),
        (0x8F, ThirdPartyCopyPage.Write),
        (0xB0, BlockVpdPages.WriteLimits),
        (0xB1, BlockVpdPages.WriteCharacteristics),
        (0xB2, BlockVpdPages.WriteProvisioning),
    ];

    /// <summary>The page with its header; 0 when there is none of that code.</summary>
    public static int Write(TaskState task, byte code, Span<byte> to)
    {
        foreach ((byte known, VpdPageWriter write) in Pages)
        {
            if (known == code)
            {
                to.Clear();
                int length = write(task, to);
                to[0] = task.Device.Peripheral;
                to[1] = code;
                BinaryPrimitives.WriteUInt16BigEndian(to[2..], (ushort)(length - 4));
                return length;
            }
        }

        return 0;
    }

    private static int WriteSupportedPages(TaskState task, Span<byte> page)
    {
        for (int i = 0; i < Pages.Length; i++)
        {
            page[4 + i] = Pages[i].Code;
        }

        return 4 + Pages.Length;
    }

    private static int WriteSerialNumber(TaskState task, Span<byte> page) => 4 + Encoding.ASCII.GetBytes(task.Device.Identity.SerialNumber, page[4..]);

    private static int WriteIdentification(TaskState task, Span<byte> page)
    {
        int at = 4;
        Designators.AppendUnit(page, ref at, task.Device.Identity);
        Designators.AppendPort(page, ref at, task.Nexus.LunNexus.Nexus);
        return at;
    }

    // SPC-4 §7.8.7: SIMPSUP, ORDSUP, HEADSUP; V_SUP where a cache can be volatile; LUICLR; the time of an extended self-test; the longest sense data. Zero is what there is not:
    // protection, WRITE UNCORRECTABLE (WU_SUP, CRD_SUP), microcode to download, non-volatile cache.
    private static int WriteExtendedInquiry(TaskState task, Span<byte> page)
    {
        page[5] = 0x07;
        page[6] = task.Device.Volume.Capabilities.WriteCache ? (byte)0x01 : (byte)0;
        page[7] = 0x01;
        BinaryPrimitives.WriteUInt16BigEndian(page[10..], Background.SelfTest.ExtendedMinutes(task.Device.Volume.Geometry.SizeBytes));
        page[13] = SenseData.MaxBytes;
        return 64;
    }
}
