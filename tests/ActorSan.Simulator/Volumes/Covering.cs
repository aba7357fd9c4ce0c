using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Primaries;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Disk;
using ActorSan.Simulator.World;
using ActorSan.Storage.Stores;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// I4 while it runs: at every newly decided configuration and whenever a write-intent page has reached a disk, each block that two replicas have differently is covered. Two members:
/// by an unsettled list or an intent bit of one of the two. A member and one that is out: by that member's set (any member may have to resync it), by what the member will put into it,
/// by a write that was sent and not acknowledged, or by an intent bit of the one that is out. Who is admitted differs from its primary in writes in flight only (S4). Looks at the product
/// from outside; of a node that is down it asks what its next process would make of the disk.
/// </summary>
internal sealed class Covering : IReplicaUser
{
    private readonly SimWorld _world;
    private readonly VolumeSetup _setup;

    // The disk with which a session began: one that was exchanged since differs by more than any of this knows (A2, W2).
    private readonly Dictionary<(Guid Incarnation, Guid Session), SimDiskContent> _disks = [];
    private readonly Dictionary<string, Member> _lastMember = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Replica> _views = new(StringComparer.Ordinal);
    private Configuration? _decided;

    // Another lineage was begun by force (P11): what its discarded replicas have is nobody's to cover.
    private bool _isForced;

    public Covering(SimWorld world, VolumeSetup setup)
    {
        _world = world;
        _setup = setup;
        world.Facts.NewlyDecided += OnDecided;
        foreach (SimNode node in world.Nodes)
        {
            if (node.Disk is { } disk)
            {
                disk.OnIntentWritten = () => Check("write intent changed on a disk");
            }
        }
    }

    public bool KeepsWhenFull => false;

    /// <summary>A process has opened the node's disk in this session.</summary>
    public void Opened(SimNode node, Guid session) => _ = _disks.TryAdd((node.Disk!.Content.Incarnation, session), node.Disk.Content);

    public void OnStoreFailed(StoreStatus status)
    {
    }

    public bool MayClear(ByteRange chunk) => false;

    private void OnDecided(string key, RegisterValue value)
    {
        if (value is not Configuration decided || decided.VolumeId != _setup.VolumeId)
        {
            return;
        }

        _isForced |= decided.Lineage != _setup.First.Lineage;
        if (_isForced || decided.Version <= (_decided?.Version ?? 0))
        {
            return;
        }

        Configuration? before = _decided;
        _decided = decided;
        foreach (Member member in decided.InSync)
        {
            _lastMember[member.Node] = member;
            if (before is not null && !before.InSync.Contains(member))
            {
                CheckAdmitted(member);
            }
        }

        Check("a configuration was decided");
    }

    private void Check(string when)
    {
        if (_decided is null || _isForced || _world.Violation is not null)
        {
            return;
        }

        _views.Clear();
        foreach (Member member in _decided.InSync)
        {
            foreach (ReplicaEntry other in _decided.Replicas)
            {
                bool isMember = _decided.MemberOf(other.Node) is not null;
                bool looks = isMember ? string.CompareOrdinal(member.Node, other.Node) < 0 : other.LeftAt is not null;
                if (looks && IsItself(member.Node) && IsItself(other.Node))
                {
                    Compare(member.Node, other, isMember, when);
                }
            }
        }
    }

    private void Compare(string member, ReplicaEntry other, bool isMember, string when)
    {
        SimDisk one = NodeOf(member).Disk!;
        SimDisk two = NodeOf(other.Node).Disk!;
        int blockBytes = one.Options.BlockBytes;
        for (int block = 0; block < BlocksOf(one, two); block++)
        {
            if (one.Content.Block(block).SequenceEqual(two.Content.Block(block)))
            {
                continue;
            }

            var range = new ByteRange((long)block * blockBytes, blockBytes);
            bool covered = isMember
                ? IsListed(member, range) || IsIntended(member, range) || IsListed(other.Node, range) || IsIntended(other.Node, range)
                : IsIntended(other.Node, range) || IsListed(member, range) || IsInSet(member, other, range) || IsOutstanding(member, other.Node, range);
            if (!covered)
            {
                string pair = isMember ? $"{member} and {other.Node}, both in sync" : $"{other.Node}, which is out, and {member}, which is in sync";
                _world.Fail($"I4: {when}, and block {block} is not the same on {pair}, and nothing covers it: {_decided}");
                return;
            }
        }
    }

    /// <summary>S4: a serving primary's list is exact, so what it does not list is alike on whoever it has admitted.</summary>
    private void CheckAdmitted(Member admitted)
    {
        if (_decided!.Primary is not { } by || by.Node == admitted.Node || Live(by.Node) is not { } primary || Live(admitted.Node) is not { } replica
            || replica.Self != admitted || primary.IsFailed || replica.IsFailed || !IsItself(by.Node) || !IsItself(admitted.Node) || PrimaryOf(by.Node) is not { IsServing: true })
        {
            return;
        }

        SimDisk one = NodeOf(by.Node).Disk!;
        SimDisk two = NodeOf(admitted.Node).Disk!;
        int blockBytes = one.Options.BlockBytes;
        for (int block = 0; block < BlocksOf(one, two) && _world.Violation is null; block++)
        {
            var range = new ByteRange((long)block * blockBytes, blockBytes);
            if (!one.Content.Block(block).SequenceEqual(two.Content.Block(block)) && !primary.Unsettled.Overlaps(range) && !replica.Unsettled.Overlaps(range))
            {
                _world.Fail($"I4: {admitted.Node} is admitted, and its block {block} is not that of the primary {by.Node}, and no write to it is in flight: {_decided}");
            }
        }
    }

    private int BlocksOf(SimDisk one, SimDisk two) => (int)Math.Min(_decided!.SizeBytes / one.Options.BlockBytes, Math.Min(one.Content.Blocks, two.Content.Blocks));

    // False: the disk was exchanged since the node was a member with it.
    private bool IsItself(string node) =>
        _lastMember.TryGetValue(node, out Member last) && _disks.TryGetValue((last.Incarnation, last.Session), out SimDiskContent? disk) && NodeOf(node).Disk!.Content == disk;

    private bool IsListed(string node, ByteRange range) => Live(node) is { } replica && replica.Unsettled.Overlaps(range);

    private bool IsIntended(string node, ByteRange range)
    {
        Replica replica = Live(node) ?? View(node);
        int chunk = replica.Intent.ChunkOf(range.OffsetBytes);
        return chunk < replica.Intent.ChunkCount && replica.Intent.IsSet(chunk);
    }

    private bool IsInSet(string node, ReplicaEntry other, ByteRange range)
    {
        if (Live(node) is { } live && live.SetOf(other.Node) is { } kept && kept.Incarnation == other.Incarnation)
        {
            return kept.Set.Overlaps(range);
        }

        // It has not heard of this configuration yet: when it does, its set is what its pages say, and its list, or the chunks that stand for it.
        return (View(node).SetOf(other.Node)?.Set.Overlaps(range) ?? false) || (Live(node) is { IsCoarse: true } && IsIntended(node, range));
    }

    private bool IsOutstanding(string node, string other, ByteRange range)
    {
        if (PrimaryOf(node) is { } primary)
        {
            foreach (PeerState peer in primary.Peers)
            {
                if (peer.Node == other)
                {
                    return peer.IsOutstanding(range);
                }
            }
        }

        return false;
    }

    private SimNode NodeOf(string name) => _world.Nodes.First(node => node.Name == name);

    private Replica? Live(string node) => NodeOf(node).Process?.Program is VolumeProgram { Engine.Replica: { } replica } ? replica : null;

    private Primary? PrimaryOf(string node) => NodeOf(node).Process?.Program is VolumeProgram { Engine.Primary: { } primary } ? primary : null;

    // What the next process would know, told of the configuration in the session that it has there.
    private Replica View(string node)
    {
        if (_views.TryGetValue(node, out Replica? known))
        {
            return known;
        }

        SimNode owner = NodeOf(node);
        var disk = new DiskView(owner.Disk!);
        Member self = _decided!.MemberOf(node) ?? _lastMember[node];
        _ = ReplicaState.TryRead(disk.LoadedPage(ReplicaPageKind.State, 0, 0, out _), out ReplicaState? found, out _);
        found ??= new ReplicaState
        {
            VolumeId = disk.VolumeId,
            Lineage = _setup.First.Lineage,
            Node = node,
            Incarnation = self.Incarnation,
            Session = self.Session,
            BootId = Guid.Empty,
        };
        ReplicaState state = found with { Incarnation = self.Incarnation, Session = self.Session };
        var view = new Replica(_setup.Engine.Replica, state, new NoStore(), disk, owner.Clock, this, BugSet.Nothing);
        view.NoteConfiguration(_decided);
        _views.Add(node, view);
        return view;
    }

    private sealed class NoStore : IStore
    {
        public Storage.Threads.IoThread Home => throw Refused();

        public StoreTraits Traits => throw Refused();

        public string Description => "a view";

        public void Read(StoreRequest request) => throw Refused();

        public void Write(StoreRequest request) => throw Refused();

        public void Zero(StoreRequest request) => throw Refused();

        public void Provision(StoreRequest request) => throw Refused();

        public void Flush(StoreRequest request) => throw Refused();

        public void MapStatus(StoreRequest request) => throw Refused();

        public void Close(Storage.Threads.IoMessage? closed) => throw Refused();

        private static NotSupportedException Refused() => new("a view of a store is used");
    }
}
