using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorSan.Scsi;
using ActorSan.Storage.Threads;

namespace ActorSan.Benchmarks.Transport;

/// <summary>The cheapest unit that a load tool takes for a disk: it copies between its memory and the task's buffer, so that what is measured is the transport alone.</summary>
internal sealed unsafe class RamUnit(IoThread home, int blocks) : LogicalUnit, IDisposable
{
    private const int BlockBytes = 512;

    private byte* _bytes = Touched((nuint)blocks * BlockBytes);

    public override IoThread Home { get; } = home;

    public override CdbDemand Measure(ReadOnlySpan<byte> cdb) => cdb[0] switch
    {
        0x28 => new CdbDemand(0, BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]) * (long)BlockBytes),
        0x2A => new CdbDemand(BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]) * (long)BlockBytes, 0),
        0x88 => new CdbDemand(0, BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]) * (long)BlockBytes),
        0x8A => new CdbDemand(BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]) * (long)BlockBytes, 0),
        0x12 => new CdbDemand(0, BinaryPrimitives.ReadUInt16BigEndian(cdb[3..])),
        0x25 => new CdbDemand(0, 8),
        0x9E => new CdbDemand(0, BinaryPrimitives.ReadUInt32BigEndian(cdb[10..])),
        _ => default,
    };

    public override void Submit(ScsiTask task)
    {
        ReadOnlySpan<byte> cdb = MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<CdbBuffer, byte>(ref task.Cdb), 16);
        task.Status = ScsiStatus.Good;
        task.SenseLength = 0;
        switch (cdb[0])
        {
            case 0x28 or 0x2A:
                Transfer(task, BinaryPrimitives.ReadUInt32BigEndian(cdb[2..]));
                break;
            case 0x88 or 0x8A:
                Transfer(task, (long)BinaryPrimitives.ReadUInt64BigEndian(cdb[2..]));
                break;
            case 0x12:
                Span<byte> inquiry = stackalloc byte[36];
                inquiry.Clear();
                inquiry[2] = 6;
                inquiry[4] = 31;
                "ACTORSANBENCHMARK       0.1 "u8.CopyTo(inquiry[8..]);
                Reply(task, inquiry);
                break;
            case 0x25:
                Span<byte> capacity = stackalloc byte[8];
                BinaryPrimitives.WriteInt32BigEndian(capacity, blocks - 1);
                BinaryPrimitives.WriteInt32BigEndian(capacity[4..], BlockBytes);
                Reply(task, capacity);
                break;
            case 0x9E:
                Span<byte> longCapacity = stackalloc byte[32];
                longCapacity.Clear();
                BinaryPrimitives.WriteInt64BigEndian(longCapacity, blocks - 1);
                BinaryPrimitives.WriteInt32BigEndian(longCapacity[8..], BlockBytes);
                Reply(task, longCapacity);
                break;
        }

        task.OnCompleted();
    }

    /// <summary>Every command ends at once: there is never one to manage.</summary>
    public override void Manage(TaskManagementOperation operation)
    {
        operation.Response = TaskManagementResponse.Complete;
        operation.OnCompleted();
    }

    public override void Attach(LunNexus nexus)
    {
    }

    public override void Detach(LunNexus nexus, IoMessage? done)
    {
        if (done is not null)
        {
            IoThread.Current!.Post(done);
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_bytes);
        _bytes = null;
    }

    private void Transfer(ScsiTask task, long lba)
    {
        CdbDemand demand = Measure(MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<CdbBuffer, byte>(ref task.Cdb), 16));
        long offsetBytes = lba * BlockBytes;
        if (demand.DataInBytes > 0)
        {
            int length = (int)Math.Min(demand.DataInBytes, task.DataInCapacity);
            Buffer.MemoryCopy(_bytes + offsetBytes, task.DataIn, length, length);
            task.DataInLength = length;
            task.TransferBytes = demand.DataInBytes;
        }
        else
        {
            Buffer.MemoryCopy(task.DataOut, _bytes + offsetBytes, task.DataOutLength, task.DataOutLength);
            task.TransferBytes = demand.DataOutBytes;
        }
    }

    private static void Reply(ScsiTask task, ReadOnlySpan<byte> data)
    {
        int length = Math.Min(data.Length, task.DataInCapacity);
        data[..length].CopyTo(new Span<byte>(task.DataIn, length));
        task.DataInLength = length;
        task.TransferBytes = length;
    }

    private static byte* Touched(nuint bytes)
    {
        // Huge pages: or most of what is measured is the page walks of random access to small ones.
        byte* memory = (byte*)NativeMemory.AlignedAlloc(bytes, 2 << 20);
        _ = Native.MemoryAdvise(memory, bytes, Native.MadvHugepage);
        Unsafe.InitBlock(memory, 0, (uint)bytes);
        return memory;
    }
}
