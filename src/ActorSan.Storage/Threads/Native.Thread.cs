using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads;

internal static unsafe partial class Native
{
    [LibraryImport("libc", EntryPoint = "gettid")]
    internal static partial int GetThreadId();

    /// <summary>CPU time of a thread of this process, user and kernel, in nanoseconds; 0 when there is no such thread.</summary>
    internal static long ThreadCpuNs(int threadId)
    {
        // The kernel's encoding of a thread's scheduler clock (clock_getcpuclockid(3)): the complement of its id, and 6 for 'per thread, scheduler'.
        TimeSpec used = default;
        return ClockGetTime((~threadId << 3) | 6, &used) == 0 ? (used.Seconds * 1_000_000_000) + used.Nanoseconds : 0;
    }
}
