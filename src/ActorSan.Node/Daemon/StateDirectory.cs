using System.Globalization;

namespace ActorSan.Node.Daemon;

/// <summary>The node's state directory, locked for as long as this is alive. The lock is the kernel's (flock), so that a crash leaves none behind.</summary>
public sealed class StateDirectory : IDisposable
{
    private const string LockName = "lock";
    private readonly FileStream _lock;

    private StateDirectory(string path, FileStream held)
    {
        Path = path;
        _lock = held;
    }

    public string Path { get; }

    /// <summary>Makes the directory where it is missing (mode 700) and locks it.</summary>
    /// <exception cref="StateDirectoryInUseException">Another process has it.</exception>
    /// <exception cref="IOException">It cannot be made or written.</exception>
    public static StateDirectory Open(string path)
    {
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string lockPath = System.IO.Path.Combine(path, LockName);
        FileStream held;
        try
        {
            held = new FileStream(lockPath, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }
        catch (IOException failure) when (File.Exists(lockPath) && failure is not FileNotFoundException)
        {
            throw new StateDirectoryInUseException(path, HolderOf(lockPath), failure);
        }

        held.SetLength(0);
        held.Write(System.Text.Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"));
        held.Flush();
        return new StateDirectory(path, held);
    }

    public void Dispose() => _lock.Dispose();

    // The number in the file is for people; the lock is what counts.
    private static string HolderOf(string lockPath)
    {
        try
        {
            using var reader = new FileStream(lockPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var text = new StreamReader(reader);
            return text.ReadLine() ?? "";
        }
        catch (IOException)
        {
            return "";
        }
    }
}

public sealed class StateDirectoryInUseException(string path, string holder, Exception inner)
    : Exception($"the state directory {path} is in use by another process{(holder.Length > 0 ? $" ({holder})" : "")}", inner);
