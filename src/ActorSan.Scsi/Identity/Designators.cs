using System.Buffers.Binary;
using System.Text;

namespace ActorSan.Scsi.Identity;

/// <summary>
/// Designation descriptors (SPC-4 §7.8.6.1):
/// <code>
/// 0  7..4 PROTOCOL IDENTIFIER   3..0 CODE SET
/// 1  7 PIV   5..4 ASSOCIATION   3..0 DESIGNATOR TYPE
/// 3  DESIGNATOR LENGTH, then the designator
/// </code>
/// Each method appends at a place and moves it on.
/// </summary>
internal static class Designators
{
    private const int Binary = 1;
    private const int Ascii = 2;
    private const int Utf8 = 3;

    /// <summary>PROTOCOL IDENTIFIER 5h (iSCSI).</summary>
    private const byte Iscsi = 5;

    private enum Association : byte
    {
        LogicalUnit = 0,
        TargetPort = 1,
        TargetDevice = 2,
    }

    public static void AppendUnit(Span<byte> page, ref int at, UnitIdentity identity)
    {
        Append(page, ref at, Binary, Association.LogicalUnit, 0x3, identity.Naa.Span);
        Append(page, ref at, Ascii, Association.LogicalUnit, 0x1, identity.T10.Span);
        Span<byte> uuid = stackalloc byte[18];
        uuid.Clear();
        uuid[0] = 0x10;
        identity.Uuid.Span.CopyTo(uuid[2..]);
        Append(page, ref at, Binary, Association.LogicalUnit, 0xA, uuid);
    }

    /// <summary>The target port by which the nexus came, and its target device.</summary>
    public static void AppendPort(Span<byte> page, ref int at, ScsiNexus nexus)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(number, nexus.RelativePortId);
        Append(page, ref at, Binary, Association.TargetPort, 0x4, number);
        BinaryPrimitives.WriteUInt32BigEndian(number, nexus.PortGroupId);
        Append(page, ref at, Binary, Association.TargetPort, 0x5, number);
        AppendName(page, ref at, Association.TargetPort, nexus.TargetPortName);
        AppendName(page, ref at, Association.TargetDevice, nexus.TargetName);
    }

    // SCSI name string: UTF-8, null-terminated, padded to a multiple of four (SPC-4 §7.8.6.10). An iSCSI name has at most 223 bytes.
    private static void AppendName(Span<byte> page, ref int at, Association association, string name)
    {
        Span<byte> text = stackalloc byte[256];
        text.Clear();
        int length = Encoding.UTF8.GetBytes(name.AsSpan(0, Math.Min(name.Length, 80 * 3)), text[..252]);
        Append(page, ref at, Utf8, association, 0x8, text[..((length + 4) & ~3)]);
    }

    private static void Append(Span<byte> page, ref int at, int codeSet, Association association, int type, ReadOnlySpan<byte> designator)
    {
        bool port = association != Association.LogicalUnit;
        page[at] = (byte)((port ? Iscsi << 4 : 0) | codeSet);
        page[at + 1] = (byte)((port ? 0x80 : 0) | ((int)association << 4) | type);
        page[at + 2] = 0;
        page[at + 3] = (byte)designator.Length;
        designator.CopyTo(page[(at + 4)..]);
        at += 4 + designator.Length;
    }
}
