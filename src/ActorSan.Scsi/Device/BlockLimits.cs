using ActorSan.Storage.Buffers;

namespace ActorSan.Scsi;

/// <summary>The limits of the block commands, in logical blocks: what the block limits page reports is what the commands check.</summary>
internal sealed class BlockLimits
{
    public BlockLimits(BlockDevice device)
    {
        int block = device.BlockBytes;
        int physicalBlocks = Math.Max(1, device.Volume.Geometry.PhysicalBlockBytes / block);
        MaxTransferBlocks = device.MaxTransferBytes / block;
        OptimalGranularityBlocks = physicalBlocks;
        OptimalTransferBlocks = Math.Min(MaxTransferBlocks, Math.Max(1, (256 << 10) / block));
        // One side of COMPARE AND WRITE fits a redo slot, both sides fit one buffer, and the field has eight bits.
        int atomicBytes = Math.Min(device.Volume.Capabilities.MaxAtomicBytes, device.MaxTransferBytes);
        MaxCompareAndWriteBlocks = Math.Min(255, Math.Min(atomicBytes, BufferPool.MaxBufferBytes / 2) / block);
        AtomicAlignmentBlocks = Math.Max(2, physicalBlocks);
        AtomicGranularityBlocks = AtomicAlignmentBlocks;
        MaxAtomicBlocks = atomicBytes / block / AtomicGranularityBlocks * AtomicGranularityBlocks;
        long unmapBlocks = Math.Clamp(device.Settings.MaxUnmapBytes / block, 1, 1 << 20);
        MaxUnmapBlocks = unmapBlocks;
        UnmapGranularityBlocks = Math.Max(1, device.Volume.Capabilities.UnmapGranularityBytes / block);
    }

    public int MaxTransferBlocks { get; }

    public int OptimalTransferBlocks { get; }

    public int OptimalGranularityBlocks { get; }

    public int MaxCompareAndWriteBlocks { get; }

    /// <summary>MAXIMUM ATOMIC TRANSFER LENGTH; zero when the volume has no redo slot of two blocks.</summary>
    public int MaxAtomicBlocks { get; }

    /// <summary>LBA and length of WRITE ATOMIC are multiples of these.</summary>
    public int AtomicAlignmentBlocks { get; }

    public int AtomicGranularityBlocks { get; }

    /// <summary>Sum over one UNMAP's descriptors.</summary>
    public long MaxUnmapBlocks { get; }

    public int MaxUnmapDescriptors => 256;

    public int UnmapGranularityBlocks { get; }
}
