using System.Buffers.Binary;
using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi.Modes;

/// <summary>
/// MODE SELECT 6 and 10 (SPC-4 §6.9, §6.10): CDB byte 1: 4 PF, 1 RTD, 0 SP; list length in 4 (6) or 7..8 (10). The whole list is checked before anything changes;
/// what is to be saved is durable before it is in force.
/// </summary>
internal static unsafe class ModeSelect
{
    public static void Start6(TaskState task) => Start(task, headerBytes: 4, lengthField: 4, task.CdbByte(4));

    public static void Start10(TaskState task) => Start(task, headerBytes: 8, lengthField: 7, task.CdbUInt16(7));

    private static void Start(TaskState task, int headerBytes, int lengthField, int length)
    {
        byte flags = task.CdbByte(1);
        if ((flags & 0x02) != 0)
        {
            // RTD is an alternative to a list, and not supported.
            task.FailCdbField(1, 1);
            return;
        }

        if (length == 0)
        {
            task.EndGood();
            return;
        }

        if ((flags & 0x10) == 0)
        {
            task.FailCdbField(1, 4);
            return;
        }

        if (length > ModeSense.MaxBytes || length < headerBytes || task.Task.DataOutLength < length)
        {
            task.FailParameterLength(lengthField);
            return;
        }

        byte[][]? values = Parse(task, task.DataOut[..length], headerBytes, lengthField);
        if (values is null)
        {
            return;
        }

        task.Extra = values;
        task.Cursor = length;
        if ((flags & 0x01) != 0)
        {
            Save(task, values);
        }
        else
        {
            FlushIfNeeded(task);
        }
    }

    // The pages' values as they would be, in the order of the pages; null when the task has been ended.
    private static byte[][]? Parse(TaskState task, ReadOnlySpan<byte> list, int headerBytes, int lengthField)
    {
        BlockDevice device = task.Device;
        bool longLba = headerBytes == 8 && (list[4] & 0x01) != 0;
        int descriptorBytes = headerBytes == 4 ? list[3] : BinaryPrimitives.ReadUInt16BigEndian(list[6..]);
        if (descriptorBytes != 0 && descriptorBytes != (longLba ? 16 : 8))
        {
            task.FailParameter(headerBytes == 4 ? 3 : 6);
            return null;
        }

        int at = headerBytes + descriptorBytes;
        if (at > list.Length)
        {
            task.FailParameterLength(lengthField);
            return null;
        }

        int forbidden = descriptorBytes == 0 ? -1 : BlockDescriptor.FirstForbidden(list[headerBytes..], device, longLba);
        if (forbidden >= 0)
        {
            task.FailParameter(headerBytes + forbidden);
            return null;
        }

        byte[][] values = [.. device.Modes.Pages.Select(static page => (byte[])page.Current.Clone())];
        while (at < list.Length)
        {
            if (!ParsePage(task, list, ref at, lengthField, values))
            {
                return null;
            }
        }

        return values;
    }

    private static bool ParsePage(TaskState task, ReadOnlySpan<byte> list, ref int at, int lengthField, byte[][] values)
    {
        ReadOnlySpan<byte> rest = list[at..];
        IReadOnlyList<ModePage> pages = task.Device.Modes.Pages;
        int index = 0;
        while (index < pages.Count && pages[index].Code != (rest[0] & 0x3F))
        {
            index++;
        }

        // SPF: no page here has subpages.
        if (index == pages.Count || (rest[0] & 0x40) != 0)
        {
            task.FailParameter(at, index == pages.Count ? 5 : 6);
            return false;
        }

        ModePage page = pages[index];
        if (rest.Length < 2 || rest.Length < page.Length)
        {
            task.FailParameterLength(lengthField);
            return false;
        }

        if (rest[1] != page.Length - 2)
        {
            task.FailParameter(at + 1);
            return false;
        }

        int forbidden = page.FirstForbidden(rest[..page.Length]);
        if (forbidden >= 0)
        {
            task.FailParameter(at + forbidden);
            return false;
        }

        rest[2..page.Length].CopyTo(values[index].AsSpan(2));
        at += page.Length;
        return true;
    }

    private static void Save(TaskState task, byte[][] values)
    {
        if (!task.TryRentScratch(ModeSense.MaxBytes))
        {
            return;
        }

        task.Data = task.Scratch.Address;
        task.LengthBytes = task.Device.Modes.Store(values, task.Scratch.Span);
        task.Attribute = VolumeAttribute.ModePages;
        task.TakesRightsAway = false;
        task.Issue(VolumeOperationKind.SetAttribute, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                task.FailVolume(0);
                return;
            }

            byte[][] values = (byte[][])task.Extra!;
            for (int i = 0; i < values.Length; i++)
            {
                values[i].CopyTo(task.Device.Modes.Pages[i].Saved, 0);
            }

            FlushIfNeeded(task);
        });
    }

    // A cache that is turned off, and a medium that is protected, owe nothing to anybody: what was written before is on the medium first (SBC-4 §6.5.5, §4.15).
    private static void FlushIfNeeded(TaskState task)
    {
        if (!task.Device.Modes.WriteCache)
        {
            Commit(task);
            return;
        }

        task.Issue(VolumeOperationKind.Flush, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                task.FailVolume(0);
                return;
            }

            Commit(task);
        });
    }

    private static void Commit(TaskState task)
    {
        BlockDevice device = task.Device;
        byte[][] values = (byte[][])task.Extra!;
        bool changed = false;
        for (int i = 0; i < values.Length; i++)
        {
            byte[] current = device.Modes.Pages[i].Current;
            changed |= !values[i].AsSpan().SequenceEqual(current);
            values[i].CopyTo(current, 0);
        }

        if (changed)
        {
            device.FollowModes();
            device.Establish(UnitAttention.ModeParametersChanged, except: task.Nexus);
        }

        task.EndGood(task.Cursor);
    }
}
