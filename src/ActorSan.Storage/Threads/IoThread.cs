using ActorSan.Storage.Buffers;

namespace ActorSan.Storage.Threads;

/// <summary>Which kernel interface an I/O thread stands on.</summary>
public enum IoEngineKind : byte
{
    /// <summary>io_uring where a probe at start finds it allowed, else epoll.</summary>
    Auto,
    IoUring,
    Epoll,
}

/// <summary>Settings of one I/O thread; each has its key under <c>actorsan.io</c>.</summary>
public sealed record IoThreadOptions
{
    public required string Name { get; init; }

    public required int Index { get; init; }

    /// <summary>The CPU that the thread is pinned to; null leaves it free.</summary>
    public int? Cpu { get; init; }

    public IoEngineKind Engine { get; init; } = IoEngineKind.Auto;

    /// <summary>Entries of the submission ring (io_uring) or events taken in a pass (epoll).</summary>
    public int QueueDepth { get; init; } = 4096;

    /// <summary>Native memory for this thread's buffers, reserved and touched at start.</summary>
    public long BufferPoolBytes { get; init; } = 64L << 20;

    /// <summary>How long an idle thread with shallow queues looks for work before it sleeps; zero sleeps at once.</summary>
    public TimeSpan Spin { get; init; } = TimeSpan.Zero;

    /// <summary>Threads for what the kernel can only do blocking (epoll: all disk I/O; io_uring: SEEK_HOLE and the like).</summary>
    public int BlockingThreads { get; init; } = 4;
}

/// <summary>What an I/O thread tells the outside. Called on the thread: an implementer hands it on (Cluster: <c>Tell</c>) and returns at once.</summary>
public interface IIoThreadEvents
{
    void Started(IoThread thread);

    /// <summary>The loop ended; <paramref name="failure"/> is null after an orderly stop.</summary>
    void Stopped(IoThread thread, Exception? failure);
}

/// <summary>
/// A dedicated, named, pinned thread with one ring for sockets, files, timers and wake-ups; everything that it owns runs to completion on it, in passes: take
/// what completed, run it, submit what that asked for, send what it queued. But for <see cref="Post(IoMessage)"/>, <see cref="Start"/> and <see cref="Stop"/> every member
/// is for code that runs on the thread itself (<see cref="IsCurrent"/>). Results follow the kernel: 0 or more is a count, below 0 is −errno.
/// Steady state allocates no managed memory.
/// </summary>
public abstract class IoThread : IDisposable
{
    [ThreadStatic]
    private static IoThread? s_current;

    protected IoThread(IoThreadOptions options, IIoThreadEvents? events)
    {
        Options = options;
        Events = events;
    }

    /// <summary>The I/O thread that runs the caller, or null on any other thread.</summary>
    public static IoThread? Current
    {
        get => s_current;
        protected set => s_current = value;
    }

    public bool IsCurrent => ReferenceEquals(s_current, this);

    public IoThreadOptions Options { get; }

    public string Name => Options.Name;

    protected IIoThreadEvents? Events { get; }

    /// <summary>Auto resolved: the interface in use.</summary>
    public abstract IoEngineKind Engine { get; }

    /// <summary>This thread's native buffers; rent and return on the thread.</summary>
    public abstract BufferPool Buffers { get; }

    /// <summary>Nanoseconds of CLOCK_BOOTTIME, read once per pass; for timers and latency statistics.</summary>
    public abstract long PassTimeNs { get; }

    /// <summary>Nanoseconds of CLOCK_BOOTTIME, read now.</summary>
    public abstract long NowNs { get; }

    /// <summary>A snapshot for metrics; may be called from any thread, is not exact between counters.</summary>
    public abstract IoThreadCounters ReadCounters();

    /// <summary>Starts the thread and returns when its ring stands, or throws with the reason.</summary>
    public abstract void Start();

    /// <summary>Asks the loop to end after the current pass; what is still in flight in the kernel is cancelled and awaited. Any thread; returns at once.</summary>
    public abstract void Stop();

    /// <summary>Waits for the thread's end. Never on the thread itself.</summary>
    public abstract bool Join(TimeSpan timeout);

    /// <summary>
    /// From any thread: <see cref="IoMessage.Run"/> runs on this thread, in the order of the posts of one poster. One wake-up for many posts. False when the thread
    /// has stopped (the message is not taken). A message is in at most one queue at a time.
    /// </summary>
    public abstract bool Post(IoMessage message);

    /// <summary>For set-up and tests, allocates: runs <paramref name="action"/> on the thread.</summary>
    public bool Post(Action action) => Post(new ActionMessage(action));

    /// <summary>For set-up and tests, allocates: runs on the thread and hands the result to a task (continuations run on the thread pool).</summary>
    public Task<T> Invoke<T>(Func<T> function)
    {
        var source = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool taken = Post(() =>
        {
            try
            {
                source.SetResult(function());
            }
            catch (Exception failure)
            {
                source.SetException(failure);
            }
        });
        if (!taken)
        {
            source.SetException(new InvalidOperationException($"I/O thread {Name} has stopped."));
        }

        return source.Task;
    }

    /// <summary>Runs <paramref name="hook"/> once at the end of the current pass, before the thread submits and sleeps: where a connection sends all that the pass queued. Idempotent within a pass.</summary>
    public abstract void AtEndOfPass(PassHook hook);

    // Sockets. A socket is non-blocking, owned by one thread at a time, with at most one receive and one send in flight.

    /// <summary>Takes a socket into this thread's care.</summary>
    public abstract IoSocket AdoptSocket(int fd);

    /// <summary>Result: a new, non-blocking, close-on-exec fd.</summary>
    public abstract void Accept(IoSocket listener, IoOperation operation);

    public abstract unsafe void Connect(IoSocket socket, byte* address, int addressLength, IoOperation operation);

    /// <summary>One recvmsg into <paramref name="vectors"/>; result: bytes, 0 at the peer's end. Vectors are copied or must stay until completion: the caller keeps them in native memory until then.</summary>
    public abstract unsafe void Receive(IoSocket socket, IoVector* vectors, int count, IoOperation operation);

    /// <summary>One sendmsg; result: bytes taken, perhaps fewer than asked.</summary>
    public abstract unsafe void Send(IoSocket socket, IoVector* vectors, int count, IoOperation operation);

    /// <summary>Cancels what is in flight (each completes with −ECANCELED or its result), then closes the fd. Further use of the socket is an error.</summary>
    public abstract void CloseSocket(IoSocket socket);

    /// <summary>Gives the fd up without closing it, for a move to another thread; only with nothing in flight.</summary>
    public abstract int ReleaseSocket(IoSocket socket);

    // Files.

    public abstract IoFile AdoptFile(int fd);

    public abstract unsafe void Read(IoFile file, byte* data, int lengthBytes, long offsetBytes, IoOperation operation);

    /// <summary><paramref name="durable"/>: RWF_DSYNC.</summary>
    public abstract unsafe void Write(IoFile file, byte* data, int lengthBytes, long offsetBytes, bool durable, IoOperation operation);

    /// <summary>fdatasync.</summary>
    public abstract void Sync(IoFile file, IoOperation operation);

    /// <summary>fallocate(2) with its mode bits.</summary>
    public abstract void Allocate(IoFile file, int mode, long offsetBytes, long lengthBytes, IoOperation operation);

    /// <summary>Closes after what is in flight has ended.</summary>
    public abstract void CloseFile(IoFile file);

    /// <summary>Runs <see cref="BlockingWork.Execute"/> on a helper thread and then <see cref="BlockingWork.OnCompleted"/> here. For what has no asynchronous system call.</summary>
    public abstract void RunBlocking(BlockingWork work);

    // Timers, with a resolution of about a millisecond.

    /// <summary>Starts, or moves, a timer: <see cref="IoTimer.OnFired"/> runs once, not before <paramref name="delay"/>.</summary>
    public abstract void StartTimer(IoTimer timer, TimeSpan delay);

    public abstract void StopTimer(IoTimer timer);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);

    private sealed class ActionMessage(Action action) : IoMessage
    {
        protected internal override void Run() => action();
    }
}

/// <summary>One kernel operation, owned and reused by its caller; in flight at most once at a time.</summary>
public abstract class IoOperation
{
    /// <summary>The engine's handle; nobody else's.</summary>
    internal int Slot = -1;

    internal bool InFlight;

    /// <summary>Which total the result counts for.</summary>
    internal IoTransfer Transfer;

    /// <summary>True from submission until <see cref="OnCompleted"/> is about to run.</summary>
    public bool IsInFlight => InFlight;

    /// <summary>On the owning thread; <paramref name="result"/> is a count or −errno. Runs never inside the submitting call.</summary>
    protected internal abstract void OnCompleted(int result);
}

/// <summary>What the result of an operation counts.</summary>
internal enum IoTransfer : byte
{
    None,
    Received,
    Sent,
    Read,
    Written,
}

/// <summary>A message to a thread: intrusive, reused by its owner.</summary>
public abstract class IoMessage
{
    internal IoMessage? Next;

    protected internal abstract void Run();
}

/// <summary>See <see cref="IoThread.AtEndOfPass"/>.</summary>
public abstract class PassHook
{
    internal bool Queued;

    protected internal abstract void OnEndOfPass();
}

/// <summary>Work for a helper thread, reused by its owner.</summary>
public abstract class BlockingWork : IoMessage
{
    /// <summary>On a helper thread: no shared state but its own.</summary>
    protected internal abstract void Execute();

    /// <summary>On the I/O thread.</summary>
    protected internal abstract void OnCompleted();

    protected internal sealed override void Run() => OnCompleted();
}

/// <summary>A timer, reused by its owner.</summary>
public abstract class IoTimer
{
    internal int HeapIndex = -1;
    internal long DueNs;

    public bool IsRunning => HeapIndex >= 0;

    protected internal abstract void OnFired();
}

/// <summary>struct iovec.</summary>
public unsafe struct IoVector(byte* address, nuint lengthBytes)
{
    public byte* Address = address;
    public nuint LengthBytes = lengthBytes;
}

/// <summary>A socket in an I/O thread's care; engines derive.</summary>
public abstract class IoSocket
{
    /// <summary>The descriptor; −1 when closed or released.</summary>
    public int Fd { get; internal set; } = -1;
}

/// <summary>A file in an I/O thread's care; engines derive.</summary>
public abstract class IoFile
{
    public int Fd { get; internal set; } = -1;

    /// <summary>Requests that have not ended.</summary>
    internal int InFlight;

    /// <summary>Closed by its owner while requests were in flight: the descriptor to close with the last of them; else −1.</summary>
    internal int ClosingFd = -1;
}

/// <summary>Totals since the start of the thread.</summary>
public readonly record struct IoThreadCounters(
    long Passes,
    long Operations,
    long Messages,
    long WakeUps,
    long Sleeps,
    long BytesReceived,
    long BytesSent,
    long BytesRead,
    long BytesWritten,
    long BufferBytesInUse,
    long BusyNs);
