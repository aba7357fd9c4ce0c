using System.Runtime.InteropServices;

namespace ActorSan.Replication.Links.Tls;

/// <summary>The few calls of OpenSSL 3 that links need; the library is the one that .NET itself uses.</summary>
internal static unsafe partial class OpenSsl
{
    public const int VerifyPeer = 1;
    public const int ErrorSsl = 1;
    public const int ErrorWantRead = 2;
    public const int ErrorZeroReturn = 6;
    public const int KeyUpdateRequested = 1;
    public const long Tls13 = 0x0304;

    private const string Ssl = "libssl.so.3";
    private const string Crypto = "libcrypto.so.3";
    private const int CtrlSetMinimum = 123;
    private const int CtrlMode = 33;
    private const long ModePartialWrite = 1;
    private const long ModeMovingBuffer = 2;
    private const int CtrlPending = 10;

    /// <summary>The first error that is waiting, as a phrase; the others are dropped.</summary>
    public static string TakeError()
    {
        nuint code = ErrGetError();
        byte* reason = code == 0 ? null : ErrReason(code);
        ClearErrors();
        return reason is null ? "no reason is known" : Marshal.PtrToStringUTF8((nint)reason)!;
    }

    public static void RequireTls13(nint context) => _ = ContextControl(context, CtrlSetMinimum, (nint)Tls13, null);

    public static void WriteInParts(nint context) => _ = ContextControl(context, CtrlMode, (nint)(ModePartialWrite | ModeMovingBuffer), null);

    /// <summary>Bytes that can be read from this end.</summary>
    public static int Pending(nint bio) => (int)BioControl(bio, CtrlPending, 0, null);

    [LibraryImport(Ssl, EntryPoint = "TLS_method")]
    public static partial nint Method();

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_new")]
    public static partial nint NewContext(nint method);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_free")]
    public static partial void FreeContext(nint context);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_ciphersuites")]
    public static partial int SetCipherSuites(nint context, byte* names);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_num_tickets")]
    public static partial int SetTickets(nint context, nuint count);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_verify")]
    public static partial void SetVerify(nint ssl, int mode, nint callback);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_psk_client_callback")]
    public static partial void SetClientKey(nint context, delegate* unmanaged<nint, byte*, byte*, uint, byte*, uint, uint> callback);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_psk_server_callback")]
    public static partial void SetServerKey(nint context, delegate* unmanaged<nint, byte*, byte*, uint, uint> callback);

    [LibraryImport(Ssl, EntryPoint = "SSL_new")]
    public static partial nint New(nint context);

    [LibraryImport(Ssl, EntryPoint = "SSL_free")]
    public static partial void Free(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_ex_data")]
    public static partial int SetData(nint ssl, int index, void* data);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_ex_data")]
    public static partial void* GetData(nint ssl, int index);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_bio")]
    public static partial void SetBio(nint ssl, nint read, nint write);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_connect_state")]
    public static partial void SetDials(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_accept_state")]
    public static partial void SetAccepts(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_do_handshake")]
    public static partial int Shake(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_session_reused")]
    public static partial int IsByKey(nint ssl);

    [LibraryImport(Ssl, EntryPoint = "SSL_read_ex")]
    public static partial int Read(nint ssl, byte* into, nuint most, nuint* count);

    [LibraryImport(Ssl, EntryPoint = "SSL_write_ex")]
    public static partial int Write(nint ssl, byte* from, nuint count, nuint* written);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_error")]
    public static partial int GetError(nint ssl, int result);

    [LibraryImport(Ssl, EntryPoint = "SSL_key_update")]
    public static partial int UpdateKeys(nint ssl, int kind);

    [LibraryImport(Crypto, EntryPoint = "BIO_new_bio_pair")]
    public static partial int NewPair(nint* first, nuint firstBytes, nint* second, nuint secondBytes);

    [LibraryImport(Crypto, EntryPoint = "BIO_free")]
    public static partial int FreeBio(nint bio);

    [LibraryImport(Crypto, EntryPoint = "BIO_nread0")]
    public static partial int Readable(nint bio, byte** at);

    [LibraryImport(Crypto, EntryPoint = "BIO_nread")]
    public static partial int TookRead(nint bio, byte** at, int count);

    [LibraryImport(Crypto, EntryPoint = "BIO_nwrite0")]
    public static partial int Writable(nint bio, byte** at);

    [LibraryImport(Crypto, EntryPoint = "BIO_nwrite")]
    public static partial int Wrote(nint bio, byte** at, int count);

    [LibraryImport(Crypto, EntryPoint = "BIO_ctrl_get_write_guarantee")]
    public static partial nuint RoomFor(nint bio);

    [LibraryImport(Crypto, EntryPoint = "ERR_clear_error")]
    public static partial void ClearErrors();

    [LibraryImport(Crypto, EntryPoint = "BIO_ctrl")]
    private static partial nint BioControl(nint bio, int command, nint value, void* pointer);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_ctrl")]
    private static partial nint ContextControl(nint context, int command, nint value, void* pointer);

    [LibraryImport(Crypto, EntryPoint = "ERR_get_error")]
    private static partial nuint ErrGetError();

    [LibraryImport(Crypto, EntryPoint = "ERR_reason_error_string")]
    private static partial byte* ErrReason(nuint code);
}
