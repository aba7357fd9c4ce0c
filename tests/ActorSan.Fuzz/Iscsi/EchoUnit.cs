using System.Buffers.Binary;
using ActorSan.Scsi;
using ActorSan.Storage.Threads;

namespace ActorSan.Fuzz.Iscsi;

/// <summary>
/// A unit for fuzzing the transport: it transfers what bytes 6 to 9 of the CDB say, in the direction that bit 0 of byte 0 says, touches every byte that it was given, and
/// keeps tasks whose CDB begins with F0h until they are aborted.
/// </summary>
internal sealed unsafe class EchoUnit : LogicalUnit
{
    private readonly List<ScsiTask> _kept = [];

    public override IoThread? Home => null;

    public long Checksum { get; private set; }

    public override CdbDemand Measure(ReadOnlySpan<byte> cdb)
    {
        long bytes = BinaryPrimitives.ReadUInt32BigEndian(cdb[6..]) & 0x0FFF_FFFF;
        return (cdb[0] & 1) == 0 ? new CdbDemand(0, bytes) : new CdbDemand(bytes, 0);
    }

    public override void Submit(ScsiTask task)
    {
        if (task.Cdb[0] == 0xF0 && _kept.Count < 64)
        {
            _kept.Add(task);
            return;
        }

        for (int i = 0; i < task.DataOutLength; i++)
        {
            Checksum += task.DataOut[i];
        }

        new Span<byte>(task.DataIn, task.DataInCapacity).Fill(0x5A);
        task.DataInLength = task.DataInCapacity;
        task.TransferBytes = Math.Max(task.DataInLength, task.DataOutLength);
        task.Status = task.Cdb[1] == 0xFF ? ScsiStatus.Busy : ScsiStatus.Good;
        task.OnCompleted();
    }

    public override void Manage(TaskManagementOperation operation)
    {
        Abort(task => operation.Function != TaskManagementFunction.AbortTask || task.Tag == operation.ReferencedTag);
        operation.Response = TaskManagementResponse.Complete;
        operation.OnCompleted();
    }

    public override void Attach(LunNexus nexus)
    {
    }

    public override void Detach(LunNexus nexus, IoMessage? done)
    {
        Abort(_ => true);
        done?.Run();
    }

    private void Abort(Predicate<ScsiTask> which)
    {
        foreach (ScsiTask task in _kept.FindAll(which))
        {
            _kept.Remove(task);
            task.Aborted = true;
            task.OnCompleted();
        }
    }
}
