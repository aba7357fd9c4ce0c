using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ActorSan.Storage.Stores;

/// <summary>
/// AES-256-XTS (IEEE 1619, SP 800-38E) by OpenSSL: a sector is a data unit, its number in the volume, little endian in 128 bits, the tweak. It hides contents and
/// detects nothing: a changed ciphertext decrypts to noise. Not thread-safe.
/// </summary>
public sealed unsafe class XtsCipher : ISectorCipher
{
    /// <summary>Two AES-256 keys.</summary>
    public const int KeyBytes = 64;

    private readonly LibCrypto _crypto = LibCrypto.Instance;
    private nint _encryption;
    private nint _decryption;

    /// <param name="key"><see cref="KeyBytes"/> bytes whose halves differ.</param>
    /// <param name="sectorBytes">512 to 1 MiB, a power of two.</param>
    /// <exception cref="StoreException">libcrypto is not to be had or refuses (FIPS).</exception>
    /// <exception cref="ArgumentException">The key can't be one.</exception>
    public XtsCipher(ReadOnlySpan<byte> key, int sectorBytes)
    {
        if (!int.IsPow2(sectorBytes) || sectorBytes is < 512 or > 1 << 20)
        {
            throw new ArgumentOutOfRangeException(nameof(sectorBytes), sectorBytes, "A sector is a power of two from 512 bytes to 1 MiB.");
        }

        SectorBytes = sectorBytes;
        CheckKey(key);
        _encryption = _crypto.NewContext();
        _decryption = _crypto.NewContext();
        try
        {
            SetKey(key);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int SectorBytes { get; }

    public void Encrypt(long offsetBytes, byte* plain, byte* stored, long lengthBytes)
    {
        CheckRange(offsetBytes, lengthBytes);
        byte* tweak = stackalloc byte[16];
        for (long at = 0; at < lengthBytes; at += SectorBytes)
        {
            SetTweak(tweak, (offsetBytes + at) / SectorBytes);
            int written = 0;
            bool done = _crypto.EncryptInit(_encryption, 0, 0, null, tweak) == 1
                && _crypto.EncryptUpdate(_encryption, stored + at, &written, plain + at, SectorBytes) == 1
                && written == SectorBytes;
            Invariant.Check(done);
        }
    }

    public void Decrypt(long offsetBytes, byte* stored, byte* plain, long lengthBytes)
    {
        CheckRange(offsetBytes, lengthBytes);
        byte* tweak = stackalloc byte[16];
        for (long at = 0; at < lengthBytes; at += SectorBytes)
        {
            if (!new ReadOnlySpan<byte>(stored + at, SectorBytes).ContainsAnyExcept((byte)0))
            {
                new Span<byte>(plain + at, SectorBytes).Clear();
                continue;
            }

            SetTweak(tweak, (offsetBytes + at) / SectorBytes);
            int written = 0;
            bool done = _crypto.DecryptInit(_decryption, 0, 0, null, tweak) == 1
                && _crypto.DecryptUpdate(_decryption, plain + at, &written, stored + at, SectorBytes) == 1
                && written == SectorBytes;
            Invariant.Check(done);
        }
    }

    public void ReplaceKey(ReadOnlySpan<byte> key)
    {
        CheckKey(key);
        SetKey(key);
    }

    public void Dispose()
    {
        // Freed contexts are wiped by OpenSSL.
        _crypto.FreeContext(_encryption);
        _crypto.FreeContext(_decryption);
        _encryption = 0;
        _decryption = 0;
    }

    private static void CheckKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeyBytes)
        {
            throw new ArgumentException($"A key of AES-256-XTS has {KeyBytes} bytes, this one has {key.Length}.", nameof(key));
        }

        if (CryptographicOperations.FixedTimeEquals(key[..(KeyBytes / 2)], key[(KeyBytes / 2)..]))
        {
            throw new ArgumentException("The two halves of an AES-256-XTS key must differ: with equal ones the tweak no longer hides which blocks are alike.", nameof(key));
        }
    }

    private static void SetTweak(byte* tweak, long sector)
    {
        BinaryPrimitives.WriteInt64LittleEndian(new Span<byte>(tweak, 8), sector);
        BinaryPrimitives.WriteInt64LittleEndian(new Span<byte>(tweak + 8, 8), 0);
    }

    private void SetKey(ReadOnlySpan<byte> key)
    {
        nint cipher = _crypto.Aes256Xts();
        byte* tweak = stackalloc byte[16];
        SetTweak(tweak, 0);
        fixed (byte* bytes = key)
        {
            bool taken = _encryption != 0 && _decryption != 0 && cipher != 0
                && _crypto.EncryptInit(_encryption, cipher, 0, bytes, tweak) == 1
                && _crypto.DecryptInit(_decryption, cipher, 0, bytes, tweak) == 1;
            if (!taken)
            {
                throw new StoreException(StoreFault.Refused, "libcrypto refuses AES-256-XTS with this key. See whether a provider configuration (openssl.cnf, FIPS) forbids the cipher.");
            }
        }
    }

    private void CheckRange(long offsetBytes, long lengthBytes) =>
        Invariant.Check(_encryption != 0 && offsetBytes >= 0 && ((offsetBytes | lengthBytes) & (SectorBytes - 1)) == 0);
}
