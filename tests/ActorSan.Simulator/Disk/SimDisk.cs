using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.World;
using ActorSan.Storage.Stores;

namespace ActorSan.Simulator.Disk;

/// <summary>
/// A node's disk: survives processes and, as far as it was flushed, power. One process at a time has it open (A4). Faults are switched on it from outside and hold until they
/// are switched off, whoever opens it.
/// </summary>
public sealed class SimDisk
{
    private SimStore? _open;

    public SimDisk(SimNode node, SimDiskOptions options, Guid volumeId, Guid incarnation)
    {
        Node = node;
        World = node.World;
        Options = options;
        Random = World.Random("disk", node.Index);
        Content = new SimDiskContent(options, volumeId, incarnation);
        WritesInFlight = new byte[options.Blocks];
    }

    public SimNode Node { get; }

    public SimWorld World { get; }

    public SimDiskOptions Options { get; }

    public SimDiskContent Content { get; private set; }

    internal SimRandom Random { get; }

    internal byte[] WritesInFlight { get; private set; }

    // Faults.

    /// <summary>So many next reads end with an error.</summary>
    public int FailReads { get; set; }

    /// <summary>So many next writes (metadata too) end with an error; of each block, old or new is there.</summary>
    public int FailWrites { get; set; }

    public int FailFlushes { get; set; }

    /// <summary>So many next metadata pages fail, no data.</summary>
    public int FailPages { get; set; }

    /// <summary>Writes of blocks find no space. Metadata has its own.</summary>
    public bool Full { get; set; }

    /// <summary>Gone: what is open ends with Vanished for good, what opens finds nothing.</summary>
    public bool Vanished { get; private set; }

    public bool Hung { get; private set; }

    /// <summary>For checks from outside: a write-intent page has reached the medium.</summary>
    internal Action? OnIntentWritten { get; set; }

    /// <summary>All delays are multiplied with it.</summary>
    public long Slowness { get; set; } = 1;

    /// <summary>A page is lost in both slots, or the disk is gone: opening fails (I6).</summary>
    public StoreFault? OpenFault
    {
        get
        {
            if (Vanished)
            {
                return StoreFault.Missing;
            }

            bool lost = Content.Clean.IsLost || Array.Exists(Content.Pages, page => page.IsLost) || Array.Exists(Content.Attributes, page => page.IsLost);
            return lost ? StoreFault.Damaged : null;
        }
    }

    /// <summary>
    /// Opens it for a process: replays and empties the redo slots, reads the metadata. Null with a reason when it cannot be opened; InUse while an earlier handle's I/O has not
    /// ended (A4, P10).
    /// </summary>
    public SimStore? Open(SimProcess process, out StoreFault fault)
    {
        fault = OpenFault ?? StoreFault.Missing;
        if (OpenFault is not null)
        {
            return null;
        }

        if (_open is not null)
        {
            fault = StoreFault.InUse;
            return null;
        }

        Replay();
        foreach (SimPage page in Content.Attributes)
        {
            page.Open();
        }

        var store = new SimStore(this, process);
        _open = store;
        process.Add(store);
        if (World.Tracing)
        {
            World.Trace(Node.Name, "disk", $"opened, incarnation {Content.Incarnation.ToString("N")[..4]}{(store.Metadata.WasClean ? ", clean" : "")}");
        }

        return store;
    }

    /// <summary>Nothing ends until <see cref="Unhang"/>.</summary>
    public void Hang()
    {
        Hung = true;
        Say("hangs");
    }

    public void Unhang()
    {
        Hung = false;
        Say("works again");
        _open?.OnUnhung();
    }

    public void Vanish()
    {
        Vanished = true;
        Say("vanishes");
        _open?.OnVanished();
    }

    public void ComeBack()
    {
        Vanished = false;
        Say("is back");
    }

    /// <summary>A bit of a block turns, unnoticed.</summary>
    public void Rot(int block, int bit)
    {
        Say($"a bit of block {block} turns");
        Content.Flip(block, bit);
    }

    /// <summary>Both slots were written and are whole: one of them can go.</summary>
    public bool MayRot(ReplicaPageKind kind, int peer, int index) => Content.Pages[SimDiskContent.PageIndex(Options, kind, peer, index)].IsWhole;

    /// <summary>One slot of a metadata page is damaged: found at the next open.</summary>
    public void RotPage(ReplicaPageKind kind, int peer, int index, bool newer) => Content.Pages[SimDiskContent.PageIndex(Options, kind, peer, index)].Damage(newer);

    /// <summary>All of it, as one would copy the image of a machine that is off, or the medium of one that runs.</summary>
    public SimDiskContent Snapshot() => Content.Copy(mediumOnly: _open is not null);

    /// <summary>Put back to an older state (A2: never under a running process).</summary>
    public void PutBack(SimDiskContent image)
    {
        Replace(image.Copy());
        Say("is put back to an older copy");
    }

    /// <summary>Another, empty disk in its place.</summary>
    public void Replace(Guid volumeId, Guid incarnation)
    {
        Replace(new SimDiskContent(Options, volumeId, incarnation));
        Say("is replaced by an empty one");
    }

    /// <summary>S7: longer, at once, and while it is open.</summary>
    public void Grow(int blocks)
    {
        if (blocks > Content.Blocks)
        {
            byte[] inFlight = WritesInFlight;
            Array.Resize(ref inFlight, blocks);
            WritesInFlight = inFlight;
            Content.Grow(blocks, Random);
        }
    }

    internal void LosePower()
    {
        // Often all or nothing, for these are what devices do; else each block by itself.
        double keep = Random.Next(4) switch { 0 => 0, 1 => 1, _ => Random.NextDouble() };
        Content.SettleDirty(Random, keep);
        Hung = false;
    }

    internal void OnClosed(SimStore store)
    {
        if (_open == store)
        {
            _open = null;
        }
    }

    internal long Delay(long low, long high) => Random.Skewed(low, high) * Slowness;

    private void Replace(SimDiskContent content)
    {
        if (_open is not null)
        {
            throw new SimViolationException($"the scenario exchanges the disk of {Node.Name} under a running process");
        }

        Content = content;
        WritesInFlight = new byte[content.Blocks];
    }

    // In the order in which they were written; what is put into place is on the medium before its slot is emptied (W11).
    private void Replay()
    {
        while (true)
        {
            SimRedoSlot? next = null;
            foreach (SimRedoSlot slot in Content.Redo)
            {
                if (slot.Used && (next is null || slot.Sequence < next.Sequence))
                {
                    next = slot;
                }
            }

            if (next is null)
            {
                return;
            }

            int blockBytes = Options.BlockBytes;
            int first = (int)(next.OffsetBytes / blockBytes);
            for (int i = 0; i < next.Length / blockBytes; i++)
            {
                Content.Put(first + i, next.Bytes.AsSpan(i * blockBytes, blockBytes), toCache: false);
            }

            next.Used = false;
            Say($"redo slot replayed: block {first}, {next.Length / blockBytes} blocks");
        }
    }

    private void Say(string text)
    {
        if (World.Tracing)
        {
            World.Trace(Node.Name, "disk", text);
        }
    }
}
