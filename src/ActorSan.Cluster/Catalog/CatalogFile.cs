using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage.Stores;

namespace ActorSan.Cluster.Catalog;

/// <summary>
/// The catalog that this node has last known to be decided, in a file of its state directory: where to start from when all nodes start at once, as a replica's configuration page is for a
/// volume. Never a permission: a round reads the register. The bytes are those of a voter's record, with its checksum. A file that can't be read is as good as none: the others are asked.
/// </summary>
public sealed class CatalogFile(string path)
{
    public const string FileName = "catalog.decided";

    /// <summary>Null: there is none, or none that could be read, which <paramref name="fault"/> says.</summary>
    public (RegisterKey Key, DocumentValue Value)? Read(out string? fault)
    {
        fault = null;
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            fault = failure.Message;
            return null;
        }

        if (!VoterRecordCodec.TryRead(bytes, out VoterRecord? record, out ContentFault wrong))
        {
            fault = $"{path}: {wrong.Sentence}";
            return null;
        }

        if (record is AcceptedRecord { Value: DocumentValue value } accepted)
        {
            return (accepted.Key, value);
        }

        fault = $"{path} holds no catalog";
        return null;
    }

    /// <summary>In the place of what was there, whole or not at all, and on the medium when it returns.</summary>
    public void Write(RegisterKey key, DocumentValue value)
    {
        var writer = new ContentWriter();
        VoterRecordCodec.Write(writer, new AcceptedRecord(key, default, value));
        DurableFile.Replace(path, writer.Written);
    }
}
