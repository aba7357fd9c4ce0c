namespace ActorSan.Replication.Core.Ports;

/// <summary>The node's monotonic clock (CLOCK_BOOTTIME): runs on while the node is paused, at a rate within <c>drift</c> of true (A1).</summary>
public interface IClock
{
    /// <summary>Nanoseconds since an origin of the node's own.</summary>
    long NowNs { get; }
}

/// <summary>A timer owned and reused by the core that sets it.</summary>
public abstract class CoreTimer
{
    /// <summary>For the implementer of <see cref="ITimers"/>: raised by every Set and Cancel, so that what it has queued for an older setting is passed over.</summary>
    public long Setting;

    public bool IsSet;

    /// <summary>Called once for each Set that was neither cancelled nor replaced, on the thread of the core, never inside Set.</summary>
    public abstract void OnFired();
}

/// <summary>Timers of one thread: the engine's are the I/O thread's, the control side's are its actor's.</summary>
public interface ITimers
{
    /// <summary>Replaces an earlier setting. At once or in the past means as soon as the thread comes to it.</summary>
    void Set(CoreTimer timer, long atNs);

    void Cancel(CoreTimer timer);
}

/// <summary>Identity and luck come from outside: a seed must replay.</summary>
public interface IChance
{
    /// <summary>An id never made before.</summary>
    Guid NewId();

    /// <summary>In [0, 1).</summary>
    double NextDouble();
}
