using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>
/// START STOP UNIT (SBC-4 §5.31) and PREVENT ALLOW MEDIUM REMOVAL (SBC-4 §5.12). There is no motor and no power to save: the unit is in the active power condition in
/// all of them, so every power condition is accepted and changes nothing but that a stop puts the cache on the medium first. Only a removable unit has a medium to eject.
/// </summary>
internal static class PowerCommands
{
    private const int Start = 0x01;
    private const int LoadEject = 0x02;
    private const int NoFlush = 0x04;

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "START STOP UNIT",
            OperationCode = 0x1B,
            Usage = [0x1B, 0x01, 0x00, 0x0F, 0xF7, 0x00],
            Start = StartStop,
        },
        new()
        {
            Name = "PREVENT ALLOW MEDIUM REMOVAL",
            OperationCode = 0x1E,
            Usage = [0x1E, 0x00, 0x00, 0x00, 0x03, 0x00],
            Start = PreventAllow,
            Flags = CommandFlags.Conditional,
            ExistsOn = static device => device.Settings.Removable,
        },
    ];

    private static void StartStop(TaskState task)
    {
        byte flags = task.CdbByte(4);
        bool start = (flags & Start) != 0;
        if ((flags & 0xF0) != 0)
        {
            // POWER CONDITION other than START_VALID: START and LOEJ are ignored.
            task.EndGood();
            return;
        }

        if ((flags & LoadEject) != 0)
        {
            if (!task.Device.Settings.Removable)
            {
                task.FailCdbField(4, 1);
                return;
            }

            // Nobody may change what is in the drive: neither eject the medium nor load one where none is.
            bool changes = !start || (task.Device.Restrictions & Restrictions.MediumAbsent) != 0;
            if (changes && task.Device.IsRemovalPrevented)
            {
                task.Fail(SenseKey.IllegalRequest, AdditionalSense.MediumRemovalPrevented);
                return;
            }
        }

        if (start)
        {
            FinishStartStop(task);
        }
        else if ((flags & NoFlush) != 0 || (task.Device.Restrictions & (Restrictions.MediumAbsent | Restrictions.VolumeNotReady)) != 0)
        {
            FinishStartStop(task);
        }
        else
        {
            task.Issue(VolumeOperationKind.Flush, static task =>
            {
                if (task.Status != VolumeStatus.Success)
                {
                    task.FailVolume(0);
                    return;
                }

                FinishStartStop(task);
            });
        }
    }

    private static void FinishStartStop(TaskState task)
    {
        byte flags = task.CdbByte(4);
        if ((flags & LoadEject) != 0)
        {
            task.Device.SetMediumPresent((flags & Start) != 0, task.Nexus);
        }

        task.EndGood();
    }

    private static void PreventAllow(TaskState task)
    {
        int prevent = task.CdbByte(4) & 0x03;
        if (prevent > 1)
        {
            // 10b and 11b are obsolete (SPC-4 §6.17).
            task.FailCdbField(4, 1);
            return;
        }

        task.Nexus.PreventsRemoval = prevent == 1;
        task.EndGood();
    }
}
