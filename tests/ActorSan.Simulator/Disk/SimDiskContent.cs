using System.Numerics;
using ActorSan.Replication.Core.Ports;

namespace ActorSan.Simulator.Disk;

/// <summary>
/// What is on a disk and in its volatile cache. A copy of it is an image that can be put back later (A2). Of a block the medium holds what was there at the last flush, or any
/// later write that the cache happened to write out.
/// </summary>
public sealed class SimDiskContent
{
    private byte[] _now;
    private byte[] _medium;
    private ulong[] _dirty;

    internal SimDiskContent(SimDiskOptions options, Guid volumeId, Guid incarnation)
        : this(options, volumeId, incarnation, options.Blocks)
    {
        Pages = new SimPage[PageIndex(options, ReplicaPageKind.OutOfSync, 3, 0)];
        for (int i = 0; i < Pages.Length; i++)
        {
            Pages[i] = new SimPage(PageBytes(options, i));
        }

        Attributes = [new SimPage(options.AttributeBytes), new SimPage(options.AttributeBytes), new SimPage(options.AttributeBytes)];
        Clean = new SimPage(1);
        Redo = new SimRedoSlot[options.RedoSlots];
        for (int i = 0; i < Redo.Length; i++)
        {
            Redo[i] = new SimRedoSlot(options.RedoSlotBytes);
        }
    }

    private SimDiskContent(SimDiskOptions options, Guid volumeId, Guid incarnation, int blocks)
    {
        Options = options;
        VolumeId = volumeId;
        Incarnation = incarnation;
        Blocks = blocks;
        VolumeBlocks = blocks;
        _now = new byte[blocks * options.BlockBytes];
        _medium = new byte[blocks * options.BlockBytes];
        _dirty = new ulong[(blocks + 63) / 64];
    }

    public SimDiskOptions Options { get; }

    public Guid VolumeId { get; }

    public Guid Incarnation { get; }

    /// <summary>As long as the store is.</summary>
    public int Blocks { get; private set; }

    /// <summary>As large as the metadata says that the volume is.</summary>
    public int VolumeBlocks { get; internal set; }

    internal SimPage[] Pages { get; private init; } = [];

    internal SimPage[] Attributes { get; private init; } = [];

    internal SimPage Clean { get; private init; } = new(1);

    internal SimRedoSlot[] Redo { get; private init; } = [];

    internal ulong RedoSequence { get; set; }

    internal int DirtyWords => _dirty.Length;

    /// <summary>What a read of the block would find now.</summary>
    public ReadOnlySpan<byte> Block(int block) => _now.AsSpan(block * Options.BlockBytes, Options.BlockBytes);

    /// <summary>What the medium has of it.</summary>
    public ReadOnlySpan<byte> MediumBlock(int block) => _medium.AsSpan(block * Options.BlockBytes, Options.BlockBytes);

    public bool IsDirty(int block) => (_dirty[block >> 6] & (1UL << (block & 63))) != 0;

    internal static int PageIndex(SimDiskOptions options, ReplicaPageKind kind, int peer, int index) => kind switch
    {
        ReplicaPageKind.State => 0,
        ReplicaPageKind.Configuration => 1,
        ReplicaPageKind.WriteIntent => 2 + index,
        ReplicaPageKind.OutOfSync => 2 + options.WriteIntentPages + (peer * options.OutOfSyncPages) + index,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such page"),
    };

    /// <summary>To the cache, or to the medium where there is no volatile one. <paramref name="data"/> empty: zeroes.</summary>
    internal void Put(int block, ReadOnlySpan<byte> data, bool toCache)
    {
        Span<byte> now = _now.AsSpan(block * Options.BlockBytes, Options.BlockBytes);
        if (data.IsEmpty)
        {
            now.Clear();
        }
        else
        {
            data.CopyTo(now);
        }

        if (toCache)
        {
            _dirty[block >> 6] |= 1UL << (block & 63);
        }
        else
        {
            Destage(block);
        }
    }

    internal void Destage(int block)
    {
        int offset = block * Options.BlockBytes;
        _now.AsSpan(offset, Options.BlockBytes).CopyTo(_medium.AsSpan(offset));
        _dirty[block >> 6] &= ~(1UL << (block & 63));
    }

    internal void Lose(int block)
    {
        int offset = block * Options.BlockBytes;
        _medium.AsSpan(offset, Options.BlockBytes).CopyTo(_now.AsSpan(offset));
        _dirty[block >> 6] &= ~(1UL << (block & 63));
    }

    internal void CopyDirty(Span<ulong> to) => _dirty.CopyTo(to);

    /// <summary>Writes out what is dirty of those blocks.</summary>
    internal void Destage(ReadOnlySpan<ulong> blocks)
    {
        for (int word = 0; word < Math.Min(_dirty.Length, blocks.Length); word++)
        {
            for (ulong bits = _dirty[word] & blocks[word]; bits != 0; bits &= bits - 1)
            {
                Destage((word << 6) + BitOperations.TrailingZeroCount(bits));
            }
        }
    }

    /// <summary>Each dirty block by itself stays or goes; a <paramref name="keep"/> of 0 or 1 spares the luck.</summary>
    internal void SettleDirty(World.SimRandom random, double keep)
    {
        for (int word = 0; word < _dirty.Length; word++)
        {
            for (ulong bits = _dirty[word]; bits != 0; bits &= bits - 1)
            {
                int block = (word << 6) + BitOperations.TrailingZeroCount(bits);
                if (random.Chance(keep))
                {
                    Destage(block);
                }
                else
                {
                    Lose(block);
                }
            }
        }
    }

    internal void Flip(int block, int bit)
    {
        int at = (block * Options.BlockBytes) + ((bit >> 3) % Options.BlockBytes);
        _now[at] ^= (byte)(1 << (bit & 7));
        _medium[at] ^= (byte)(1 << (bit & 7));
    }

    /// <summary>What a longer device reads in its new part is whatever lay there before.</summary>
    internal void Grow(int blocks, World.SimRandom random)
    {
        int from = Blocks * Options.BlockBytes;
        Blocks = blocks;
        Array.Resize(ref _now, blocks * Options.BlockBytes);
        Array.Resize(ref _medium, blocks * Options.BlockBytes);
        Array.Resize(ref _dirty, (blocks + 63) / 64);
        for (int at = from; at < _now.Length; at++)
        {
            _now[at] = _medium[at] = (byte)random.Next(256);
        }
    }

    /// <param name="mediumOnly">What the cache holds is not in the image.</param>
    internal SimDiskContent Copy(bool mediumOnly = false)
    {
        var copy = new SimDiskContent(Options, VolumeId, Incarnation, Blocks)
        {
            Pages = Array.ConvertAll(Pages, page => page.Copy()),
            Attributes = Array.ConvertAll(Attributes, page => page.Copy()),
            Clean = Clean.Copy(),
            Redo = Array.ConvertAll(Redo, slot => slot.Copy()),
            RedoSequence = RedoSequence,
            VolumeBlocks = VolumeBlocks,
        };
        (mediumOnly ? _medium : _now).CopyTo(copy._now, 0);
        _medium.CopyTo(copy._medium, 0);
        if (!mediumOnly)
        {
            _dirty.CopyTo(copy._dirty, 0);
        }

        return copy;
    }

    private static int PageBytes(SimDiskOptions options, int index) => index switch
    {
        0 => options.StatePageBytes,
        1 => options.ConfigurationPageBytes,
        _ when index < 2 + options.WriteIntentPages => options.WriteIntentPageBytes,
        _ => options.OutOfSyncPageBytes,
    };
}
