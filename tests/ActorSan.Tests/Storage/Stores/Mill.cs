using System.Runtime.InteropServices;
using ActorSan.Storage.Stores;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>Keeps a store busy with every kind of request from the I/O thread itself, and counts the managed memory that the thread allocates once it has warmed up.</summary>
internal sealed class Mill(StoreBench bench, int depth, int rounds, int warmUp, int slotBytes = 16384)
{
    private readonly TaskCompletionSource<long> _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly nint _memory = Marshal.AllocHGlobal(((depth + 1) * slotBytes) + 4096);
    private int _started;
    private int _ended;
    private long _allocatedBefore;
    private readonly Queue<(CallbackRequest Request, int Slot)> _ready = new(64);
    private bool _pumping;
    private StoreStatus _worst = StoreStatus.Success;

    /// <summary>
    /// Pools of the store's own may still grow to a depth never seen before, and a collection that another test causes is counted as 8 KiB of this thread: one run of
    /// three must be clean. An object for each request, of any one kind, would show in all.
    /// </summary>
    internal static async Task AssertAllocatesNothing(StoreBench bench)
    {
        const int Rounds = 4000;
        const int WarmUp = 1500;
        const int Allowed = (Rounds - WarmUp) / 4;
        long least = long.MaxValue;
        for (int run = 0; run < 3 && least > Allowed; run++)
        {
            least = Math.Min(least, await new Mill(bench, depth: 40, Rounds, WarmUp).Run());
        }

        Assert.InRange(least, 0, Allowed);
    }

    /// <summary>The bytes allocated; a request that failed throws.</summary>
    internal async Task<long> Run()
    {
        bench.Run(() =>
        {
            for (int i = 0; i < depth; i++)
            {
                int slot = i;
                _ready.Enqueue((new CallbackRequest(OnEnded), slot));
            }

            Pump();
        });
        long allocated = await _finished.Task.WaitAsync(StoreBench.Limit);
        Marshal.FreeHGlobal(_memory);
        return _worst == StoreStatus.Success ? allocated : throw new IOException($"a request ended with {_worst}");
    }

    /// <summary>In a loop, because a memory store ends a request inside the call that submits it: one that resubmits from there goes as deep as it has requests.</summary>
    private void Pump()
    {
        if (_pumping)
        {
            return;
        }

        _pumping = true;
        while (_started < rounds && _ready.TryDequeue(out (CallbackRequest Request, int Slot) next))
        {
            Start(next.Request, next.Slot);
        }

        _pumping = false;
    }

    private void Start(CallbackRequest request, int slot)
    {
        int number = _started++;
        request.OffsetBytes = (long)slot * slotBytes;
        request.LengthBytes = number % 3 == 0 ? slotBytes : 4096;

        // Every fourth from memory that has to be copied.
        request.Address = ((_memory + 4095) & ~4095) + (slot * slotBytes) + (number % 4 == 0 ? 1 : 0);
        request.Durable = number % 2 == 0;
        request.MayDeallocate = number % 5 == 0;
        switch (number % 8)
        {
            case 0 or 1 or 2:
                bench.Store.Write(request);
                break;
            case 3 or 4:
                bench.Store.Read(request);
                break;
            case 5:
                bench.Store.Flush(request);
                break;
            case 6:
                bench.Store.Zero(request);
                break;
            default:
                bench.Store.MapStatus(request);
                break;
        }
    }

    private void OnEnded(CallbackRequest request)
    {
        _worst = request.Status == StoreStatus.Success ? _worst : request.Status;
        _ended++;
        if (_ended == warmUp)
        {
            _allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        }

        if (_ended == rounds)
        {
            _finished.SetResult(GC.GetAllocatedBytesForCurrentThread() - _allocatedBefore);
            return;
        }

        _ready.Enqueue((request, (int)(request.OffsetBytes / slotBytes)));
        Pump();
    }
}
