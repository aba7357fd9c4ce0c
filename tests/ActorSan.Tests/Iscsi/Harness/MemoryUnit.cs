using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorSan.Scsi;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Iscsi.Harness;

/// <summary>
/// A logical unit for tests of the transport: 512 byte blocks in native memory, the few commands that an initiator needs, and a switch that keeps commands until the test
/// lets them go, so that what happens to tasks in the unit can be seen.
/// </summary>
internal sealed unsafe class MemoryUnit : LogicalUnit, IDisposable
{
    public const int BlockBytes = 512;

    private readonly byte* _bytes;
    private readonly List<ScsiTask> _kept = [];

    public MemoryUnit(IoThread? home, int blocks)
    {
        Home = home;
        Blocks = blocks;
        _bytes = (byte*)NativeMemory.AllocZeroed((nuint)blocks, BlockBytes);
    }

    public override IoThread? Home { get; }

    public int Blocks { get; }

    /// <summary>While set, READ and WRITE stay in the unit until released or aborted.</summary>
    public bool Keep { get; set; }

    /// <summary>Set whenever a command was kept.</summary>
    public SemaphoreSlim Kept { get; } = new(0);

    public List<string> Log { get; } = [];

    public Span<byte> Bytes => new(_bytes, Blocks * BlockBytes);

    /// <summary>On the home thread.</summary>
    public void Release()
    {
        foreach (ScsiTask task in _kept.ToArray())
        {
            _kept.Remove(task);
            Run(task);
        }
    }

    public override CdbDemand Measure(ReadOnlySpan<byte> cdb) => cdb[0] switch
    {
        0x12 => new CdbDemand(0, BinaryPrimitives.ReadUInt16BigEndian(cdb[3..])),
        0x25 => new CdbDemand(0, 8),
        0xA0 => new CdbDemand(0, BinaryPrimitives.ReadUInt32BigEndian(cdb[6..])),
        0x28 => new CdbDemand(0, BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]) * (long)BlockBytes),
        0x2A => new CdbDemand(BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]) * (long)BlockBytes, 0),
        0x88 => new CdbDemand(0, BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]) * (long)BlockBytes),
        0x8A => new CdbDemand(BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]) * (long)BlockBytes, 0),
        _ => default,
    };

    public override void Submit(ScsiTask task)
    {
        byte opcode = task.Cdb[0];
        if (Keep && opcode is 0x28 or 0x2A && Keep)
        {
            _kept.Add(task);
            Kept.Release();
            return;
        }

        Run(task);
    }

    public override void Manage(TaskManagementOperation operation)
    {
        lock (Log)
        {
            Log.Add($"{operation.Function} {operation.LunNexus.Lun}");
        }

        bool found = false;
        foreach (ScsiTask task in _kept.ToArray())
        {
            if (operation.Function != TaskManagementFunction.AbortTask || task.Tag == operation.ReferencedTag)
            {
                found = true;
                Abort(task);
            }
        }

        operation.Response = operation.Function == TaskManagementFunction.AbortTask && !found ? TaskManagementResponse.TaskDoesNotExist : TaskManagementResponse.Complete;
        Complete(operation);
    }

    public override void Attach(LunNexus nexus)
    {
        lock (Log)
        {
            Log.Add($"attach {nexus.Lun}");
        }
    }

    public override void Detach(LunNexus nexus, IoMessage? done)
    {
        lock (Log)
        {
            Log.Add($"detach {nexus.Lun}");
        }

        foreach (ScsiTask task in _kept.Where(task => ReferenceEquals(task.LunNexus, nexus)).ToArray())
        {
            Abort(task);
        }

        if (done is not null)
        {
            IoThread.Current!.Post(done);
        }
    }

    public void Dispose() => NativeMemory.Free(_bytes);

    private void Abort(ScsiTask task)
    {
        _kept.Remove(task);
        task.Aborted = true;
        Complete(task);
    }

    private void Run(ScsiTask task)
    {
        task.Status = ScsiStatus.Good;
        task.SenseLength = 0;
        task.DataInLength = 0;
        task.TransferBytes = 0;
        ReadOnlySpan<byte> cdb = MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<CdbBuffer, byte>(ref task.Cdb), CdbBuffer.MaxLength);
        switch (cdb[0])
        {
            case 0x00:
                break;
            case 0x12:
                byte[] inquiry = new byte[36];
                inquiry[2] = 6;
                inquiry[4] = 31;
                "ACTORSANTEST            0.1 "u8.CopyTo(inquiry.AsSpan(8));
                Reply(task, inquiry);
                break;
            case 0x25:
                byte[] capacity = new byte[8];
                BinaryPrimitives.WriteInt32BigEndian(capacity, Blocks - 1);
                BinaryPrimitives.WriteInt32BigEndian(capacity.AsSpan(4), BlockBytes);
                Reply(task, capacity);
                break;
            case 0x28:
                Read(task, BinaryPrimitives.ReadUInt32BigEndian(cdb[2..]));
                break;
            case 0x2A:
                Write(task, BinaryPrimitives.ReadUInt32BigEndian(cdb[2..]));
                break;
            default:
                task.Status = ScsiStatus.CheckCondition;
                Span<byte> sense = task.Sense;
                sense[..18].Clear();
                sense[0] = 0x70;
                sense[2] = 5;
                sense[7] = 10;
                sense[12] = 0x20;
                task.SenseLength = 18;
                break;
        }

        Complete(task);
    }

    private void Read(ScsiTask task, uint lba)
    {
        long bytes = Measure(MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<CdbBuffer, byte>(ref task.Cdb), 16)).DataInBytes;
        int length = (int)Math.Min(bytes, task.DataInCapacity);
        Buffer.MemoryCopy(_bytes + (lba * BlockBytes), task.DataIn, task.DataInCapacity, length);
        task.DataInLength = length;
        task.TransferBytes = bytes;
    }

    private void Write(ScsiTask task, uint lba)
    {
        Buffer.MemoryCopy(task.DataOut, _bytes + (lba * BlockBytes), task.DataOutLength, task.DataOutLength);
        task.TransferBytes = Measure(MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<CdbBuffer, byte>(ref task.Cdb), 16)).DataOutBytes;
    }

    private static void Reply(ScsiTask task, ReadOnlySpan<byte> data)
    {
        int length = Math.Min(data.Length, task.DataInCapacity);
        data[..length].CopyTo(new Span<byte>(task.DataIn, length));
        task.DataInLength = length;
        task.TransferBytes = length;
    }

    private static void Complete(ScsiTask task) => task.OnCompleted();

    private static void Complete(TaskManagementOperation operation) => operation.OnCompleted();
}
