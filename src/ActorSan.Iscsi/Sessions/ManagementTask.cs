using ActorSan.Iscsi.Connections;
using ActorSan.Scsi;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi.Sessions;

/// <summary>
/// A task management function request in progress: one operation for each logical unit that it concerns (target resets concern all). The response goes out when the last
/// has ended; each ends in bounded time by itself.
/// </summary>
internal sealed class ManagementTask(Connection connection, uint initiatorTaskTag, TaskManagementFunction function)
{
    private int _left;
    private TaskManagementResponse _response = TaskManagementResponse.Complete;

    public uint InitiatorTaskTag { get; } = initiatorTaskTag;

    public TaskManagementFunction Function { get; } = function;

    /// <summary>Begins on all units; the connection hears of the end even if there are none.</summary>
    public void Start(IReadOnlyList<LunNexus> units, ulong referencedTag)
    {
        _left = units.Count + 1;
        foreach (LunNexus unit in units)
        {
            new UnitOperation(this) { Function = Function, LunNexus = unit, ReferencedTag = referencedTag }.Start();
        }

        Ended(TaskManagementResponse.Complete);
    }

    private void Ended(TaskManagementResponse response)
    {
        if (response != TaskManagementResponse.Complete)
        {
            _response = response;
        }

        if (--_left == 0)
        {
            connection.OnManagementDone(this, _response);
        }
    }

    private sealed class UnitOperation : TaskManagementOperation
    {
        private readonly ManagementTask _owner;
        private readonly StartMessage _start;
        private readonly EndMessage _end;
        private readonly IoThread _thread;

        public UnitOperation(ManagementTask owner)
        {
            _owner = owner;
            _thread = IoThread.Current!;
            _start = new StartMessage(this);
            _end = new EndMessage(this);
        }

        public void Start()
        {
            if (LunNexus.Unit.Home is not { IsCurrent: false } home)
            {
                LunNexus.Unit.Manage(this);
            }
            else if (!home.Post(_start))
            {
                _owner.Ended(TaskManagementResponse.Rejected);
            }
        }

        protected override void OnCompleted()
        {
            if (_thread.IsCurrent)
            {
                _owner.Ended(Response);
            }
            else
            {
                _ = _thread.Post(_end);
            }
        }

        private sealed class StartMessage(UnitOperation operation) : IoMessage
        {
            protected override void Run() => operation.LunNexus.Unit.Manage(operation);
        }

        private sealed class EndMessage(UnitOperation operation) : IoMessage
        {
            protected override void Run() => operation._owner.Ended(operation.Response);
        }
    }
}
