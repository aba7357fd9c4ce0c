using System.Security.Cryptography;
using System.Text;

namespace ActorSan.Cluster.Catalog;

/// <summary>Secrets that lie in the catalog: AES-256-GCM with a key of the cluster's, so that a copy of a journal does not tell them. Base64 of nonce (12), tag (16), ciphertext.</summary>
public sealed class SecretBox
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private readonly byte[] _key;

    /// <param name="clusterKey">From it a key of its own is derived (HKDF-SHA256).</param>
    public SecretBox(byte[] clusterKey) => _key = HKDF.DeriveKey(HashAlgorithmName.SHA256, clusterKey, 32, info: "actorsan catalog secrets"u8.ToArray());

    public string Seal(string secret)
    {
        byte[] text = Encoding.UTF8.GetBytes(secret);
        byte[] sealedBytes = new byte[NonceBytes + TagBytes + text.Length];
        RandomNumberGenerator.Fill(sealedBytes.AsSpan(0, NonceBytes));
        using var cipher = new AesGcm(_key, TagBytes);
        cipher.Encrypt(sealedBytes.AsSpan(0, NonceBytes), text, sealedBytes.AsSpan(NonceBytes + TagBytes), sealedBytes.AsSpan(NonceBytes, TagBytes));
        return Convert.ToBase64String(sealedBytes);
    }

    /// <exception cref="CryptographicException">It was sealed with another key, or changed since.</exception>
    public string Open(string box)
    {
        byte[] bytes = Convert.FromBase64String(box);
        if (bytes.Length < NonceBytes + TagBytes)
        {
            throw new CryptographicException("a sealed secret is too short");
        }

        byte[] text = new byte[bytes.Length - NonceBytes - TagBytes];
        using var cipher = new AesGcm(_key, TagBytes);
        cipher.Decrypt(bytes.AsSpan(0, NonceBytes), bytes.AsSpan(NonceBytes + TagBytes), bytes.AsSpan(NonceBytes, TagBytes), text);
        return Encoding.UTF8.GetString(text);
    }
}
