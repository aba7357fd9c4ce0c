using System.Buffers.Binary;
using System.Text;

namespace ActorSan.Scsi.Inquiry;

/// <summary>
/// Standard INQUIRY data (SPC-4 §6.6.2), 96 bytes:
/// <code>
/// 0  PERIPHERAL QUALIFIER, PERIPHERAL DEVICE TYPE   1  7 RMB   2  VERSION   3  4 HISUP   3..0 RESPONSE DATA FORMAT   4  ADDITIONAL LENGTH
/// 5  5..4 TPGS   3 3PC   0 PROTECT   6  4 MULTIP   7  1 CMDQUE   8..15 T10 VENDOR   16..31 PRODUCT   32..35 REVISION   58..73 VERSION DESCRIPTORS
/// </code>
/// </summary>
internal static class StandardInquiry
{
    public const int Bytes = 96;

    /// <summary>SAM-5, SPC-4, SBC-3, iSCSI: no version claimed. SBC-4's commands are here, but what it requires beyond SBC-3 is not all.</summary>
    private static readonly ushort[] Versions = [0x00A0, 0x0460, 0x04C0, 0x0960];

    public static void Write(Span<byte> to, byte peripheral, LogicalUnitSettings settings, bool thirdPartyCopy, bool portGroups)
    {
        to = to[..Bytes];
        to.Clear();
        to[0] = peripheral;
        to[1] = settings.Removable ? (byte)0x80 : (byte)0;
        to[2] = 0x06;
        to[3] = 0x12;
        to[4] = Bytes - 5;
        to[5] = (byte)((portGroups ? 0x10 : 0) | (thirdPartyCopy ? 0x08 : 0));
        to[6] = 0x10;
        to[7] = 0x02;
        WriteText(to.Slice(8, 8), settings.Vendor);
        WriteText(to.Slice(16, 16), settings.Product);
        WriteText(to.Slice(32, 4), settings.Revision);
        for (int i = 0; i < Versions.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(to[(58 + (2 * i))..], Versions[i]);
        }
    }

    // Left-aligned ASCII graphic characters, filled with spaces (SPC-4 §4.3.1).
    private static void WriteText(Span<byte> field, string text)
    {
        field.Fill((byte)' ');
        for (int i = 0; i < Math.Min(field.Length, text.Length); i++)
        {
            field[i] = text[i] is >= ' ' and <= '~' ? (byte)text[i] : (byte)'_';
        }
    }

    /// <summary>Checks a HOCON value at the start of the node: what does not fit is told, not cut.</summary>
    public static bool Fits(string text, int bytes) => text.Length <= bytes && Ascii.IsValid(text);
}
