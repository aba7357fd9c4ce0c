using System.Text.Json;
using ActorSan.Cluster.Messages;

namespace ActorSan.Node.Daemon;

/// <summary>
/// What a script waits for: a JSON file that appears, whole, when the node serves, and goes when it stops. It names the process, the portals with the ports that
/// the kernel chose, the targets and the volumes with what is wrong with them.
/// </summary>
internal sealed class ReadyFile(string path)
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true };

    public void Write(string nodeName, NodeReady ready)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                name = nodeName,
                pid = Environment.ProcessId,
                threads = ready.Threads.Select(thread => new { index = thread.Index, engine = thread.Engine, cpu = thread.Cpu }),
                portals = ready.Portals.Select(portal => new { name = portal.Name, address = portal.Address.Address.ToString(), port = portal.Address.Port, group = portal.GroupTag }),
                targets = ready.Targets.Select(target => new { iqn = target.Iqn, luns = target.Luns }),
                volumes = ready.Volumes.Select(volume => new
                {
                    name = volume.Name,
                    id = volume.VolumeId,
                    sizeBytes = volume.SizeBytes,
                    logicalBlockBytes = volume.LogicalBlockBytes,
                    thread = volume.Thread,
                    fault = volume.Fault,
                }),
            },
            Readable);
        string unfinished = path + ".tmp";
        File.WriteAllBytes(unfinished, json);
        File.Move(unfinished, path, overwrite: true);
    }

    public void Remove()
    {
        try
        {
            File.Delete(path);
        }
        catch (IOException)
        {
            // The directory went first: then so did the file.
        }
    }
}
