using System.Buffers.Binary;
using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi.Inquiry;

/// <summary>Block limits (B0h), block device characteristics (B1h) and logical block provisioning (B2h): SBC-4 §6.6.4, §6.6.2, §6.6.6.</summary>
internal static class BlockVpdPages
{
    public static int WriteLimits(TaskState task, Span<byte> page)
    {
        BlockDevice device = task.Device;
        BlockLimits limits = device.Limits;
        page[5] = (byte)limits.MaxCompareAndWriteBlocks;
        BinaryPrimitives.WriteUInt16BigEndian(page[6..], (ushort)limits.OptimalGranularityBlocks);
        BinaryPrimitives.WriteUInt32BigEndian(page[8..], (uint)limits.MaxTransferBlocks);
        BinaryPrimitives.WriteUInt32BigEndian(page[12..], (uint)limits.OptimalTransferBlocks);
        if (device.Volume.Capabilities.Thin)
        {
            BinaryPrimitives.WriteUInt32BigEndian(page[20..], (uint)limits.MaxUnmapBlocks);
            BinaryPrimitives.WriteUInt32BigEndian(page[24..], (uint)limits.MaxUnmapDescriptors);
            BinaryPrimitives.WriteUInt32BigEndian(page[28..], (uint)limits.UnmapGranularityBlocks);
            // UGAVALID: granules are counted from the first byte of the volume.
            page[32] = 0x80;
        }

        // MAXIMUM WRITE SAME LENGTH (36..43) stays zero: no limit. WSNZ stays zero: no blocks mean all.
        BinaryPrimitives.WriteUInt32BigEndian(page[44..], (uint)limits.MaxAtomicBlocks);
        BinaryPrimitives.WriteUInt32BigEndian(page[48..], (uint)limits.AtomicAlignmentBlocks);
        BinaryPrimitives.WriteUInt32BigEndian(page[52..], (uint)limits.AtomicGranularityBlocks);
        return 64;
    }

    public static int WriteCharacteristics(TaskState task, Span<byte> page)
    {
        // 0001h: a non-rotating medium; 0000h: rotation rate not reported.
        page[5] = task.Device.Volume.Capabilities.Rotational ? (byte)0 : (byte)1;
        // WABEREQ 01b and WACEREQ 01b: after a block or crypto erase a read returns data, without error (SBC-4, tables of both fields). Without the erase nothing is claimed.
        page[7] = task.Device.Volume.Capabilities.CryptoErase ? (byte)0x50 : (byte)0x40;
        // FUAB: SYNCHRONIZE CACHE and FUA reach the medium.
        page[8] = 0x02;
        return 64;
    }

    public static int WriteProvisioning(TaskState task, Span<byte> page)
    {
        VolumeCapabilities capabilities = task.Device.Volume.Capabilities;
        if (capabilities.Thin)
        {
            // LBPU, LBPWS, LBPWS10, LBPRZ 001b (unmapped blocks read as zeroes); thin provisioned.
            page[5] = 0xE4;
            page[6] = 0x02;
        }

        return 8;
    }
}
