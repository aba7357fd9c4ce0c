using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Tests.Shared.Engines;

/// <summary>One volume whose replicas are all in sync by its configuration, and the product's engine on one of its nodes, with nothing around it that costs time.</summary>
internal sealed unsafe class QuietVolume
{
    public const long SizeBytes = 1L << 30;
    public const int BlockBytes = 4096;

    private static readonly string[] s_nodes = ["atlas", "zeus", "hera"];
    private ulong _random = 1;

    public QuietVolume(int replicas)
    {
        var time = new QuietTime();
        Guid volumeId = time.NewId();
        var members = new List<Member>();
        for (int i = 0; i < replicas; i++)
        {
            members.Add(new Member(s_nodes[i], time.NewId(), time.NewId()));
        }

        Time = time;
        Configuration = new Configuration
        {
            Version = 2,
            Epoch = 1,
            Reign = 1,
            Primary = new PrimaryId(s_nodes[0], time.NewId()),
            VolumeId = volumeId,
            Lineage = time.NewId(),
            Voters = [.. members.Select(member => new VoterId(member.Node, member.Incarnation))],
            InSync = [.. members],
            Replicas = [.. members.Select(member => new ReplicaEntry(member.Node, member.Incarnation))],
            SizeBytes = SizeBytes,
        };
        Data = (byte*)NativeMemory.AlignedAlloc(BlockBytes, BlockBytes);
        NativeMemory.Fill(Data, BlockBytes, 0x5A);
    }

    ~QuietVolume() => NativeMemory.AlignedFree(Data);

    public QuietTime Time { get; }

    public QuietTurns Turns { get; } = new();

    public QuietEvents Events { get; } = new();

    public Configuration Configuration { get; }

    /// <summary>A block's bytes, the same for every write and the target of every read.</summary>
    public byte* Data { get; }

    /// <summary>The engine of the node with that number; its store is the one that the configuration names.</summary>
    public VolumeEngine Open(int node, IReadOnlyList<IPeerLink> links)
    {
        Member self = Configuration.InSync[node];
        var state = new ReplicaState
        {
            VolumeId = Configuration.VolumeId,
            Lineage = Configuration.Lineage,
            Node = self.Node,
            Incarnation = self.Incarnation,
            Session = self.Session,
            BootId = Time.NewId(),
        };
        var metadata = new QuietMetadata(Turns, Configuration.VolumeId, SizeBytes);
        var lease = new LeaseCell();
        lease.Publish(Configuration.Epoch, long.MaxValue);
        var engine = new VolumeEngine(
            new EngineOptions(), state, new QuietStore(Turns, SizeBytes + metadata.DataOffsetBytes), metadata, links, Events, Time, Time, Time, lease, Configuration.Primary!.Instance);
        bool started = false;
        engine.Start(held => started = held);
        while (!started && Turns.Turn())
        {
        }

        return started ? engine : throw new InvalidOperationException("the engine does not start");
    }

    /// <summary>Where the next block lies: anywhere, the same order each time.</summary>
    public long NextOffset()
    {
        _random = (_random * 6364136223846793005UL) + 1442695040888963407UL;
        return (long)((_random >> 33) % (SizeBytes / BlockBytes)) * BlockBytes;
    }
}
