using System.Runtime.CompilerServices;
using ActorSan.Storage;

namespace ActorSan.Iscsi.Pdus;

/// <summary>
/// Header and data digests: CRC32C (RFC 7143 §11.2.3, §13.1), on the wire least significant byte first: 32 zero bytes give aa 36 91 8a. The running value is the finished
/// checksum of what was appended so far, 0 for nothing.
/// </summary>
internal static unsafe class PduDigest
{
    public static uint Append(uint crc, byte* data, int lengthBytes) => Crc32C.Append(crc, data, lengthBytes);

    public static void Write(byte* at, uint crc) => Unsafe.WriteUnaligned(at, crc);

    public static uint Read(byte* at) => Unsafe.ReadUnaligned<uint>(at);
}
