using System.Security.Cryptography;
using ActorSan.Storage.Stores;

namespace ActorSan.Cluster.Founding;

/// <summary>
/// To which cluster a node belongs, and the key by which its nodes know each other: <c>cluster.identity</c> in the state directory, made once by <c>actorsan init</c> and never made
/// anew. It holds a secret: nobody but the owner reads it, and it never gets into a log.
/// </summary>
public sealed class ClusterIdentity
{
    public const string FileName = "cluster.identity";

    /// <summary>Of the pre-shared key.</summary>
    public const int KeyBytes = 32;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // Many times what an identity takes: a file that is longer is none.
    private const int MaxFileBytes = 4096;

    private readonly string _path;
    private readonly byte[] _key;

    internal ClusterIdentity(string path, Guid clusterId, byte[] key, bool founder, DateTimeOffset made)
    {
        _path = path;
        _key = key;
        ClusterId = clusterId;
        Founder = founder;
        Made = made;
    }

    /// <summary>Of the founding. Members of another are strangers.</summary>
    public Guid ClusterId { get; }

    /// <summary>The pre-shared key of the links, <see cref="KeyBytes"/> long. A copy.</summary>
    public byte[] LinkKey() => [.. _key];

    /// <summary>This node is to found the catalog, and has not yet.</summary>
    public bool Founder { get; private set; }

    /// <summary>When the identity was made, or came to this node; whole seconds, UTC.</summary>
    public DateTimeOffset Made { get; }

    /// <summary>The identity of the node with this state directory; null when it has none.</summary>
    /// <exception cref="ClusterIdentityException">There is a file that is not used. It is left as it is.</exception>
    public static ClusterIdentity? Read(string stateDirectory)
    {
        string path = Path.Combine(stateDirectory, FileName);
        return Path.Exists(path) ? ReadFile(path) : null;
    }

    /// <summary>A new cluster, which this node is to found.</summary>
    /// <exception cref="ClusterIdentityException">There is one already, or it cannot be written.</exception>
    public static ClusterIdentity Create(string stateDirectory, TimeProvider clock)
        => Make(stateDirectory, Guid.NewGuid(), RandomNumberGenerator.GetBytes(KeyBytes), founder: true, clock);

    /// <summary>The cluster and key of another node's file; this node is never its founder.</summary>
    /// <exception cref="ClusterIdentityException">There is one already, <paramref name="file"/> is none, or it cannot be written.</exception>
    public static ClusterIdentity Import(string stateDirectory, string file, TimeProvider clock)
    {
        if (!File.Exists(file))
        {
            throw new ClusterIdentityException(IdentityFault.Missing, $"The file {file} does not exist. Copy {FileName} from the state directory of a node of the cluster.");
        }

        ClusterIdentity other = ReadFile(file);
        return Make(stateDirectory, other.ClusterId, other._key, founder: false, clock);
    }

    /// <summary>The catalog stands: durable when this returns. From now on nobody founds it again.</summary>
    /// <exception cref="ClusterIdentityException">It cannot be written; the identity is as before.</exception>
    public void MarkFounded()
    {
        if (Founder)
        {
            Write(_path, new ClusterIdentity(_path, ClusterId, _key, founder: false, Made), overwrite: true);
            Founder = false;
        }
    }

    // The secret stays out.
    public override string ToString() => $"cluster {ClusterId}{(Founder ? ", to be founded by this node" : "")}";

    internal ReadOnlySpan<byte> Key => _key;

    private static ClusterIdentity Make(string stateDirectory, Guid clusterId, byte[] key, bool founder, TimeProvider clock)
    {
        string path = Path.Combine(stateDirectory, FileName);
        DateTimeOffset now = clock.GetUtcNow();
        var made = new ClusterIdentity(path, clusterId, key, founder, now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond)));
        if (Path.Exists(path))
        {
            throw Taken(path);
        }

        Write(path, made, overwrite: false);
        return made;
    }

    internal static ClusterIdentity ReadFile(string path)
    {
        byte[] bytes;
        try
        {
            UnixFileMode mode = File.GetUnixFileMode(path);
            if ((mode & ~(OwnerOnly | UnixFileMode.UserExecute)) != 0)
            {
                throw new ClusterIdentityException(IdentityFault.Exposed,
                    $"{path} can be read or written by others than its owner (mode {Convert.ToString((int)mode, 8)}), and holds the cluster's key. Change it to mode 600 (chmod 600 {path}); if others may have read it, found the cluster anew.");
            }

            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            bytes = new byte[Math.Min(file.Length, MaxFileBytes + 1)];
            file.ReadExactly(bytes);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ClusterIdentityException(IdentityFault.Unreachable, $"{path} cannot be read: {failure.Message}. Let the node's user read it.", failure);
        }

        if (bytes.Length > MaxFileBytes)
        {
            throw IdentityFile.Damaged(path, $"it is longer than {MaxFileBytes} bytes");
        }

        return IdentityFile.Parse(path, bytes);
    }

    // Whole under another name and on the disk first: whoever reads it meets the old one or the new one.
    private static void Write(string path, ClusterIdentity identity, bool overwrite)
    {
        try
        {
            DurableFile.Replace(path, IdentityFile.Format(identity), overwrite);
        }
        catch (IOException) when (!overwrite && Path.Exists(path))
        {
            throw Taken(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or StoreException)
        {
            throw new ClusterIdentityException(IdentityFault.Unreachable, $"{path} cannot be written: {failure.Message}. Free the disk, or let the node's user write the directory.", failure);
        }
    }

    private static ClusterIdentityException Taken(string path) => new(IdentityFault.Taken,
        $"{path} is already there: this node belongs to a cluster. It is left as it is; a node that is to join another starts with a new state directory.");
}
