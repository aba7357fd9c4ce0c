using System.Buffers.Binary;
using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>UNMAP (SBC-4 §5.32) and GET LBA STATUS (SBC-4 §5.6).</summary>
internal static unsafe class ProvisioningCommands
{
    private const int UnmapHeaderBytes = 8;
    private const int UnmapDescriptorBytes = 16;
    private const int StatusHeaderBytes = 8;
    private const int StatusDescriptorBytes = 16;

    /// <summary>Descriptors that one GET LBA STATUS returns at most.</summary>
    private const int MaxStatusDescriptors = 64;

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "UNMAP",
            OperationCode = 0x42,
            Usage = [0x42, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3F, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]), 0),
            Start = Unmap,
            Flags = CommandFlags.Conditional,
            ExistsOn = static device => device.Volume.Capabilities.Thin,
            BlockedBy = Restrictions.MediumWrite,
            RecommendedSeconds = 60,
        },
        new()
        {
            Name = "GET LBA STATUS(16)",
            OperationCode = 0x9E,
            ServiceAction = 0x12,
            Usage = [0x9E, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00],
            Demand = static (_, cdb) =>
                new CdbDemand(0, Math.Min(BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]), StatusHeaderBytes + (MaxStatusDescriptors * StatusDescriptorBytes))),
            Start = GetLbaStatus,
            Reservation = ReservationClass.Reads,
            BlockedBy = Restrictions.Medium,
        },
    ];

    // Parameter list: 0..1 length after it, 2..3 length of the descriptors; each 0..7 LBA, 8..11 blocks.
    private static void Unmap(TaskState task)
    {
        int length = task.CdbUInt16(7);
        if ((task.CdbByte(1) & 0x01) != 0)
        {
            // ANCHOR with ANC_SUP zero.
            task.FailCdbField(1, 0);
            return;
        }

        if (length == 0)
        {
            task.EndGood();
            return;
        }

        ReadOnlySpan<byte> list = task.DataOut;
        if (length < UnmapHeaderBytes || list.Length < length || UnmapHeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(list[2..]) > length)
        {
            task.FailParameterLength(7);
            return;
        }

        int descriptors = BinaryPrimitives.ReadUInt16BigEndian(list[2..]) / UnmapDescriptorBytes;
        if (!CheckDescriptors(task, list, descriptors))
        {
            return;
        }

        task.Cursor = 0;
        task.Cursor2 = descriptors;
        task.ForceUnitAccess = task.Device.WriteThrough;
        UnmapNext(task);
    }

    // Nothing is unmapped unless all of it can be.
    private static bool CheckDescriptors(TaskState task, ReadOnlySpan<byte> list, int descriptors)
    {
        if (descriptors > task.Device.Limits.MaxUnmapDescriptors)
        {
            task.FailParameter(2);
            return false;
        }

        long total = 0;
        for (int i = 0; i < descriptors; i++)
        {
            int at = UnmapHeaderBytes + (i * UnmapDescriptorBytes);
            BlockRange range = Descriptor(list, i);
            if (!range.CheckInside(task))
            {
                return false;
            }

            total += range.Blocks;
            if (total > task.Device.Limits.MaxUnmapBlocks)
            {
                task.FailParameter(at + 8);
                return false;
            }
        }

        return true;
    }

    private static BlockRange Descriptor(ReadOnlySpan<byte> list, int index)
    {
        ReadOnlySpan<byte> descriptor = list[(UnmapHeaderBytes + (index * UnmapDescriptorBytes))..];
        return new BlockRange(BinaryPrimitives.ReadUInt64BigEndian(descriptor), BinaryPrimitives.ReadUInt32BigEndian(descriptor[8..]), 8);
    }

    private static void UnmapNext(TaskState task)
    {
        while (task.Cursor < task.Cursor2)
        {
            BlockRange range = Descriptor(task.DataOut, (int)task.Cursor++);
            if (range.Blocks != 0)
            {
                range.Place(task);
                task.Issue(VolumeOperationKind.Unmap, static task =>
                {
                    if (task.Status != VolumeStatus.Success)
                    {
                        task.FailVolume(task.Lba);
                        return;
                    }

                    UnmapNext(task);
                });
                return;
            }
        }

        task.EndGood(task.CdbUInt16(7));
    }

    // Answer: 0..3 length after it; descriptors from 8 on: 0..7 LBA, 8..11 blocks, 12 3..0 PROVISIONING STATUS (0 mapped, 1 deallocated). Cursor: descriptors so far.
    private static void GetLbaStatus(TaskState task)
    {
        ulong lba = task.CdbUInt64(2);
        if (lba >= (ulong)task.Device.BlockCount)
        {
            task.Fail(new SenseDescription(SenseKey.IllegalRequest, AdditionalSense.LbaOutOfRange, Information: lba));
            return;
        }

        long room = Math.Min(task.CdbUInt32(10), StatusHeaderBytes + (MaxStatusDescriptors * StatusDescriptorBytes));
        long descriptors = Math.Max(1, (room - StatusHeaderBytes) / StatusDescriptorBytes);
        if (!task.TryRentScratch(StatusHeaderBytes + ((int)descriptors * StatusDescriptorBytes)))
        {
            return;
        }

        task.Scratch.Span.Clear();
        task.Cursor = 0;
        task.Cursor2 = descriptors;
        task.Lba = (long)lba;
        AskStatus(task);
    }

    private static void AskStatus(TaskState task)
    {
        task.OffsetBytes = task.Lba << task.Device.BlockShift;
        task.LengthBytes = (task.Device.BlockCount - task.Lba) << task.Device.BlockShift;
        if (task.LengthBytes <= 0 || task.Cursor == task.Cursor2)
        {
            FinishStatus(task);
            return;
        }

        task.Issue(VolumeOperationKind.MapStatus, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                task.FailVolume(task.Lba);
                return;
            }

            long blocks = Math.Clamp(task.ResultLengthBytes >> task.Device.BlockShift, 1, uint.MaxValue);
            Append(task, blocks, task.ResultMapped);
            task.Lba += blocks;
            AskStatus(task);
        });
    }

    private static void Append(TaskState task, long blocks, bool mapped)
    {
        Span<byte> descriptor = task.Scratch.Span[(StatusHeaderBytes + ((int)task.Cursor * StatusDescriptorBytes))..];
        byte status = mapped ? (byte)0 : (byte)1;
        BinaryPrimitives.WriteUInt64BigEndian(descriptor, (ulong)task.Lba);
        BinaryPrimitives.WriteUInt32BigEndian(descriptor[8..], (uint)blocks);
        descriptor[12] = status;
        task.Cursor++;
    }

    private static void FinishStatus(TaskState task)
    {
        int length = StatusHeaderBytes + ((int)task.Cursor * StatusDescriptorBytes);
        BinaryPrimitives.WriteUInt32BigEndian(task.Scratch.Span, (uint)(length - 4));
        task.EndWith(task.Scratch.Span[..length], task.CdbUInt32(10));
    }
}
