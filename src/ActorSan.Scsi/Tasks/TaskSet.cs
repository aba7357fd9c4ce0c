using System.Runtime.CompilerServices;
using ActorSan.Storage;

namespace ActorSan.Scsi;

/// <summary>
/// The task set of a unit (SAM-5 §8): all its tasks in the order of their arrival, and which of them may run. While there are only SIMPLE tasks, entering and
/// leaving are a few assignments. Bounded by <see cref="Capacity"/>.
/// </summary>
internal sealed class TaskSet(int capacity)
{
    private TaskState? _first;
    private TaskState? _last;
    private long _arrivals;
    private int _dormant;
    private int _ordered;
    private int _headOfQueue;
    private bool _enabling;
    private bool _enableAgain;

    public int Capacity { get; } = capacity;

    public int Count { get; private set; }

    /// <summary>The number of the task that came last.</summary>
    public long LastArrival => _arrivals;

    public TaskState? First => _first;

    public TaskState? Last => _last;

    /// <summary>Takes the task in and says whether it may run now; if not it is dormant, and the set starts it later.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Enter(TaskState task)
    {
        bool alone = _first is null;
        Link(task);
        return (_ordered | _headOfQueue) == 0 && task.Task.Attribute <= TaskAttribute.Simple || EnterRestricted(task, alone);
    }

    /// <summary>Takes the task out; those that waited for it may run by <see cref="EnableDormant"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Leave(TaskState task)
    {
        if (task.Task.Attribute > TaskAttribute.Simple || task.Phase == TaskPhase.Dormant)
        {
            LeaveRestricted(task);
        }

        Unlink(task);
    }

    public bool HasDormant => _dormant != 0;

    /// <summary>Starts what is no longer held up by older tasks.</summary>
    public void EnableDormant(Action<TaskState> start)
    {
        if (_enabling)
        {
            _enableAgain = true;
            return;
        }

        _enabling = true;
        do
        {
            _enableAgain = false;
            while (NextToEnable() is { } task)
            {
                _dormant--;
                task.Phase = TaskPhase.Enabled;
                start(task);
            }
        }
        while (_enableAgain);
        _enabling = false;
    }

    private bool EnterRestricted(TaskState task, bool alone)
    {
        switch (task.Task.Attribute)
        {
            case TaskAttribute.HeadOfQueue:
                _headOfQueue++;
                return true;
            case TaskAttribute.Ordered:
                _ordered++;
                if (alone)
                {
                    return true;
                }

                break;
            case TaskAttribute.Aca:
                // There is never an ACA condition: its admission refuses it at once.
                return true;
            default:
                if ((task.Command.Flags & CommandFlags.ImplicitHeadOfQueue) != 0)
                {
                    return true;
                }

                break;
        }

        task.Phase = TaskPhase.Dormant;
        _dormant++;
        return false;
    }

    private void LeaveRestricted(TaskState task)
    {
        if (task.Phase == TaskPhase.Dormant)
        {
            _dormant--;
        }

        switch (task.Task.Attribute)
        {
            case TaskAttribute.HeadOfQueue:
                _headOfQueue--;
                break;
            case TaskAttribute.Ordered:
                _ordered--;
                break;
        }
    }

    // The oldest dormant task that no older ORDERED, and no HEAD OF QUEUE, holds up.
    private TaskState? NextToEnable()
    {
        if (_dormant == 0 || _headOfQueue != 0)
        {
            return null;
        }

        for (TaskState? task = _first; task is not null; task = task.Next)
        {
            bool ordered = task.Task.Attribute == TaskAttribute.Ordered;
            if (task.Phase == TaskPhase.Dormant)
            {
                return !ordered || ReferenceEquals(task, _first) ? task : null;
            }

            if (ordered)
            {
                return null;
            }
        }

        return null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Link(TaskState task)
    {
        task.Arrival = ++_arrivals;
        task.Next = null;
        task.Previous = _last;
        if (_last is null)
        {
            _first = task;
        }
        else
        {
            _last.Next = task;
        }

        _last = task;
        Count++;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Unlink(TaskState task)
    {
        Invariant.Check(Count > 0);
        if (task.Previous is null)
        {
            _first = task.Next;
        }
        else
        {
            task.Previous.Next = task.Next;
        }

        if (task.Next is null)
        {
            _last = task.Previous;
        }
        else
        {
            task.Next.Previous = task.Previous;
        }

        task.Previous = null;
        task.Next = null;
        Count--;
    }
}
