using System.Buffers.Binary;

namespace ActorSan.Scsi.Copy;

/// <summary>
/// EXTENDED COPY(LID1) (SPC-4 §6.4): bytes 10..13 PARAMETER LIST LENGTH; the list is <see cref="CopyPlan"/>'s. Source and destination are any units of this node that the
/// nexus sees. The command is complete when the copy is.
/// </summary>
internal static class ExtendedCopy
{
    private const int MaxBytes = CopyLimits.HeaderBytes + CopyLimits.MaxListBytes;

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "EXTENDED COPY(LID1)",
            OperationCode = 0x83,
            ServiceAction = 0x00,
            Usage = [0x83, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00],
            Demand = static (_, cdb) => new CdbDemand(BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]) is var length && length <= MaxBytes ? length : 0, 0),
            Start = Start,
            Flags = CommandFlags.WorksByTasks,
            RecommendedSeconds = 600,
        },
    ];

    private static void Start(TaskState task)
    {
        uint length = task.CdbUInt32(10);
        if (length == 0)
        {
            task.EndGood();
            return;
        }

        if (length is < CopyLimits.HeaderBytes or > MaxBytes || task.Task.DataOutLength < length)
        {
            task.FailParameterLength(10);
            return;
        }

        task.Device.Copies.Enter(task, Begin);
    }

    private static void Begin(TaskState task)
    {
        var copy = (CopyOperation)task.Extra!;
        if (!copy.Plan.ReadLists(task))
        {
            return;
        }

        CopyResult? result = null;
        if (copy.Plan.HasListId)
        {
            result = (task.Nexus.Copies ??= new CopyResults()).Begin(copy.Plan.ListId, copy.Plan.HoldsResult);
            if (result is null)
            {
                task.Fail(SenseKey.IllegalRequest, AdditionalSense.OperationInProgress);
                return;
            }
        }

        copy.Begin(task, result);
    }
}
