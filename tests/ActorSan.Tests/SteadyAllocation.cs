namespace ActorSan.Tests;

/// <summary>
/// Counts what the current thread allocates in each batch of steps and keeps the least. A collection that another test causes charges this thread with the rest of its
/// allocation context (up to 8 KiB), the runtime charges it with a method's first call, and both come at any time on a busy host; but they do not come in every batch. An
/// object for each step does.
/// </summary>
internal sealed class SteadyAllocation(int batchSteps)
{
    private int _steps;
    private long _before;

    /// <summary>The least of all whole batches but the first, which warms up; <see cref="long.MaxValue"/> before there is one.</summary>
    public long LeastBytes { get; private set; } = long.MaxValue;

    /// <summary>Called on the thread that is measured, after each step.</summary>
    public void Step()
    {
        if (++_steps % batchSteps != 0)
        {
            return;
        }

        long now = GC.GetAllocatedBytesForCurrentThread();
        if (_steps > batchSteps)
        {
            LeastBytes = Math.Min(LeastBytes, now - _before);
        }

        _before = GC.GetAllocatedBytesForCurrentThread();
    }
}
