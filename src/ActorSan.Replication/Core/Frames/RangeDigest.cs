using System.Security.Cryptography;

namespace ActorSan.Replication.Core.Frames;

/// <summary>S6: what two replicas compare instead of bytes. SHA-256: nobody who may write to a volume can make two ranges that differ look alike.</summary>
public static class RangeDigest
{
    public const int Bytes = 32;

    public static void Of(ReadOnlySpan<byte> data, Span<byte> digest) => _ = SHA256.HashData(data, digest);
}
