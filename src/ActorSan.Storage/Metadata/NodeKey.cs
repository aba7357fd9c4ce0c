using System.Buffers.Binary;
using System.Security.Cryptography;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>The key that wraps the data keys of a node's encrypted volumes: 32 bytes. Without it they cannot be read by anyone.</summary>
public sealed class NodeKey : IDisposable
{
    public const int Bytes = 32;

    private readonly byte[] _key = GC.AllocateUninitializedArray<byte>(Bytes, pinned: true);

    private NodeKey(ReadOnlySpan<byte> key)
    {
        key.CopyTo(_key);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> input = stackalloc byte[24 + Bytes];
        "ActorSan node key, mark\0"u8.CopyTo(input);
        key.CopyTo(input[24..]);
        SHA256.HashData(input, hash);
        Fingerprint = BinaryPrimitives.ReadUInt64BigEndian(hash);
        CryptographicOperations.ZeroMemory(input);
    }

    /// <summary>Tells keys apart without giving anything of them away: 64 bits of a hash. Stored beside what the key wraps.</summary>
    public ulong Fingerprint { get; }

    internal ReadOnlySpan<byte> Key => _key;

    /// <summary>The bytes of a key file: 32 of them, or 64 hexadecimal digits; the end of a line may follow.</summary>
    /// <param name="file">What the file holds.</param>
    /// <param name="name">Of the file, for people.</param>
    /// <exception cref="StoreException"><see cref="StoreFault.WrongKey"/>: it is neither.</exception>
    public static NodeKey FromFile(ReadOnlySpan<byte> file, string name)
    {
        ReadOnlySpan<byte> trimmed = file.Length is Bytes or 2 * Bytes ? file : WithoutLineEnd(file);
        Span<byte> key = stackalloc byte[Bytes];
        try
        {
            if (trimmed.Length == Bytes)
            {
                trimmed.CopyTo(key);
                if (IsHex(trimmed))
                {
                    throw Refusal(name, "holds 32 hexadecimal digits, half a key");
                }
            }
            else if (trimmed.Length != 2 * Bytes || !IsHex(trimmed) || Convert.FromHexString(trimmed, key, out _, out _) != System.Buffers.OperationStatus.Done)
            {
                throw Refusal(name, $"is no node key ({file.Length} bytes)");
            }

            return key.ContainsAnyExcept(key[0]) ? new NodeKey(key) : throw Refusal(name, "holds one byte again and again, which is no key");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_key);

    private static ReadOnlySpan<byte> WithoutLineEnd(ReadOnlySpan<byte> file)
    {
        file = file.EndsWith("\n"u8) ? file[..^1] : file;
        return file.EndsWith("\r"u8) ? file[..^1] : file;
    }

    private static bool IsHex(ReadOnlySpan<byte> text)
    {
        foreach (byte character in text)
        {
            if (!char.IsAsciiHexDigit((char)character))
            {
                return false;
            }
        }

        return true;
    }

    private static StoreException Refusal(string name, string what) =>
        new(StoreFault.WrongKey, $"The key file {name} {what}: it must hold 32 random bytes or 64 hexadecimal digits. Make one with: head -c 32 /dev/urandom > {name}; chmod 600 {name}");
}

/// <summary>
/// The content of <see cref="MetadataPage.Key"/>, 104 bytes, little endian: wrapping (1; 1 is AES-256-GCM), zero (3), fingerprint of the node key (8), nonce (12), tag (16),
/// ciphertext of the data key (64). The associated data are the text "ActorSan data key", the format's version (2) and the volume id (16): a wrapped key is good
/// in its own store only. The data key is that of AES-256-XTS: two halves of 32 bytes that differ (IEEE 1619, FIPS 140 IG A.9).
/// </summary>
internal static class KeyContent
{
    public const int DataKeyBytes = 64;
    public const int Bytes = 104;
    private const byte GcmWrapping = 1;
    private const int FingerprintAt = 4;
    private const int NonceAt = 12;
    private const int NonceBytes = 12;
    private const int TagAt = NonceAt + NonceBytes;
    private const int TagBytes = 16;
    private const int CipherAt = TagAt + TagBytes;

    /// <summary>A new data key into <paramref name="dataKey"/>.</summary>
    public static void MakeDataKey(Span<byte> dataKey, RandomSource random)
    {
        do
        {
            random(dataKey);
        }
        while (CryptographicOperations.FixedTimeEquals(dataKey[..(DataKeyBytes / 2)], dataKey[(DataKeyBytes / 2)..]));
    }

    public static void Wrap(Span<byte> content, NodeKey nodeKey, ReadOnlySpan<byte> dataKey, Guid volumeId, RandomSource random)
    {
        content[..Bytes].Clear();
        content[0] = GcmWrapping;
        BinaryPrimitives.WriteUInt64LittleEndian(content[FingerprintAt..], nodeKey.Fingerprint);
        random(content.Slice(NonceAt, NonceBytes));
        using var gcm = new AesGcm(nodeKey.Key, TagBytes);
        Span<byte> associated = stackalloc byte[AssociatedBytes];
        FillAssociated(associated, volumeId);
        gcm.Encrypt(content.Slice(NonceAt, NonceBytes), dataKey, content.Slice(CipherAt, DataKeyBytes), content.Slice(TagAt, TagBytes), associated);
    }

    /// <summary>False: the node key is another, or the content was made for another volume.</summary>
    public static bool TryUnwrap(ReadOnlySpan<byte> content, NodeKey nodeKey, Guid volumeId, Span<byte> dataKey)
    {
        using var gcm = new AesGcm(nodeKey.Key, TagBytes);
        Span<byte> associated = stackalloc byte[AssociatedBytes];
        FillAssociated(associated, volumeId);
        try
        {
            gcm.Decrypt(content.Slice(NonceAt, NonceBytes), content.Slice(CipherAt, DataKeyBytes), content.Slice(TagAt, TagBytes), dataKey, associated);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    public static bool IsWellFormed(ReadOnlySpan<byte> content) => content.Length >= Bytes && content[0] == GcmWrapping;

    public static ulong Fingerprint(ReadOnlySpan<byte> content) => BinaryPrimitives.ReadUInt64LittleEndian(content[FingerprintAt..]);

    private const int AssociatedBytes = 35;

    private static void FillAssociated(Span<byte> associated, Guid volumeId)
    {
        "ActorSan data key"u8.CopyTo(associated);
        BinaryPrimitives.WriteUInt16LittleEndian(associated[17..], Superblock.CurrentVersion);
        _ = volumeId.TryWriteBytes(associated[19..], bigEndian: true, out _);
    }
}

/// <summary>Fills with random bytes; tests give their own.</summary>
internal delegate void RandomSource(Span<byte> destination);
