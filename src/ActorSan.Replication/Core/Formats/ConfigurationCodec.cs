using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Formats;

/// <summary>
/// A configuration on the wire, and on the Configuration page of a replica; version 1, little endian.
/// <code>
/// version (1), flags (1: deleted, confirm-reads, has primary, has preferred primary), on-no-quorum (1), volume id (16), lineage (16), version of the value (8), epoch (8),
/// reign (8), size (8), [primary: node, instance (16)], [preferred primary: node],
/// parents: count (4), ids; in-sync: count (4), each node, incarnation (16), session (16);
/// replicas: count (4), each node, incarnation (16), protocol (1), flags (1: has left at, detached), highest mark (8), left at (8, 0 if none);
/// voters, old voters: count (4), each node, incarnation (16). A node: length (1) and UTF-8.
/// </code>
/// </summary>
public static class ConfigurationCodec
{
    public const byte Version = 1;
    public const int MaxNodes = 32;
    public const int MaxParents = 1024;
    public const int MaxNameBytes = byte.MaxValue;

    /// <summary>The longest that there can be: it fits the Configuration page.</summary>
    public const int MaxBytes = FixedBytes + (2 * TextBytes) + 16 + 20 + (MaxParents * 16) + (MaxNodes * ((4 * TextBytes) + 16 + 16 + 34 + 16 + 16));

    private const int TextBytes = 1 + MaxNameBytes;
    private const int FixedBytes = 3 + (2 * 16) + (4 * 8);
    private const long MaxVolumeBytes = 1L << 56;
    private const byte Deleted = 1;
    private const byte ConfirmReads = 2;
    private const byte HasPrimary = 4;
    private const byte HasPreferred = 8;
    private const byte HasLeft = 1;
    private const byte Detached = 2;

    public static void Write(ContentWriter writer, Configuration value)
    {
        Invariant.Check(value.Voters.Count > 0 && (value.Deleted || value.InSync.Count > 0) && value.Reign <= value.Epoch && value.SizeBytes <= MaxVolumeBytes);
        writer.Byte(Version);
        writer.Byte((byte)((value.Deleted ? Deleted : 0)
            | (value.Settings.ConfirmReads ? ConfirmReads : 0)
            | (value.Primary is not null ? HasPrimary : 0)
            | (value.Settings.PreferredPrimary is not null ? HasPreferred : 0)));
        writer.Byte((byte)value.Settings.OnNoQuorum);
        writer.Id(value.VolumeId);
        writer.Id(value.Lineage);
        writer.Number(value.Version);
        writer.Number(value.Epoch);
        writer.Number(value.Reign);
        writer.Number(value.SizeBytes);
        if (value.Primary is { } primary)
        {
            WritePrimary(writer, primary);
        }

        if (value.Settings.PreferredPrimary is { } preferred)
        {
            writer.Text(preferred);
        }

        writer.List(value.Parents, MaxParents, static (ContentWriter to, in Guid parent) => to.Id(parent));
        writer.List(value.InSync, MaxNodes, WriteMember);
        writer.List(value.Replicas, MaxNodes, WriteReplica);
        writer.List(value.Voters, MaxNodes, WriteVoter);
        writer.List(value.OldVoters, MaxNodes, WriteVoter);
    }

    /// <summary>The whole of <paramref name="bytes"/> is one.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Configuration? value, out ContentFault fault)
    {
        var reader = new ContentReader("a configuration", bytes);
        value = Read(ref reader);
        bool good = reader.TryEnd(out fault);
        value = good ? value : null;
        return good;
    }

    /// <summary>Where the reader is; what is returned means nothing when the reader has refused.</summary>
    public static Configuration Read(ref ContentReader reader)
    {
        reader.Version(Version);
        byte flags = reader.Flags("flags", Deleted | ConfirmReads | HasPrimary | HasPreferred);
        var onNoQuorum = (NoQuorumPolicy)reader.Choice("on-no-quorum", (byte)NoQuorumPolicy.Fail);
        Guid volumeId = reader.Id("volume id");
        Guid lineage = reader.Id("lineage");
        long version = reader.Number("version of the value");
        long epoch = reader.Number("epoch");
        long reign = reader.Number("reign", epoch);
        long size = reader.Number("size", MaxVolumeBytes);
        PrimaryId? primary = (flags & HasPrimary) != 0 ? ReadPrimary(ref reader) : null;
        string? preferred = (flags & HasPreferred) != 0 ? reader.Text("preferred primary") : null;
        ValueList<Guid> parents = reader.List("parents", MaxParents, 16, static (ref ContentReader from) => from.Id("parent"));
        ValueList<Member> inSync = reader.List("members", MaxNodes, 2 + 32, ReadMember);
        ValueList<ReplicaEntry> replicas = reader.List("replicas", MaxNodes, 2 + 34, ReadReplica);
        ValueList<VoterId> voters = reader.List("voters", MaxNodes, 2 + 16, ReadVoter);
        ValueList<VoterId> oldVoters = reader.List("old voters", MaxNodes, 2 + 16, ReadVoter);
        bool deleted = (flags & Deleted) != 0;
        if (reader.IsGood && (voters.Count == 0 || (inSync.Count == 0 && !deleted)))
        {
            reader.Refuse(ContentFaultReason.OutOfRange, voters.Count == 0 ? "has no voters" : "has nobody in sync");
        }

        return new Configuration
        {
            VolumeId = volumeId,
            Lineage = lineage,
            Version = version,
            Epoch = epoch,
            Reign = reign,
            SizeBytes = size,
            Primary = primary,
            Parents = parents,
            InSync = inSync,
            Replicas = replicas,
            Voters = voters,
            OldVoters = oldVoters,
            Deleted = deleted,
            Settings = new VolumeSettings { OnNoQuorum = onNoQuorum, ConfirmReads = (flags & ConfirmReads) != 0, PreferredPrimary = preferred },
        };
    }

    internal static void WritePrimary(ContentWriter writer, PrimaryId primary)
    {
        writer.Text(primary.Node);
        writer.Id(primary.Instance);
    }

    internal static PrimaryId ReadPrimary(ref ContentReader reader) => new(reader.Text("primary"), reader.Id("instance of the primary"));

    private static void WriteMember(ContentWriter writer, in Member member)
    {
        writer.Text(member.Node);
        writer.Id(member.Incarnation);
        writer.Id(member.Session);
    }

    private static Member ReadMember(ref ContentReader reader) => new(reader.Text("member"), reader.Id("incarnation of a member"), reader.Id("session of a member"));

    private static void WriteReplica(ContentWriter writer, in ReplicaEntry replica)
    {
        writer.Text(replica.Node);
        writer.Id(replica.Incarnation);
        writer.Byte((byte)replica.Protocol);
        writer.Byte((byte)((replica.LeftAt is null ? 0 : HasLeft) | (replica.Detached ? Detached : 0)));
        writer.Number(replica.HighestMark);
        writer.Number(replica.LeftAt ?? 0);
    }

    private static ReplicaEntry ReadReplica(ref ContentReader reader)
    {
        string node = reader.Text("replica");
        Guid incarnation = reader.Id("incarnation of a replica");
        var protocol = (ReplicationProtocol)reader.Choice("protocol", (byte)ReplicationProtocol.B);
        byte flags = reader.Flags("flags of a replica", HasLeft | Detached);
        bool left = (flags & HasLeft) != 0;
        long mark = reader.Number("highest mark");
        long leftAt = reader.Number("'left at'", left ? long.MaxValue : 0);
        return new ReplicaEntry(node, incarnation, protocol, mark, left ? leftAt : null, (flags & Detached) != 0);
    }

    internal static void WriteVoter(ContentWriter writer, in VoterId voter)
    {
        writer.Text(voter.Node);
        writer.Id(voter.Incarnation);
    }

    internal static VoterId ReadVoter(ref ContentReader reader) => new(reader.Text("voter"), reader.Id("incarnation of a voter"));
}
