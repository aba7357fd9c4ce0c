using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads;

/// <summary>
/// A counting semaphore on one futex: no lock that a preempted thread could hold while an I/O thread waits for it, no spinning while idle, no system call when nobody
/// sleeps, no allocation.
/// </summary>
internal sealed unsafe class FutexSemaphore : IDisposable
{
    private int* _count = (int*)NativeMemory.AlignedAlloc(64, 64);
    private int _sleepers;

    internal FutexSemaphore() => *_count = 0;

    internal void Release(int count)
    {
        // A full fence between the count and the look at the sleepers; Wait has one between saying that it sleeps and the kernel's look at the count.
        _ = Interlocked.Add(ref *_count, count);
        if (Volatile.Read(ref _sleepers) > 0)
        {
            _ = Native.Futex(Native.SysFutex, _count, Native.FutexWakePrivate, count, null, null, 0);
        }
    }

    internal void Wait()
    {
        while (true)
        {
            int count = Volatile.Read(ref *_count);
            if (count > 0)
            {
                if (Interlocked.CompareExchange(ref *_count, count - 1, count) == count)
                {
                    return;
                }

                continue;
            }

            _ = Interlocked.Increment(ref _sleepers);
            int result = Native.Futex(Native.SysFutex, _count, Native.FutexWaitPrivate, 0, null, null, 0);
            int errno = result == 0 ? 0 : Marshal.GetLastPInvokeError();
            _ = Interlocked.Decrement(ref _sleepers);
            Invariant.Check(errno is 0 or Errno.EAGAIN or Errno.EINTR);
        }
    }

    /// <summary>When nobody can wait any more.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_count);
        _count = null;
    }
}
