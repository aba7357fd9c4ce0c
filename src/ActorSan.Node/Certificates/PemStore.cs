using System.Text;
using ActorSan.Storage.Stores;

namespace ActorSan.Node.Certificates;

/// <summary>PEM files of a directory: mode 600, durable, and never written over.</summary>
internal static class PemStore
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes the files; none when one of them is there.</summary>
    /// <exception cref="IOException">One is there, or they cannot be written.</exception>
    public static void Write(string directory, params ReadOnlySpan<(string Name, string Text)> files)
    {
        Directory.CreateDirectory(directory, OwnerOnly | UnixFileMode.UserExecute);
        foreach ((string name, _) in files)
        {
            if (Path.Exists(Path.Combine(directory, name)))
            {
                throw new IOException($"{Path.Combine(directory, name)} is already there and is left as it is; choose another --out, or move it away");
            }
        }

        foreach ((string name, string text) in files)
        {
            using var file = new FileStream(Path.Combine(directory, name), new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly });
            file.Write(Encoding.ASCII.GetBytes(text));
            file.Flush(flushToDisk: true);
        }

        StoreOpener.SyncDirectoryOf(Path.Combine(directory, files[0].Name));
    }
}
