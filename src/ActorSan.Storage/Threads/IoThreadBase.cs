using System.Runtime.InteropServices;
using ActorSan.Storage.Buffers;

namespace ActorSan.Storage.Threads;

/// <summary>
/// What both engines share: the thread and its pinning, the passes, posts and wake-ups, timers, hooks, helper threads, the table of operations in flight, and the
/// orderly end. An engine adds how it submits, waits and takes completions.
/// </summary>
internal abstract unsafe class IoThreadBase : IoThread
{
    private const int MaxDrainPasses = 10_000;

    private readonly PostQueue _posts = new();
    private readonly TimerHeap _timers = new();
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _started = new();
    private readonly BlockingWorkers _workers;
    private readonly Lock _wakeGate = new();
    private readonly HashSet<int> _descriptors = [];
    private PassHook?[] _hooks;
    private int _hookCount;
    private BufferPool? _buffers;
    private Exception? _startFailure;
    private volatile bool _stopRequested;
    private int _asleep;
    private int _wakeFd = -1;
    private long _passTimeNs;
    private int _blockingInFlight;
    private Exception? _helperFailure;
    private bool _draining;
    private long _cancelledAt;
    private int _threadId;

    // Counters: written by the thread alone, read by anyone.
    private long _passes;
    private long _messages;
    private long _wakeUps;
    private long _sleeps;
    private long _busyNsAtEnd;

    protected IoThreadBase(IoThreadOptions options, IIoThreadEvents? events)
        : base(options, events)
    {
        _hooks = new PassHook?[256];
        _workers = new BlockingWorkers(this, options.BlockingThreads);
        _thread = new Thread(RunThread, 1 << 20) { Name = options.Name, IsBackground = true };
    }

    public sealed override BufferPool Buffers => _buffers ?? throw new InvalidOperationException($"I/O thread {Name} has not started.");

    public sealed override long PassTimeNs => _passTimeNs;

    public sealed override long NowNs => Native.BoottimeNs();

    /// <summary>Totals that the engines count.</summary>
    protected long OperationCount;

    protected long BytesReceived;

    protected long BytesSent;

    protected long BytesRead;

    protected long BytesWritten;

    /// <summary>Kernel operations that have not completed.</summary>
    protected int InFlightCount;

    /// <summary>An eventfd: one write wakes the thread.</summary>
    protected int WakeFd => _wakeFd;

    protected bool IsStopping => _stopRequested;

    public sealed override IoThreadCounters ReadCounters() => new(
        Volatile.Read(ref _passes),
        Volatile.Read(ref OperationCount),
        Volatile.Read(ref _messages),
        Volatile.Read(ref _wakeUps),
        Volatile.Read(ref _sleeps),
        Volatile.Read(ref BytesReceived),
        Volatile.Read(ref BytesSent),
        Volatile.Read(ref BytesRead),
        Volatile.Read(ref BytesWritten),
        _buffers?.InUseBytes ?? 0,
        CpuNs());

    public sealed override void Start()
    {
        _thread.Start();
        _started.Wait();
        if (_startFailure is not null)
        {
            throw new InvalidOperationException($"I/O thread {Name} could not start: {_startFailure.Message}", _startFailure);
        }
    }

    public sealed override void Stop()
    {
        _stopRequested = true;
        Wake();
    }

    public sealed override bool Join(TimeSpan timeout) => !_thread.IsAlive || _thread.Join(timeout);

    public sealed override bool Post(IoMessage message)
    {
        if (!_posts.TryPost(message))
        {
            return false;
        }

        if (Volatile.Read(ref _asleep) != 0 && Interlocked.Exchange(ref _asleep, 0) != 0)
        {
            Wake();
        }

        return true;
    }

    public sealed override void AtEndOfPass(PassHook hook)
    {
        if (hook.Queued)
        {
            return;
        }

        hook.Queued = true;
        if (_hookCount == _hooks.Length)
        {
            Array.Resize(ref _hooks, _hookCount * 2);
        }

        _hooks[_hookCount++] = hook;
    }

    public sealed override void RunBlocking(BlockingWork work)
    {
        Invariant.Check(IsCurrent);
        _blockingInFlight++;
        _workers.Submit(work, _blockingInFlight);
    }

    public sealed override void StartTimer(IoTimer timer, TimeSpan delay) => _timers.Start(timer, NowNs + (delay.Ticks * 100));

    public sealed override void StopTimer(IoTimer timer) => _timers.Stop(timer);

    public sealed override void CloseFile(IoFile file)
    {
        int fd = file.Fd;
        file.Fd = -1;
        if (fd < 0)
        {
            return;
        }

        // Requests on their way name the file by its number, which the next file opened would get: io_uring too looks some up only when a worker begins them.
        if (file.InFlight > 0)
        {
            file.ClosingFd = fd;
            return;
        }

        LetGoOf(fd);
        _ = Native.CloseFd(fd);
    }

    /// <summary>Blocking work has ended: called by a helper thread. Only a thread that failed no longer takes it; an orderly stop waits for it.</summary>
    internal void PostCompletedWork(BlockingWork work) => _ = Post(work);

    /// <summary>An exception escaped from blocking work: called by a helper thread. It ends this thread, as one that escapes from a message does.</summary>
    internal void FailFromHelper(Exception failure)
    {
        _ = Interlocked.CompareExchange(ref _helperFailure, failure, null);
        Wake();
    }

    /// <summary>Completions wait to be taken.</summary>
    protected abstract bool HasCompletions { get; }

    /// <summary>Makes the ring; on the thread.</summary>
    protected abstract void OpenEngine();

    /// <summary>Takes what completed without waiting; returns how many.</summary>
    protected abstract int TakeCompletions();

    /// <summary>Submits what was asked for and waits for a completion or a wake-up, at most until <paramref name="deadlineNs"/>; zero does not wait.</summary>
    protected abstract void SubmitAndWait(long deadlineNs);

    /// <summary>Cancels whatever is in flight.</summary>
    protected abstract void CancelAll();

    /// <summary>After a failure: cancels and awaits what the kernel still does with this thread's memory, and calls nobody back.</summary>
    protected virtual void AbandonInFlight()
    {
    }

    /// <summary>From here on the descriptor is this thread's to close, at the latest when it ends.</summary>
    protected void TakeCareOf(int fd) => Invariant.Check(_descriptors.Add(fd));

    /// <summary>The descriptor was closed or given up.</summary>
    protected void LetGoOf(int fd) => Invariant.Check(_descriptors.Remove(fd));

    /// <summary>A request of the file has ended, before its completion is told.</summary>
    protected void EndRequest(IoFile file)
    {
        file.InFlight--;
        if (file.InFlight == 0 && file.ClosingFd >= 0)
        {
            LetGoOf(file.ClosingFd);
            _ = Native.CloseFd(file.ClosingFd);
            file.ClosingFd = -1;
        }
    }

    /// <summary>Adds what an operation moved to the totals.</summary>
    protected void CountBytes(IoOperation operation, int result)
    {
        if (result <= 0)
        {
            return;
        }

        switch (operation.Transfer)
        {
            case IoTransfer.None:
                break;
            case IoTransfer.Received:
                BytesReceived += result;
                break;
            case IoTransfer.Sent:
                BytesSent += result;
                break;
            case IoTransfer.Read:
                BytesRead += result;
                break;
            case IoTransfer.Written:
                BytesWritten += result;
                break;
            default:
                Invariant.Fail($"no such transfer: {operation.Transfer}");
                break;
        }
    }

    protected abstract void CloseEngine();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Stop();
            if (!IsCurrent && _thread.ThreadState != ThreadState.Unstarted)
            {
                _ = Join(TimeSpan.FromSeconds(30));
            }

            _started.Dispose();
        }
    }

    private bool HasWorkInFlight => InFlightCount > 0 || _blockingInFlight > 0;

    private void Wake()
    {
        // Under the lock because the thread may be closing the descriptor: its number may be a store's file a moment later.
        lock (_wakeGate)
        {
            if (_wakeFd >= 0)
            {
                ulong one = 1;
                _ = Native.WriteFd(_wakeFd, &one, sizeof(ulong));
                _wakeUps++;
            }
        }
    }

    private void RunThread()
    {
        Current = this;
        _threadId = Native.GetThreadId();
        Exception? failure = null;
        try
        {
            Pin();
            _wakeFd = Native.EventFd(0, Native.EfdNonblock | Native.EfdCloexec);
            if (_wakeFd < 0)
            {
                throw new IOException($"eventfd: {Errno.Describe(Marshal.GetLastSystemError())}");
            }

            _buffers = new BufferPool(Options.BufferPoolBytes);
            OpenEngine();
        }
        catch (Exception startFailure)
        {
            _startFailure = startFailure;
            CloseAll();
            _started.Set();
            return;
        }

        _started.Set();
        try
        {
            Events?.Started(this);
            RunPasses();
            DrainAfterStop();
        }
        catch (Exception loopFailure)
        {
            failure = loopFailure;
            Abandon();
        }

        CloseAll();
        Events?.Stopped(this, failure);
    }

    private void RunPasses()
    {
        while (!_stopRequested)
        {
            RunPass(mayWait: true);
        }
    }

    /// <summary>
    /// After Stop: what is in flight is cancelled and awaited, and so is what its completions begin; each message that was accepted runs. Posts are refused as soon as
    /// nothing is left, at the latest after <see cref="MaxDrainPasses"/> passes, so that a message that posts itself again does not keep the thread alive.
    /// </summary>
    private void DrainAfterStop()
    {
        _draining = true;
        CancelAll();
        _cancelledAt = OperationCount;
        int idlePasses = 0;
        while (true)
        {
            if (HasWorkInFlight)
            {
                RunPass(mayWait: true);
            }
            else if (_posts.TryCloseEmpty())
            {
                return;
            }
            else if (++idlePasses < MaxDrainPasses)
            {
                RunPass(mayWait: false);
            }
            else
            {
                RunMessages(_posts.Close());
                return;
            }
        }
    }

    private void Abandon()
    {
        try
        {
            AbandonInFlight();
        }
        catch (Exception late)
        {
            // The first failure is the one to tell; memory that the kernel may still write to must not be given back.
            _startFailure ??= late;
            _buffers = null;
        }
    }

    private void RunPass(bool mayWait)
    {
        _passes++;
        if (Volatile.Read(ref _helperFailure) is Exception helperFailure)
        {
            throw new InvalidOperationException($"Blocking work of I/O thread {Name} failed: {helperFailure.Message}", helperFailure);
        }

        long began = Native.BoottimeNs();
        _passTimeNs = began;
        while (_timers.TryTakeDue(began, out IoTimer timer))
        {
            timer.OnFired();
        }

        _ = TakeCompletions();
        if (_posts.HasMessages)
        {
            RunMessages(_posts.TakeAll());
        }

        RunHooks();
        if (_draining && OperationCount != _cancelledAt)
        {
            CancelAll();
            _cancelledAt = OperationCount;
        }

        SubmitAndWait(mayWait ? PrepareToWait() : 0);
        Volatile.Write(ref _asleep, 0);
    }

    /// <summary>Until when the thread may sleep; zero when there is something to do. Whoever posts from here on wakes it.</summary>
    private long PrepareToWait()
    {
        long nowNs = Native.BoottimeNs();
        if (_draining && !HasWorkInFlight)
        {
            return 0;
        }

        if (_timers.NextDueNs <= nowNs || _posts.HasMessages || HasCompletions)
        {
            return 0;
        }

        if (Options.Spin > TimeSpan.Zero && InFlightCount > 0 && Spin(nowNs + (Options.Spin.Ticks * 100)))
        {
            return 0;
        }

        // A full fence between saying 'asleep' and the last look: a poster either sees the first or is seen by the second.
        _ = Interlocked.Exchange(ref _asleep, 1);
        if (_posts.HasMessages)
        {
            return 0;
        }

        _sleeps++;
        return _timers.NextDueNs;
    }

    /// <summary>What the thread used of its CPU, in the kernel too.</summary>
    private long CpuNs()
    {
        int thread = Volatile.Read(ref _threadId);
        return thread != 0 ? Native.ThreadCpuNs(thread) : _busyNsAtEnd;
    }

    /// <summary>Looks for work for a bounded while.</summary>
    private bool Spin(long untilNs)
    {
        SubmitAndWait(0);
        while (!_posts.HasMessages && !HasCompletions)
        {
            if (Native.BoottimeNs() >= untilNs)
            {
                return false;
            }

            SubmitAndWait(0);
        }

        return true;
    }

    private void RunMessages(IoMessage? message)
    {
        while (message is not null)
        {
            IoMessage? next = message.Next;
            message.Next = null;
            _messages++;
            if (message is BlockingWork)
            {
                _blockingInFlight--;
                _workers.Refill();
            }

            message.Run();
            message = next;
        }
    }

    private void RunHooks()
    {
        for (int i = 0; i < _hookCount; i++)
        {
            PassHook hook = _hooks[i]!;
            _hooks[i] = null;
            hook.Queued = false;
            hook.OnEndOfPass();
        }

        _hookCount = 0;
    }

    private void Pin()
    {
        if (Options.Cpu is not int cpu)
        {
            return;
        }

        ulong* mask = stackalloc ulong[16];
        new Span<ulong>(mask, 16).Clear();
        mask[cpu / 64] |= 1UL << (cpu % 64);
        if (Native.SetAffinity(0, 16 * sizeof(ulong), mask) != 0)
        {
            throw new IOException($"cannot pin to CPU {cpu}: {Errno.DescribeLast()}");
        }
    }

    private void CloseAll()
    {
        RunMessagesQuietly(_posts.Close());

        // Before anything is given back: what the helpers are at may read and write it.
        _workers.Close();
        CloseEngine();
        lock (_wakeGate)
        {
            if (_wakeFd >= 0)
            {
                _ = Native.CloseFd(_wakeFd);
                _wakeFd = -1;
            }
        }

        // A peer must see that its connection ended, and a store's lock must not outlive the thread that served it.
        foreach (int fd in _descriptors)
        {
            _ = Native.CloseFd(fd);
        }

        _descriptors.Clear();
        _buffers?.Dispose();
        _busyNsAtEnd = Native.ThreadCpuNs(_threadId);
        Volatile.Write(ref _threadId, 0);
    }

    /// <summary>What was accepted before the end still runs, so that nobody waits for ever; a second failure does not hide the first.</summary>
    private void RunMessagesQuietly(IoMessage? message)
    {
        try
        {
            RunMessages(message);
        }
        catch (Exception late)
        {
            _startFailure ??= late;
        }
    }
}
