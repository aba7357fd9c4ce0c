using ActorSan.Iscsi.Connections;
using ActorSan.Scsi;
using ActorSan.Storage;

namespace ActorSan.Iscsi.Sessions;

/// <summary>
/// Which of a session's commands may enter their unit's task set. A command goes when all its data is here; an ORDERED one (SAM-5 §8.6.3) waits until all earlier ones to
/// its unit have gone, and those after it wait for it. Commands that nothing holds up never enter the list.
/// </summary>
internal sealed class DeliveryOrder
{
    private IscsiTask? _first;
    private IscsiTask? _last;
    private int _ordered;

    /// <summary>In the order of CmdSN, and again whenever more of its data has come.</summary>
    public void Advance(IscsiTask task)
    {
        bool ready = task.Stage == TaskStage.Waiting;
        if (!task.IsListed)
        {
            if (ready && _ordered == 0 && (task.Attribute != TaskAttribute.Ordered || _first is null))
            {
                task.Connection.Dispatch(task);
                return;
            }

            Append(task);
        }

        if (!ready)
        {
            return;
        }

        if (_ordered == 0)
        {
            Remove(task);
            task.Connection.Dispatch(task);
        }
        else
        {
            DispatchReady();
        }
    }

    /// <summary>A task that ends before it was delivered; what waited for it may go at the next call of <see cref="DispatchReady"/>.</summary>
    public void Remove(IscsiTask task)
    {
        if (!task.IsListed)
        {
            return;
        }

        if (task.PreviousUndelivered is { } previous)
        {
            previous.NextUndelivered = task.NextUndelivered;
        }
        else
        {
            _first = task.NextUndelivered;
        }

        if (task.NextUndelivered is { } next)
        {
            next.PreviousUndelivered = task.PreviousUndelivered;
        }
        else
        {
            _last = task.PreviousUndelivered;
        }

        task.PreviousUndelivered = task.NextUndelivered = null;
        task.IsListed = false;
        if (task.Attribute == TaskAttribute.Ordered)
        {
            _ordered--;
            Invariant.Check(_ordered >= 0);
        }
    }

    /// <summary>Delivers all that is ready and that nothing before it holds up.</summary>
    public void DispatchReady()
    {
        IscsiTask? task = _first;
        while (task is not null)
        {
            IscsiTask? next = task.NextUndelivered;
            if (task.Stage == TaskStage.Waiting && !IsHeldUp(task))
            {
                Remove(task);
                task.Connection.Dispatch(task);
            }

            task = next;
        }
    }

    private static bool IsHeldUp(IscsiTask task)
    {
        if (task.Attribute == TaskAttribute.HeadOfQueue)
        {
            return false;
        }

        for (IscsiTask? earlier = task.PreviousUndelivered; earlier is not null; earlier = earlier.PreviousUndelivered)
        {
            if (earlier.LunField == task.LunField && (task.Attribute == TaskAttribute.Ordered || earlier.Attribute == TaskAttribute.Ordered))
            {
                return true;
            }
        }

        return false;
    }

    private void Append(IscsiTask task)
    {
        task.PreviousUndelivered = _last;
        if (_last is null)
        {
            _first = task;
        }
        else
        {
            _last.NextUndelivered = task;
        }

        _last = task;
        task.IsListed = true;
        if (task.Attribute == TaskAttribute.Ordered)
        {
            _ordered++;
        }
    }
}
