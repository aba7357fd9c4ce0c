using System.Runtime.InteropServices;

namespace ActorSan.Node.Daemon;

/// <summary>RLIMIT_NOFILE: the soft limit of most hosts, 1024, is less than a target's connections.</summary>
internal static partial class FileLimit
{
    private const int OpenFiles = 7;

    /// <summary>Raises the soft limit to <paramref name="wanted"/>, or as far as the hard limit allows; returns the limit that holds afterwards.</summary>
    public static long Raise(long wanted)
    {
        if (GetLimit(OpenFiles, out Limit limit) != 0)
        {
            return -1;
        }

        ulong raised = Math.Max(limit.Soft, Math.Min((ulong)wanted, limit.Hard));
        if (raised > limit.Soft)
        {
            var changed = new Limit { Soft = raised, Hard = limit.Hard };
            if (SetLimit(OpenFiles, in changed) == 0)
            {
                return (long)Math.Min(raised, long.MaxValue);
            }
        }

        return (long)Math.Min(limit.Soft, long.MaxValue);
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, in Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
