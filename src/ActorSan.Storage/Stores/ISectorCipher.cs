namespace ActorSan.Storage.Stores;

/// <summary>
/// Encryption at rest: length-preserving, by sectors of <see cref="SectorBytes"/>, tweaked by the sector's number in the volume. A sector whose stored bytes are all zero
/// was never written or was unmapped: it reads as zeroes (a real ciphertext of zeroes has a probability of 2^−4096 and less). Home thread only.
/// </summary>
public unsafe interface ISectorCipher : IDisposable
{
    /// <summary>The volume's logical block.</summary>
    int SectorBytes { get; }

    /// <param name="offsetBytes">Of the first byte in the volume; a multiple of the sector.</param>
    /// <param name="plain">What to encrypt.</param>
    /// <param name="stored">Receives what is stored; may be the same memory.</param>
    /// <param name="lengthBytes">A multiple of the sector.</param>
    void Encrypt(long offsetBytes, byte* plain, byte* stored, long lengthBytes);

    void Decrypt(long offsetBytes, byte* stored, byte* plain, long lengthBytes);

    /// <summary>Takes another key from here on; nothing is in flight.</summary>
    /// <param name="key">Of the same length: 64 bytes for AES-256-XTS.</param>
    void ReplaceKey(ReadOnlySpan<byte> key);
}
