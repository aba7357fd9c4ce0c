using System.Runtime.InteropServices;

namespace ActorSan.Storage.Stores;

/// <summary>
/// The part of OpenSSL's libcrypto that encryption at rest needs, found when first asked for: 3 before 1.1. Signatures as in EVP_EncryptInit(3).
/// </summary>
internal sealed unsafe class LibCrypto
{
    private static readonly string[] Names = ["libcrypto.so.3", "libcrypto.so.1.1"];
    private static readonly Lazy<LibCrypto> Loaded = new(() => new LibCrypto(Names));

    internal readonly delegate* unmanaged<nint> NewContext;
    internal readonly delegate* unmanaged<nint, void> FreeContext;
    internal readonly delegate* unmanaged<nint> Aes256Xts;
    internal readonly delegate* unmanaged<nint, nint, nint, byte*, byte*, int> EncryptInit;
    internal readonly delegate* unmanaged<nint, nint, nint, byte*, byte*, int> DecryptInit;
    internal readonly delegate* unmanaged<nint, byte*, int*, byte*, int, int> EncryptUpdate;
    internal readonly delegate* unmanaged<nint, byte*, int*, byte*, int, int> DecryptUpdate;

    /// <param name="names">Tried in this order.</param>
    /// <exception cref="StoreException">None of them is to be had.</exception>
    internal LibCrypto(IEnumerable<string> names)
    {
        nint library = 0;
        if (!names.Any(name => NativeLibrary.TryLoad(name, out library)))
        {
            throw new StoreException(
                StoreFault.Refused,
                $"Encryption at rest needs OpenSSL's libcrypto, but none of {string.Join(", ", names)} can be loaded. Install it (Debian: libssl3), or use a store without encryption.");
        }

        try
        {
            NewContext = (delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "EVP_CIPHER_CTX_new");
            FreeContext = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(library, "EVP_CIPHER_CTX_free");
            Aes256Xts = (delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "EVP_aes_256_xts");
            EncryptInit = (delegate* unmanaged<nint, nint, nint, byte*, byte*, int>)NativeLibrary.GetExport(library, "EVP_EncryptInit_ex");
            DecryptInit = (delegate* unmanaged<nint, nint, nint, byte*, byte*, int>)NativeLibrary.GetExport(library, "EVP_DecryptInit_ex");
            EncryptUpdate = (delegate* unmanaged<nint, byte*, int*, byte*, int, int>)NativeLibrary.GetExport(library, "EVP_EncryptUpdate");
            DecryptUpdate = (delegate* unmanaged<nint, byte*, int*, byte*, int, int>)NativeLibrary.GetExport(library, "EVP_DecryptUpdate");
        }
        catch (EntryPointNotFoundException missing)
        {
            throw new StoreException(StoreFault.Refused, $"This host's libcrypto lacks what encryption at rest needs: {missing.Message}. Install OpenSSL 1.1 or 3.", missing);
        }
    }

    /// <exception cref="StoreException">It can't be loaded.</exception>
    internal static LibCrypto Instance => Loaded.Value;
}
