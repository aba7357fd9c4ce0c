namespace ActorSan.Storage.Threads;

/// <summary>The clock of all I/O threads, for code on other threads: CLOCK_BOOTTIME, which runs on while the machine sleeps.</summary>
public static class BootClock
{
    /// <summary>Nanoseconds since the machine's start.</summary>
    public static long NowNs => Native.BoottimeNs();
}
