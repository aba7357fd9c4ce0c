namespace ActorSan.Simulator.World;

/// <summary>
/// Something that happens at an instant. With a <see cref="Side"/> it belongs to a process: it is held while that side is frozen and dropped when the process is gone.
/// Without one it belongs to the world (disks, wires, faults, clients) and always happens. Owned and pooled by whoever schedules it; in the heap at most once.
/// </summary>
public abstract class SimEvent
{
    public SimSide? Side;

    /// <summary>Neighbour in a free list or in the queue of a frozen side.</summary>
    internal SimEvent? NextEvent;

    /// <summary>A small constant per kind of event: part of the trace's hash.</summary>
    public abstract int Code { get; }

    public abstract void Run();

    /// <summary>Instead of <see cref="Run"/>, when the process that it was for is gone: give back what it holds, call nobody.</summary>
    public virtual void Drop()
    {
    }
}

/// <summary>A free list of events or other objects of one kind.</summary>
public sealed class SimPool<T>(Func<T> make)
    where T : SimEvent
{
    private SimEvent? _free;

    public T Take()
    {
        if (_free is { } item)
        {
            _free = item.NextEvent;
            item.NextEvent = null;
            return (T)item;
        }

        return make();
    }

    public void Return(T item)
    {
        item.Side = null;
        item.NextEvent = _free;
        _free = item;
    }
}

/// <summary>For set-up, faults and tests: allocates.</summary>
public sealed class ActionEvent(Action action) : SimEvent
{
    public override int Code => 1;

    public override void Run() => action();
}
