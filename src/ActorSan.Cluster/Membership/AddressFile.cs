using System.Text;
using ActorSan.Storage.Stores;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Membership;

/// <summary>
/// Where the nodes were when this one last heard of them, in a file of its state directory, a line each: name, address. Votes and leases must not wait until a node that was started again has
/// been let into the group, which takes until those that died with it are downed. An address that is no longer true costs a message; the group tells the right one.
/// </summary>
public sealed class AddressFile(string path, ILoggingAdapter log)
{
    public const string FileName = "nodes.addresses";

    private readonly Lock _gate = new();
    private string _written = "";
    private volatile string _latest = "";

    /// <summary>Those of the same ActorSystem: other addresses are of a time with other keys or another transport. A file that can't be read is as good as none.</summary>
    public IEnumerable<KeyValuePair<string, Address>> Read(Address self)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            if (failure is not FileNotFoundException)
            {
                log.Warning("{Path} can't be read, and the group is waited for: {Reason}", path, failure.Message);
            }

            yield break;
        }

        foreach (string line in lines)
        {
            string[] words = line.Split(' ');
            if (words.Length == 2 && ActorPath.TryParseAddress(words[1], out Address address) && address.Protocol == self.Protocol && address.System == self.System)
            {
                yield return new(words[0], address);
            }
        }
    }

    /// <summary>In the background, whole or not at all. What can't be written is told, and no harm.</summary>
    public void Write(IEnumerable<KeyValuePair<string, Address>> addresses)
    {
        _latest = new StringBuilder().AppendJoin('\n', addresses.OrderBy(one => one.Key, StringComparer.Ordinal).Select(one => $"{one.Key} {one.Value}")).Append('\n').ToString();
        _ = Task.Run(() =>
        {
            lock (_gate)
            {
                // The newest, whichever of the writers comes first.
                string text = _latest;
                if (text == _written)
                {
                    return;
                }

                try
                {
                    DurableFile.Replace(path, Encoding.UTF8.GetBytes(text));
                    _written = text;
                }
                catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or StoreException)
                {
                    log.Warning("{Path} can't be written: after its next start this node waits for the group before it votes: {Reason}", path, failure.Message);
                }
            }
        });
    }
}
