using ActorSan.Storage.Threads;

namespace ActorSan.Scsi.Copy;

/// <summary>
/// The copies of one unit: at most <see cref="LogicalUnitSettings.MaxConcurrentCopies"/> run, further ones wait their turn in the task set (and can be aborted there).
/// Home thread only.
/// </summary>
internal sealed class CopyManager
{
    private readonly BlockDevice _device;
    private readonly Stack<CopyOperation> _idle = new();
    private readonly List<TaskState> _waiting = [];
    private readonly NextMessage _next;
    private int _running;
    private bool _nextPosted;

    public CopyManager(BlockDevice device)
    {
        _device = device;
        _next = new NextMessage(this);
    }

    /// <summary>Runs <paramref name="begin"/> with <see cref="TaskState.Extra"/> set to an operation of the task's own: now, or when one is free.</summary>
    public void Enter(TaskState task, Action<TaskState> begin)
    {
        if (_running < Math.Max(1, _device.Settings.MaxConcurrentCopies) && _waiting.Count == 0)
        {
            Give(task);
            begin(task);
            return;
        }

        _waiting.Add(task);
        task.Release = static task => task.Device.Copies._waiting.Remove(task);
        task.Await(begin, interruptible: true);
    }

    private void Give(TaskState task)
    {
        _running++;
        task.Extra = _idle.TryPop(out CopyOperation? idle) ? idle : new CopyOperation(_device);
        task.Release = static task => task.Device.Copies.Take((CopyOperation)task.Extra!);
    }

    private void Take(CopyOperation operation)
    {
        operation.End();
        _idle.Push(operation);
        _running--;
        if (_waiting.Count > 0 && !_nextPosted)
        {
            // Not from within the end of the copy before: a chain of short copies would nest.
            _nextPosted = _device.Volume.Home.Post(_next);
        }
    }

    private void RunNext()
    {
        _nextPosted = false;
        while (_waiting.Count > 0 && _running < Math.Max(1, _device.Settings.MaxConcurrentCopies))
        {
            TaskState task = _waiting[0];
            _waiting.RemoveAt(0);
            Give(task);
            task.Resume();
        }
    }

    private sealed class NextMessage(CopyManager manager) : IoMessage
    {
        protected override void Run() => manager.RunNext();
    }
}
