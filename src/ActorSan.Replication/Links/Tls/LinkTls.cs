using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ActorSan.Storage;

namespace ActorSan.Replication.Links.Tls;

/// <summary>
/// How a node's links are encrypted: TLS 1.3 (RFC 8446) with the cluster's key as its external pre-shared key (§4.2.11), always with an ephemeral exchange (psk_dhe_ke), so that who learns
/// the key later reads nothing of what was recorded before. No certificates, hence none that expires under a link. The link's own handshake follows inside.
/// </summary>
internal sealed unsafe class LinkTls : IDisposable
{
    private const int KeyBytes = 32;
    private const int MaxIdentityBytes = 64;

    private nint _context;
    private Secret* _secret;

    /// <exception cref="IOException">OpenSSL is not there, or does not want to.</exception>
    public LinkTls(LinkOptions options)
    {
        try
        {
            _context = OpenSsl.NewContext(OpenSsl.Method());
        }
        catch (Exception failure) when (failure is DllNotFoundException or EntryPointNotFoundException)
        {
            throw new IOException("links are encrypted by OpenSSL 3, which is not installed (libssl.so.3): install it (Debian: libssl3), or set actorsan.links.encryption = off", failure);
        }

        if (_context == 0)
        {
            throw new IOException($"OpenSSL gives no context: {OpenSsl.TakeError()}");
        }

        RekeyAfterRecords = options.RekeyAfterRecords;
        _secret = (Secret*)NativeMemory.AllocZeroed((nuint)sizeof(Secret));

        // It crosses in the clear, and says nothing to who does not have the key.
        Span<byte> name = stackalloc byte[KeyBytes];
        _ = HMACSHA256.HashData(options.Key, [.. "ActorSan link TLS identity"u8, .. options.ClusterId.ToByteArray(bigEndian: true)], name);
        int identity = Encoding.ASCII.GetBytes(Convert.ToHexString(name[..(KeyBytes / 2)]), new Span<byte>(_secret->Identity, MaxIdentityBytes - 1));
        Invariant.Check(identity < MaxIdentityBytes - 1);
        _ = HMACSHA256.HashData(options.Key, "ActorSan link TLS"u8, new Span<byte>(_secret->Key, KeyBytes));

        // An external key is bound to the hash of its cipher suite (§4.2.11), and OpenSSL binds it to SHA-256.
        OpenSsl.RequireTls13(_context);
        fixed (byte* suites = "TLS_AES_128_GCM_SHA256"u8)
        {
            bool isSet = OpenSsl.SetCipherSuites(_context, suites) == 1;
            Invariant.Check(isSet);
        }

        _ = OpenSsl.SetTickets(_context, 0);
        OpenSsl.WriteInParts(_context);
        OpenSsl.SetClientKey(_context, &TellKey);
        OpenSsl.SetServerKey(_context, &FindKey);
    }

    /// <summary>Fewer than the 2^24.5 after which AES-GCM wants other keys (RFC 8446, §5.5).</summary>
    public int RekeyAfterRecords { get; }

    public LinkTlsSession Begin(bool dials)
    {
        nint ssl = OpenSsl.New(_context);
        if (ssl == 0)
        {
            throw new IOException($"OpenSSL begins no session: {OpenSsl.TakeError()}");
        }

        _ = OpenSsl.SetData(ssl, 0, _secret);
        return new LinkTlsSession(ssl, dials, RekeyAfterRecords);
    }

    public void Dispose()
    {
        if (_secret is null)
        {
            return;
        }

        OpenSsl.FreeContext(_context);
        CryptographicOperations.ZeroMemory(new Span<byte>(_secret, sizeof(Secret)));
        NativeMemory.Free(_secret);
        _context = 0;
        _secret = null;
    }

    [UnmanagedCallersOnly]
    private static uint TellKey(nint ssl, byte* hint, byte* identity, uint identityBytes, byte* key, uint keyBytes)
    {
        var secret = (Secret*)OpenSsl.GetData(ssl, 0);
        if (secret is null || identityBytes < MaxIdentityBytes || keyBytes < KeyBytes)
        {
            return 0;
        }

        Buffer.MemoryCopy(secret->Identity, identity, identityBytes, MaxIdentityBytes);
        Buffer.MemoryCopy(secret->Key, key, keyBytes, KeyBytes);
        return KeyBytes;
    }

    [UnmanagedCallersOnly]
    private static uint FindKey(nint ssl, byte* identity, byte* key, uint keyBytes)
    {
        var secret = (Secret*)OpenSsl.GetData(ssl, 0);
        if (secret is null || identity is null || keyBytes < KeyBytes
            || !MemoryMarshal.CreateReadOnlySpanFromNullTerminated(identity).SequenceEqual(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(secret->Identity)))
        {
            return 0;
        }

        Buffer.MemoryCopy(secret->Key, key, keyBytes, KeyBytes);
        return KeyBytes;
    }

    private struct Secret
    {
        public fixed byte Identity[MaxIdentityBytes];
        public fixed byte Key[KeyBytes];
    }
}
