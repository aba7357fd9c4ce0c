using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>
/// SYNCHRONIZE CACHE 10 and 16 (SBC-4 §5.52, §5.53) and PRE-FETCH 10 and 16 (SBC-4 §5.9, §5.10): byte 1 bit 1 IMMED, then LBA and number of blocks (zero: all to the
/// end). The whole volume is flushed, whatever the range.
/// </summary>
internal static class CacheCommands
{
    private const int Immediate = 0x02;

    public static readonly CommandDescriptor[] Rows =
    [
        Row("SYNCHRONIZE CACHE(10)", [0x35, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0xFF, 0xFF, 0x00], static task => Synchronize(task, BlockRange.Of10(task.Cdb)), ReservationClass.Writes),
        Row("SYNCHRONIZE CACHE(16)", [0x91, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static task => Synchronize(task, BlockRange.Of16(task.Cdb)), ReservationClass.Writes),
        Row("PRE-FETCH(10)", [0x34, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0xFF, 0xFF, 0x00], static task => PreFetch(task, BlockRange.Of10(task.Cdb)), ReservationClass.Reads),
        Row("PRE-FETCH(16)", [0x90, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static task => PreFetch(task, BlockRange.Of16(task.Cdb)), ReservationClass.Reads),
    ];

    private static CommandDescriptor Row(string name, byte[] usage, Action<TaskState> start, ReservationClass reservation) => new()
    {
        Name = name,
        OperationCode = usage[0],
        Usage = usage,
        Start = start,
        Reservation = reservation,
        BlockedBy = Restrictions.Medium,
        RecommendedSeconds = 60,
    };

    private static void Synchronize(TaskState task, in BlockRange range)
    {
        if (!range.CheckInside(task))
        {
            return;
        }

        if ((task.CdbByte(1) & Immediate) != 0)
        {
            task.Device.FlushInBackground();
            task.EndGood();
            return;
        }

        range.Place(task);
        task.Issue(VolumeOperationKind.Flush, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                task.Device.Statistics.WriteErrors++;
                task.FailVolume(task.Lba);
                return;
            }

            task.EndGood();
        });
    }

    // Every block is as near as it gets: CONDITION MET, there is room for all of them (SBC-4 §5.9).
    private static void PreFetch(TaskState task, in BlockRange range)
    {
        if (range.CheckInside(task))
        {
            task.EndConditionMet();
        }
    }
}
