using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>A new file store in a directory of its own; both are gone afterwards.</summary>
internal sealed class TemporaryFile : IDisposable
{
    private readonly string? _ownDirectory;

    internal TemporaryFile(string? directory = null)
    {
        _ownDirectory = directory is null ? Directory.CreateTempSubdirectory("actorsan-store-").FullName : null;
        Path = System.IO.Path.Combine(directory ?? _ownDirectory!, $"store-{Guid.NewGuid():N}.img");
    }

    internal string Path { get; }

    internal long Sectors
    {
        get
        {
            _ = StoreNative.StatusOf(Path, out StoreNative.FileStatus status);
            return (long)status.Sectors;
        }
    }

    /// <summary>Makes the file with its size and hands it to an I/O thread.</summary>
    internal Func<IoThread, IStore> Create(long sizeBytes, bool direct = true)
    {
        IStoreHandle handle = StoreOpener.Open(new StoreOptions { Path = Path, Create = true, Direct = direct });
        handle.SetSize(sizeBytes);
        return handle.Attach;
    }

    internal IStoreHandle Open(bool direct = true, bool readOnly = false) => StoreOpener.Open(new StoreOptions { Path = Path, Direct = direct, ReadOnly = readOnly });

    public void Dispose()
    {
        File.Delete(Path);
        if (_ownDirectory is not null)
        {
            Directory.Delete(_ownDirectory, recursive: true);
        }
    }
}
