using System.Collections.Concurrent;
using ActorSan.Cluster.Serialization;
using ActorSan.Replication.Core.Ports;
using ActorSan.Storage;
using ActorSan.Storage.Threads;

namespace ActorSan.Cluster.Control;

/// <summary>
/// The one thread on which a node's decisions are made: votes, rounds, leases, roles. What was proven in simulation is one side that takes one thing at a time, so it is one thread here:
/// leases go before everything else that waits, and nothing on it ever blocks (a vote's disk is another's, and answers by message). Also clock and timers of those decisions.
/// </summary>
public sealed class ControlLoop : IClock, ITimers, IDisposable
{
    /// <summary>Things that wait on a lane; more messages are lost, as on a network.</summary>
    public const int MaxWaiting = 20_000;

    private readonly ConcurrentQueue<Action> _leases = new();
    private readonly ConcurrentQueue<Action> _others = new();
    private readonly PriorityQueue<(CoreTimer Timer, long Setting), long> _timers = new();
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly Action<Exception> _failed;
    private readonly Thread _thread;
    private int _sleeping;
    private volatile bool _stopped;

    /// <param name="failed">Called once, on the thread, when something on it threw: nothing runs on it any more.</param>
    public ControlLoop(Action<Exception> failed)
    {
        _failed = failed;
        _thread = new Thread(Run) { Name = "control", IsBackground = true };
    }

    public long NowNs => BootClock.NowNs;

    public bool IsCurrent => Thread.CurrentThread == _thread;

    public void Start() => _thread.Start();

    /// <summary>Any thread: runs it on the loop, in the order of one poster.</summary>
    public void Post(Action action) => Enqueue(_others, action);

    /// <summary>Any thread: a message that may be lost. False: it was, the lane is full.</summary>
    public bool TryPost(ControlLane lane, Action action)
    {
        ConcurrentQueue<Action> queue = lane == ControlLane.Lease ? _leases : _others;
        if (queue.Count >= MaxWaiting)
        {
            return false;
        }

        Enqueue(queue, action);
        return true;
    }

    /// <summary>Any thread: a result computed on the loop.</summary>
    public Task<T> Invoke<T>(Func<T> function)
    {
        var source = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_stopped)
        {
            source.SetException(new InvalidOperationException("the control side has stopped"));
            return source.Task;
        }

        Post(() =>
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
        return source.Task;
    }

    public void Set(CoreTimer timer, long atNs)
    {
        Invariant.Check(IsCurrent);
        timer.Setting++;
        timer.IsSet = true;
        _timers.Enqueue((timer, timer.Setting), atNs);
    }

    public void Cancel(CoreTimer timer)
    {
        Invariant.Check(IsCurrent);
        timer.Setting++;
        timer.IsSet = false;
    }

    /// <summary>Ends the loop after what it is at; waits for it unless it is the caller.</summary>
    public void Dispose()
    {
        _stopped = true;
        _ = _wake.Set();
        if (!IsCurrent && _thread.IsAlive)
        {
            _ = _thread.Join(TimeSpan.FromSeconds(5));
        }
    }

    private void Enqueue(ConcurrentQueue<Action> queue, Action action)
    {
        queue.Enqueue(action);
        if (Interlocked.Exchange(ref _sleeping, 0) == 1)
        {
            _ = _wake.Set();
        }
    }

    private void Run()
    {
        try
        {
            while (!_stopped)
            {
                if (!Turn())
                {
                    Sleep();
                }
            }
        }
        catch (Exception failure)
        {
            _stopped = true;
            _failed(failure);
        }
    }

    // One thing of each kind: neither a burst of messages nor of timers starves the other, and leases go before both.
    private bool Turn()
    {
        bool any = RunLeases();
        if (TryTakeDue(out CoreTimer? timer))
        {
            timer!.OnFired();
            any = true;
        }

        any |= RunLeases();
        if (_others.TryDequeue(out Action? action))
        {
            action();
            any = true;
        }

        return any;
    }

    private bool RunLeases()
    {
        bool any = false;
        while (_leases.TryDequeue(out Action? action))
        {
            action();
            any = true;
        }

        return any;
    }

    private bool TryTakeDue(out CoreTimer? timer)
    {
        while (_timers.TryPeek(out (CoreTimer Timer, long Setting) next, out long atNs))
        {
            if (next.Timer.Setting != next.Setting || !next.Timer.IsSet)
            {
                _ = _timers.Dequeue();
                continue;
            }

            if (atNs > NowNs)
            {
                break;
            }

            _ = _timers.Dequeue();
            next.Timer.IsSet = false;
            timer = next.Timer;
            return true;
        }

        timer = null;
        return false;
    }

    private void Sleep()
    {
        Volatile.Write(ref _sleeping, 1);
        Interlocked.MemoryBarrier();
        if (!_leases.IsEmpty || !_others.IsEmpty || _stopped)
        {
            Volatile.Write(ref _sleeping, 0);
            return;
        }

        long waitNs = _timers.TryPeek(out _, out long atNs) ? atNs - NowNs : 1_000_000_000;
        if (waitNs > 0)
        {
            _ = _wake.WaitOne(TimeSpan.FromMilliseconds(Math.Clamp((waitNs + 999_999) / 1_000_000, 1, 1000)));
        }

        Volatile.Write(ref _sleeping, 0);
    }
}
