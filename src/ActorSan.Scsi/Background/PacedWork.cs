using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;

namespace ActorSan.Scsi.Background;

/// <summary>
/// Work that a unit does by itself on its volume: one operation at a time, no faster than a rate, and with a turn for the thread's other work between two of them. It
/// belongs to no task, so no task management function ends it. Home thread only.
/// </summary>
internal abstract class PacedWork : VolumeOperation
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(20);

    private readonly Delay _delay;
    private readonly Turn _turn;
    private bool _turnPosted;
    private bool _turnDue;
    private bool _inFlight;
    private bool _closed;
    private long _dueNs;

    protected PacedWork(BlockDevice device)
    {
        Device = device;
        _delay = new Delay(this);
        _turn = new Turn(this);
    }

    protected BlockDevice Device { get; }

    /// <summary>An operation has not completed: its memory is in use.</summary>
    protected bool IsInFlight => _inFlight;

    /// <summary>The unit is closing: nothing more is asked for.</summary>
    public void Close()
    {
        _closed = true;
        Halt();
        if (!_inFlight)
        {
            GiveBack();
        }
    }

    /// <summary>Its turn: asks for the next operation, or ends.</summary>
    protected abstract void Next();

    /// <summary>The operation asked for has ended, with <see cref="VolumeOperation.Status"/>.</summary>
    protected abstract void Completed();

    /// <summary>Returns what is rented; nothing is in flight.</summary>
    protected abstract void GiveBack();

    protected void Issue(VolumeOperationKind kind)
    {
        _inFlight = true;
        IBlockVolume volume = Device.Volume;
        switch (kind)
        {
            case VolumeOperationKind.Read: volume.Read(this); break;
            case VolumeOperationKind.Write: volume.Write(this); break;
            case VolumeOperationKind.Unmap: volume.Unmap(this); break;
            case VolumeOperationKind.WriteZeroes: volume.WriteZeroes(this); break;
            case VolumeOperationKind.Flush: volume.Flush(this); break;
            case VolumeOperationKind.SetAttribute: volume.SetAttribute(this); break;
            case VolumeOperationKind.CryptoErase: volume.CryptoErase(this); break;
            default: Storage.Invariant.Fail($"No background operation {kind}."); break;
        }
    }

    /// <summary>The pace counts from now.</summary>
    protected void BeginPace() => _dueNs = Device.Volume.Home.NowNs;

    /// <summary><see cref="Next"/> in a later turn of the thread, when <paramref name="bytes"/> at <paramref name="bytesPerSecond"/> (zero: unlimited) have had their time.</summary>
    protected void GoOn(long bytes, long bytesPerSecond)
    {
        if (bytesPerSecond > 0)
        {
            long now = Device.Volume.Home.NowNs;
            long period = (long)Math.Min((double)bytes * 1e9 / bytesPerSecond, long.MaxValue / 4);
            // What one operation was late the next may catch up; a longer stop earns no burst.
            _dueNs = Math.Max(_dueNs, now - period) + period;
            if (_dueNs > now)
            {
                Device.Volume.Home.StartTimer(_delay, TimeSpan.FromTicks((_dueNs - now + 99) / 100));
                return;
            }
        }

        GoOn();
    }

    /// <summary><see cref="Next"/> in a later turn of the thread.</summary>
    protected void GoOn()
    {
        if (_closed)
        {
            return;
        }

        _turnDue = true;
        if (!_turnPosted)
        {
            _turnPosted = true;
            Device.Volume.Home.Post(_turn);
        }
    }

    /// <summary><see cref="Next"/> after a moment: something of bounded number was not to be had.</summary>
    protected void GoOnLater() => GoOnAfter(RetryDelay);

    protected void GoOnAfter(TimeSpan delay)
    {
        if (!_closed)
        {
            Device.Volume.Home.StartTimer(_delay, delay);
        }
    }

    /// <summary>No turn comes by itself any more; an operation in flight still completes.</summary>
    protected void Halt()
    {
        _turnDue = false;
        Device.Volume.Home.StopTimer(_delay);
    }

    protected override void OnCompleted()
    {
        _inFlight = false;
        if (_closed)
        {
            GiveBack();
            return;
        }

        Completed();
    }

    private sealed class Delay(PacedWork work) : IoTimer
    {
        protected override void OnFired() => work.Next();
    }

    private sealed class Turn(PacedWork work) : IoMessage
    {
        protected override void Run()
        {
            work._turnPosted = false;
            if (work._turnDue)
            {
                work._turnDue = false;
                work.Next();
            }
        }
    }
}
