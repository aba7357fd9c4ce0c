using ActorSan.Replication.Core.Ports;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Volume;

/// <summary>The time of an I/O thread as engines see it: CLOCK_BOOTTIME, read at each question, for a lease must not be judged by the time at which a pass began (L4).</summary>
public sealed class ThreadTime(IoThread thread) : IClock, ITimers
{
    private readonly Dictionary<CoreTimer, Alarm> _set = new(ReferenceEqualityComparer.Instance);
    private readonly Stack<Alarm> _spare = new();

    public long NowNs => thread.NowNs;

    public void Set(CoreTimer timer, long atNs)
    {
        if (!_set.TryGetValue(timer, out Alarm? alarm))
        {
            alarm = _spare.TryPop(out Alarm? spare) ? spare : new Alarm(this);
            alarm.Timer = timer;
            _set.Add(timer, alarm);
        }

        timer.IsSet = true;
        thread.StartTimer(alarm, TimeSpan.FromTicks(Math.Max(0, (atNs - thread.NowNs + 99) / 100)));
    }

    public void Cancel(CoreTimer timer)
    {
        if (_set.TryGetValue(timer, out Alarm? alarm))
        {
            thread.StopTimer(alarm);
            Free(timer, alarm);
        }
    }

    private void Free(CoreTimer timer, Alarm alarm)
    {
        timer.IsSet = false;
        _ = _set.Remove(timer);
        alarm.Timer = null;
        _spare.Push(alarm);
    }

    private sealed class Alarm(ThreadTime owner) : IoTimer
    {
        public CoreTimer? Timer;

        protected override void OnFired()
        {
            CoreTimer timer = Timer!;
            owner.Free(timer, this);
            timer.OnFired();
        }
    }
}
