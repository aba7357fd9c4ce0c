using System.Security.Cryptography;
using System.Text;

namespace ActorSan.Iscsi.Login;

/// <summary>CHAP's digest algorithms (RFC 7143 §12.1.3 and the IANA PPP authentication algorithm numbers): 5 MD5, 6 SHA1, 7 SHA-256, 8 SHA3-256.</summary>
internal static class Chap
{
    public const byte Md5 = 5;
    public const byte Sha1 = 6;
    public const byte Sha256 = 7;
    public const byte Sha3Of256 = 8;

    /// <summary>RFC 7143 §12.1.3: a binary value of CHAP has at most 1024 bytes.</summary>
    public const int MaxBinaryBytes = 1024;

    public static bool IsSupported(long algorithm) => algorithm switch
    {
        Md5 or Sha1 or Sha256 => true,
        Sha3Of256 => SHA3_256.IsSupported,
        _ => false,
    };

    /// <summary>As long as the digest, so that neither end chooses a weak one.</summary>
    public static int ChallengeBytes(byte algorithm) => algorithm switch
    {
        Md5 => 16,
        Sha1 => 20,
        _ => 32,
    };

    /// <summary>RFC 1994 §4.1: the digest of identifier, secret and challenge.</summary>
    public static byte[] Response(byte algorithm, byte identifier, string secret, ReadOnlySpan<byte> challenge)
    {
        byte[] secretBytes = SecretBytes(secret);
        byte[] message = new byte[1 + secretBytes.Length + challenge.Length];
        message[0] = identifier;
        secretBytes.CopyTo(message, 1);
        challenge.CopyTo(message.AsSpan(1 + secretBytes.Length));
        byte[] digest = algorithm switch
        {
            Md5 => MD5.HashData(message),
            Sha1 => SHA1.HashData(message),
            Sha256 => SHA256.HashData(message),
            Sha3Of256 => SHA3_256.HashData(message),
            _ => throw new Storage.InvariantViolationException("a CHAP algorithm that was not agreed on"),
        };
        CryptographicOperations.ZeroMemory(message);
        CryptographicOperations.ZeroMemory(secretBytes);
        return digest;
    }

    /// <summary>In a time that does not tell where they differ.</summary>
    public static bool Matches(byte[] expected, byte[]? given) => given is not null && CryptographicOperations.FixedTimeEquals(expected, given);

    /// <summary>Whether two secrets are the same bytes, however they are written.</summary>
    public static bool IsSameSecret(string left, string right)
    {
        byte[] leftBytes = SecretBytes(left), rightBytes = SecretBytes(right);
        bool same = CryptographicOperations.FixedTimeEquals(leftBytes, rightBytes);
        CryptographicOperations.ZeroMemory(leftBytes);
        CryptographicOperations.ZeroMemory(rightBytes);
        return same;
    }

    /// <summary>A secret is text, or binary when written 0x in hexadecimal with an even number of digits.</summary>
    private static byte[] SecretBytes(string secret)
    {
        if (secret.StartsWith("0x", StringComparison.Ordinal) && secret.Length > 2 && TextValues.Binary(secret, MaxBinaryBytes) is { } binary && secret.Length % 2 == 0)
        {
            return binary;
        }

        return Encoding.UTF8.GetBytes(secret);
    }
}
