using System.Security.Cryptography;
using System.Text;

namespace ActorSan.Scsi.Identity;

/// <summary>
/// What names a logical unit to initiators, derived from the volume id alone: never from path, order or host, so it stays the same wherever the volume is served
/// from. Golden: multipath, clusters and hypervisors compare these bytes.
/// </summary>
public sealed class UnitIdentity
{
    public UnitIdentity(Guid volumeId)
    {
        VolumeId = volumeId;
        Span<byte> id = stackalloc byte[16];
        volumeId.TryWriteBytes(id, bigEndian: true, out _);
        Uuid = id.ToArray();
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(id, hash);
        byte[] naa = hash[..8].ToArray();
        // 60 bits of the hash behind the NAA nibble: its first nibble gives way.
        naa[0] = (byte)(0x30 | (naa[0] & 0x0F));
        Naa = naa;
        SerialNumber = volumeId.ToString("N");
        T10 = Encoding.ASCII.GetBytes("ACTORSAN" + SerialNumber);
    }

    /// <summary>Whether a designator of an EXTENDED COPY names this unit: code set, type and bytes are one of ours (an EUI-64 is none).</summary>
    internal bool Has(int codeSet, int type, ReadOnlySpan<byte> designator) => (codeSet, type) switch
    {
        (1, 0x3) => designator.SequenceEqual(Naa.Span),
        (2, 0x1) => designator.SequenceEqual(T10.Span),
        (1, 0xA) => designator.Length == 18 && designator[0] == 0x10 && designator[1] == 0 && designator[2..].SequenceEqual(Uuid.Span),
        _ => false,
    };

    public Guid VolumeId { get; }

    /// <summary>NAA 3h, locally assigned (SPC-4 §7.8.6.6.4): 8 bytes.</summary>
    public ReadOnlyMemory<byte> Naa { get; }

    /// <summary>T10 vendor identification and the id in 32 hexadecimal digits (SPC-4 §7.8.6.3): 40 bytes of ASCII.</summary>
    public ReadOnlyMemory<byte> T10 { get; }

    /// <summary>The id in the order of RFC 9562: 16 bytes.</summary>
    public ReadOnlyMemory<byte> Uuid { get; }

    /// <summary>Unit serial number: the id in 32 lower case hexadecimal digits.</summary>
    public string SerialNumber { get; }
}
