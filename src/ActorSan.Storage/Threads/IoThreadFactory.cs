
using ActorSan.Storage.Threads.Epoll;
using ActorSan.Storage.Threads.Uring;

namespace ActorSan.Storage.Threads;

/// <summary>What the probe found: the engine to use and why.</summary>
public readonly record struct EngineProbe(IoEngineKind Engine, string Reason);

/// <summary>Makes I/O threads on the engine that the host allows.</summary>
public static class IoThreadFactory
{
    /// <summary>Probes io_uring once with a small ring; a container or a hardened kernel refuses with EPERM or ENOSYS.</summary>
    public static EngineProbe Probe() => Probe(KernelUringSetup.Instance);

    /// <summary>A thread that is not started yet.</summary>
    /// <exception cref="IOException">At <see cref="IoThread.Start"/>: the engine that was asked for is not to be had.</exception>
    public static IoThread Create(IoThreadOptions options, IIoThreadEvents? events = null) => Create(options, events, KernelUringSetup.Instance);

    internal static EngineProbe Probe(IUringSetup setup)
    {
        using UringRing? ring = UringRing.TryCreate(setup, 8, out int errno);
        return ring is not null
            ? new EngineProbe(IoEngineKind.IoUring, "io_uring is allowed")
            : new EngineProbe(IoEngineKind.Epoll, $"io_uring is not to be had here: {DescribeRefusal(errno)}");
    }

    /// <summary>What io_uring_setup said, and who usually makes it say so.</summary>
    internal static string DescribeRefusal(int errno) => errno switch
    {
        Errno.EPERM => $"{Errno.Describe(errno)}; the sysctl kernel.io_uring_disabled, a seccomp filter or a security module forbids it",
        Errno.ENOSYS => $"{Errno.Describe(errno)}; the kernel is older than 5.11 or built without it, or a seccomp filter hides it",
        _ => Errno.Describe(errno),
    };

    internal static IoThread Create(IoThreadOptions options, IIoThreadEvents? events, IUringSetup setup)
    {
        IoEngineKind engine = options.Engine == IoEngineKind.Auto ? Probe(setup).Engine : options.Engine;
        return engine switch
        {
            IoEngineKind.IoUring => new UringIoThread(options, events, setup),
            IoEngineKind.Epoll => new EpollIoThread(options, events),
            _ => throw new ArgumentOutOfRangeException(nameof(options), engine, "no such engine"),
        };
    }
}
