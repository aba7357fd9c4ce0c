using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Frames;
using ActorSan.Storage;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>Admission (W1), reads (W8), COMPARE AND WRITE (W11), and the answer under the lease (L4).</summary>
public sealed unsafe partial class Primary
{
    private readonly Queue<VolumeOperation> _waiting = new();
    private readonly List<PrimaryTask> _tasks = [];
    private int _active;
    private bool _failing;
    private bool _drainedTold;
    private bool _noOtherMember;
    private long _requests;

    /// <summary>Operations in hand, waiting ones included.</summary>
    public int ActiveCount => _active + _waiting.Count;

    /// <summary>The operation's kind is set. Answered at once, later, or when the role ends.</summary>
    public void Submit(VolumeOperation operation)
    {
        if (_phase == PrimaryPhase.Over)
        {
            operation.Complete(VolumeStatus.Deposed);
            return;
        }

        VolumeStatus refusal = Refusal(operation);
        if (refusal != VolumeStatus.Pending)
        {
            operation.Complete(refusal);
            return;
        }

        if (_failing)
        {
            operation.Complete(VolumeStatus.NotReady);
            return;
        }

        if (_phase != PrimaryPhase.Serving)
        {
            _waiting.Enqueue(operation);
            return;
        }

        Admit(operation);
    }

    public void LeaseRenewed() => AnswerLeased();

    /// <summary>W6, `on-no-quorum = fail`: while on, what waits is answered NotReady, and writes go on behind the answer.</summary>
    public void FailPending(bool on)
    {
        _failing = on;
        if (!on)
        {
            return;
        }

        while (_waiting.TryDequeue(out VolumeOperation? operation))
        {
            operation.Complete(VolumeStatus.NotReady);
        }

        for (int i = 0; i < _tasks.Count; i++)
        {
            PrimaryTask task = _tasks[i];
            if (task.Step == TaskStep.Lock && task.Operation is { } unbegun && !_bugs.Has(Bug.FailOnce))
            {
                // Nothing of it is done, and nothing will be: its turn comes when those before it let go, and it ends there.
                task.Operation = null;
                task.IsDeposed = true;
                unbegun.Complete(VolumeStatus.NotReady);
                continue;
            }

            if (task is { Step: TaskStep.Reading, Request.IsBusy: false, Operation: not null } && !_bugs.Has(Bug.FailOnce))
            {
                // It waits for a member that it could be read from.
                task.Peer = null;
                task.IsFailing = true;
                _locks.Release(task.Lock);
                End(task, VolumeStatus.NotReady);
                continue;
            }

            if (task.Step is not (TaskStep.Writing or TaskStep.Ending))
            {
                continue;
            }

            task.IsFailing = task.Operation is not null;
            if (task.Step == TaskStep.Writing)
            {
                AnswerFailing(task);
            }
            else
            {
                TryAnswer(task);
            }
        }
    }

    /// <summary>P10: writes that the own store refused are answered with what it said; so are reads.</summary>
    public void NoOtherMember()
    {
        _noOtherMember = true;
        for (int i = 0; i < _tasks.Count; i++)
        {
            PrimaryTask task = _tasks[i];
            if (task.Step == TaskStep.Writing && !task.LocalDone && !task.Local.IsActive && !task.Flush.IsBusy)
            {
                LeaveToSets(task);
                Remove(task);
                _locks.Release(task.Lock);
                End(task, task.Local.Status == StoreStatus.NoSpace ? VolumeStatus.NoSpace : VolumeStatus.WriteError);
            }
        }

        RereadAll();
    }

    internal void OnLocked(PrimaryTask task)
    {
        if (task.IsDeposed || _phase == PrimaryPhase.Over)
        {
            _locks.Release(task.Lock);
            task.IsDeposed = true;
            End(task, VolumeStatus.Deposed);
            return;
        }

        switch (task.Kind)
        {
            case TaskKind.Read:
                BeginRead(task, task.Data);
                break;
            case TaskKind.CompareAndWrite:
            case TaskKind.OrWrite:
            case TaskKind.Reconcile:
            case TaskKind.Verify:
                BeginRead(task, task.Rent(task.LengthBytes));
                break;
            case TaskKind.Resync:
                OnResyncLocked(task);
                break;
            case TaskKind.MapStatus:
                task.Step = TaskStep.Reading;
                task.Request.IsBusy = true;
                task.Request.StartedNs = _clock.NowNs;
                _replica.MapStatus(task.Request, task.OffsetBytes, task.LengthBytes);
                break;
            case TaskKind.Write:
            case TaskKind.Zero:
            case TaskKind.Flush:
            case TaskKind.Attribute:
                BeginWrite(task);
                break;
            default:
                Invariant.Fail("a task of no kind");
                break;
        }
    }

    internal void OnLocalRead(PrimaryTask task)
    {
        if (task.Step != TaskStep.Reading || task.IsDeposed)
        {
            TryAnswer(task);
            return;
        }

        StoreStatus status = task.Request.Status;
        if (status == StoreStatus.Success)
        {
            OnBytes(task);
            return;
        }

        if (!_replica.IsFailed)
        {
            _replica.Fail(status);
        }

        // RereadAll came before this task was waiting for a member: it asks by itself.
        ReadRemotely(task);
    }

    internal void TryRecycle(PrimaryTask task)
    {
        if (task.IsFailing && task.Step == TaskStep.Writing)
        {
            AnswerFailing(task);
        }

        TryAnswer(task);
    }

    private VolumeStatus Refusal(VolumeOperation operation)
    {
        long offset = operation.OffsetBytes;
        long length = operation.LengthBytes;
        switch (operation.Kind)
        {
            case VolumeOperationKind.Flush:
                return VolumeStatus.Pending;
            case VolumeOperationKind.SetAttribute:
                return operation.Attribute != VolumeAttribute.None && length >= 0 && length <= _replica.MaxAttributeBytes ? VolumeStatus.Pending : VolumeStatus.NotSupported;
            case VolumeOperationKind.CryptoErase or VolumeOperationKind.None:
                return VolumeStatus.NotSupported;
            default:
                break;
        }

        if (offset < 0 || length < 0 || length > ServedBytes || offset > ServedBytes - length)
        {
            return VolumeStatus.OutOfRange;
        }

        if (length == 0)
        {
            return VolumeStatus.Success;
        }

        bool whole = operation.Atomic || operation.Kind == VolumeOperationKind.CompareAndWrite;
        return whole && length > _replica.MaxAtomicBytes ? VolumeStatus.NotSupported : VolumeStatus.Pending;
    }

    private void Admit(VolumeOperation operation)
    {
        PrimaryTask task = Take();
        task.Operation = operation;
        task.Kind = operation.Kind switch
        {
            VolumeOperationKind.Read => TaskKind.Read,
            VolumeOperationKind.Write => TaskKind.Write,
            VolumeOperationKind.CompareAndWrite => TaskKind.CompareAndWrite,
            VolumeOperationKind.OrWrite => TaskKind.OrWrite,
            VolumeOperationKind.Unmap or VolumeOperationKind.WriteZeroes => TaskKind.Zero,
            VolumeOperationKind.Flush => TaskKind.Flush,
            VolumeOperationKind.SetAttribute => TaskKind.Attribute,
            VolumeOperationKind.MapStatus => TaskKind.MapStatus,
            _ => throw new InvariantViolationException("an operation of no kind"),
        };

        // What has no place has 0 for it, whatever its caller's object had in an earlier use.
        task.OffsetBytes = task.Kind is TaskKind.Flush or TaskKind.Attribute ? 0 : operation.OffsetBytes;
        task.LengthBytes = task.Kind == TaskKind.Flush ? 0 : operation.LengthBytes;
        task.Data = operation.Data;
        task.Durable = operation.ForceUnitAccess;
        task.MayDeallocate = operation.MayDeallocate || operation.Kind == VolumeOperationKind.Unmap;
        task.Atomic = (operation.Atomic && task.Kind == TaskKind.Write) || task.Kind == TaskKind.CompareAndWrite;
        task.Attribute = task.Kind == TaskKind.Attribute ? operation.Attribute : VolumeAttribute.None;
        PrimaryTask.TaskLock key = task.Lock;
        key.OffsetBytes = task.OffsetBytes;
        key.LengthBytes = task.LengthBytes;
        key.Exclusive = task.Kind is not (TaskKind.Read or TaskKind.MapStatus or TaskKind.Flush);

        // W12: everything that is checked against reservations holds their key, and a change of them holds it alone.
        key.Key = (byte)(task.Kind == TaskKind.Attribute ? operation.Attribute : VolumeAttribute.Reservations);
        key.KeyExclusive = task.Kind == TaskKind.Attribute;
        if (task.Kind == TaskKind.Attribute)
        {
            // Small, and everything waits for it: no link that still has it to send holds up the answer.
            task.Data = task.Rent(Math.Max(1, operation.LengthBytes));
            NativeMemory.Copy(operation.Data, task.Data, (nuint)operation.LengthBytes);
            key.OffsetBytes = 0;
            key.LengthBytes = operation.TakesRightsAway ? _configuration.SizeBytes : 0;
        }

        if (task.Kind is TaskKind.Read && _bugs.Has(Bug.ReadWithoutLock))
        {
            key.LengthBytes = 0;
        }

        Acquire(task);
    }

    private void Acquire(PrimaryTask task)
    {
        task.Step = TaskStep.Lock;
        task.AdmittedNs = _clock.NowNs;
        if (_locks.TryAcquire(task.Lock))
        {
            OnLocked(task);
        }
    }

    private PrimaryTask Take()
    {
        if (!_free.TryPop(out PrimaryTask? task))
        {
            task = new PrimaryTask(this);
            _tasks.Add(task);
        }

        _active++;
        task.Operation = null;
        task.Seq = 0;
        task.AckMask = 0;
        task.SentMask = 0;
        task.LocalDone = false;
        task.Outcome = VolumeStatus.Pending;
        task.Peer = null;
        task.Atomic = false;
        task.Durable = false;
        task.MayDeallocate = false;
        task.Attribute = VolumeAttribute.None;
        task.IsDeposed = false;
        task.IsFailing = false;
        task.IsConfirming = false;
        return task;
    }

    private void AdmitWaiting()
    {
        while (_phase == PrimaryPhase.Serving && _waiting.TryDequeue(out VolumeOperation? operation))
        {
            Admit(operation);
        }
    }

    private void BeginRead(PrimaryTask task, byte* data)
    {
        task.Step = TaskStep.Reading;
        if (_replica.IsFailed)
        {
            ReadRemotely(task);
            return;
        }

        task.Request.IsBusy = true;
        task.Request.StartedNs = _clock.NowNs;
        _replica.Read(task.Request, task.OffsetBytes, task.LengthBytes, data);
    }

    // P10: any attached member has all that is complete, and the range's lock keeps everything else away.
    private void ReadRemotely(PrimaryTask task)
    {
        if (task.Kind is TaskKind.Resync or TaskKind.Verify)
        {
            // Who has no bytes of his own copies none (P10).
            AbandonCopy(task);
            return;
        }

        task.Peer = null;
        foreach (PeerState peer in _peers)
        {
            if (peer.IsMember && peer.IsAttached)
            {
                task.Peer = peer;
                task.Round = peer.Attachment;
                task.Argument = ++_requests;
                Frame frame = Header(peer, FrameKind.Read);
                frame.OffsetBytes = task.OffsetBytes;
                frame.LengthBytes = task.LengthBytes;
                frame.Argument = task.Argument;
                peer.Link.Send(frame, default);
                return;
            }
        }

        if (_noOtherMember && task.Operation is not null)
        {
            _locks.Release(task.Lock);
            End(task, VolumeStatus.ReadError);
        }
    }

    private void OnRemoteRead(PeerState peer, in Frame frame, byte* data)
    {
        PrimaryTask? task = TaskAsking(peer, frame.Argument, TaskStep.Reading);
        if (task is null)
        {
            return;
        }

        task.Peer = null;
        if (frame.Kind == FrameKind.ReadFailed || frame.DataBytes != task.LengthBytes)
        {
            return;
        }

        byte* target = task.Kind == TaskKind.Read ? task.Data : task.Rent(task.LengthBytes);
        NativeMemory.Copy(data, target, (nuint)task.LengthBytes);
        OnBytes(task);
    }

    private PrimaryTask? TaskAsking(PeerState peer, long argument, TaskStep step)
    {
        foreach (PrimaryTask task in _tasks)
        {
            if (task.Step == step && task.Peer == peer && task.Argument == argument)
            {
                return task;
            }
        }

        return null;
    }

    /// <summary>Reads that wait for a member: the own store is gone, or the member that was asked.</summary>
    private void RereadAll()
    {
        if (!_replica.IsFailed)
        {
            return;
        }

        for (int i = 0; i < _tasks.Count; i++)
        {
            PrimaryTask task = _tasks[i];
            if (task.Step == TaskStep.Reading && !task.Request.IsBusy && !task.IsDeposed && (task.Peer is not { } peer || peer.Attachment != task.Round))
            {
                ReadRemotely(task);
            }
        }
    }

    private void OnBytes(PrimaryTask task)
    {
        switch (task.Kind)
        {
            case TaskKind.Read:
                _locks.Release(task.Lock);
                Answer(task, VolumeStatus.Success);
                break;
            case TaskKind.MapStatus:
                task.Operation!.ResultLengthBytes = task.Request.ResultLengthBytes;
                task.Operation.ResultMapped = task.Request.ResultMapped;
                _locks.Release(task.Lock);
                Answer(task, VolumeStatus.Success);
                break;
            case TaskKind.CompareAndWrite:
                OnComparand(task);
                break;
            case TaskKind.OrWrite:
                byte* stored = task.Rent(task.LengthBytes);
                byte* given = task.Operation!.Data;
                for (long i = 0; i < task.LengthBytes; i++)
                {
                    stored[i] |= given[i];
                }

                task.Data = stored;
                BeginWrite(task);
                break;
            case TaskKind.Reconcile:
                task.Data = task.Rent(task.LengthBytes);
                if (_bugs.Has(Bug.ReconcileOutsideTheWritePath))
                {
                    SendUnseen(task);
                    break;
                }

                BeginWrite(task);
                break;
            case TaskKind.Resync:
            case TaskKind.Verify:
                OnOwnBytes(task);
                break;
            default:
                Invariant.Fail("bytes for a task that reads none");
                break;
        }
    }

    private void OnComparand(PrimaryTask task)
    {
        var stored = new ReadOnlySpan<byte>(task.Rent(task.LengthBytes), (int)task.LengthBytes);
        var expected = new ReadOnlySpan<byte>(task.Operation!.Data, (int)task.LengthBytes);
        int same = stored.CommonPrefixLength(expected);
        if (same < stored.Length)
        {
            task.Operation.ResultOffsetBytes = same;
            _locks.Release(task.Lock);
            Answer(task, VolumeStatus.Miscompare);
            return;
        }

        task.Data = task.Operation.Data + task.LengthBytes;
        BeginWrite(task);
    }

    private void Answer(PrimaryTask task) => Answer(task, task.Outcome);

    /// <summary>The locks are gone. Whatever tells state is confirmed where that is wanted, and everything waits for the lease.</summary>
    private void Answer(PrimaryTask task, VolumeStatus outcome)
    {
        NoteLatency(task);
        task.IsConfirming = _configuration.Settings.ConfirmReads && (task.Kind is TaskKind.Read or TaskKind.MapStatus || outcome == VolumeStatus.Miscompare);
        if (task.IsConfirming)
        {
            task.Round = JoinRound();
        }

        End(task, outcome);
    }

    private void End(PrimaryTask task, VolumeStatus outcome)
    {
        task.Outcome = outcome;
        task.Step = TaskStep.Ending;
        TryAnswer(task);
    }

    private void TryAnswer(PrimaryTask task)
    {
        if (task.Step != TaskStep.Ending || task.IsMemoryBusy || (_bugs.Has(Bug.KeyFreeBeforeAnswer) && task.Hold.Sends > 0))
        {
            return;
        }

        if (task.Operation is { } operation)
        {
            VolumeStatus outcome = task.Outcome;
            if (task.IsDeposed || _phase == PrimaryPhase.Over)
            {
                outcome = VolumeStatus.Deposed;
            }
            else if (task.IsFailing && (!HoldsLease || (task.IsConfirming && !IsConfirmed(task.Round))))
            {
                outcome = VolumeStatus.NotReady;
            }
            else if ((task.IsConfirming && !IsConfirmed(task.Round)) || !HoldsLease)
            {
                return;
            }

            task.Operation = null;
            operation.Complete(outcome);
        }

        if (task.Lock.IsQueued && task.Step == TaskStep.Ending)
        {
            // W12: an attribute's key is free when its change is answered, so that of two changes the one answered last is the one in force.
            _locks.Release(task.Lock);
            if (task.Step != TaskStep.Ending || task.Operation is not null)
            {
                // Whoever had it next has ended this one meanwhile.
                return;
            }
        }

        if (!task.IsBusy && task.Step == TaskStep.Ending)
        {
            task.Step = TaskStep.Idle;
            _active--;
            _free.Push(task);
            CheckDrained();
        }
    }

    /// <summary>W6: the bytes become the task's own, the answer goes, the write goes on.</summary>
    private void AnswerFailing(PrimaryTask task)
    {
        if (task.IsMemoryBusy || task.Operation is not { } operation)
        {
            return;
        }

        if (task.LengthBytes > 0 && task.Kind is TaskKind.Write or TaskKind.CompareAndWrite)
        {
            byte* own = task.Rent(task.LengthBytes);
            NativeMemory.Copy(task.Data, own, (nuint)task.LengthBytes);
            task.Data = own;
        }

        task.Operation = null;
        operation.Complete(VolumeStatus.NotReady);
    }

    private void AnswerLeased()
    {
        if (_phase == PrimaryPhase.Over || !HoldsLease)
        {
            return;
        }

        for (int i = 0; i < _tasks.Count; i++)
        {
            TryAnswer(_tasks[i]);
        }
    }

    // What waits for memory that a hung store does not give back, or for the range of such a one, has changed nothing that is not complete: it ends with the role, when it can (W6).
    private bool IsDrained()
    {
        if (_active == 0 || !_replica.IsFailed || _bugs.Has(Bug.DrainWaitsForHung))
        {
            return _active == 0;
        }

        foreach (PrimaryTask task in _tasks)
        {
            bool goesOn = task.Step switch
            {
                TaskStep.Idle or TaskStep.Lock => false,
                TaskStep.Reading => !task.Request.IsBusy,
                TaskStep.Ending => !task.IsBusy,
                _ => true,
            };
            if (goesOn)
            {
                return false;
            }
        }

        return true;
    }

    private void CheckDrained()
    {
        if (_phase == PrimaryPhase.Draining && !_drainedTold && IsDrained())
        {
            _drainedTold = true;
            SendStable();
            _events.Post(new Engine.Drained(Reign));
        }
    }

    // For people: how many, and what the oldest wait for.
    private string DescribeUnderWay()
    {
        IEnumerable<string> some = _tasks.Where(task => task.Step != TaskStep.Idle).Take(3).Select(task =>
        {
            string[] silent = [.. _peers.Where(peer => (task.SentMask & ~task.AckMask & peer.Bit) != 0).Select(peer => peer.Node)];
            return $"{task.Kind} {task.Step}{(task.Step == TaskStep.Writing && !task.LocalDone ? ", the own store has not done it" : "")}{(silent.Length > 0 ? $", not answered by {string.Join(" and ", silent)}" : "")}"
                + (task.LocalDone && _peers.Any(peer => peer.IsRequired && peer.HeardMark < task.Local.Mark) ? ", its mark is not heard by all" : "");
        });
        return $"{_active} under way: {string.Join("; ", some)}";
    }

    private void DeposeAll()
    {
        while (_waiting.TryDequeue(out VolumeOperation? operation))
        {
            operation.Complete(VolumeStatus.Deposed);
        }

        for (int i = 0; i < _tasks.Count; i++)
        {
            PrimaryTask task = _tasks[i];
            switch (task.Step)
            {
                case TaskStep.Idle:
                    break;
                case TaskStep.Lock:
                    // Its turn comes when those before it let go, below; it ends there.
                    task.IsDeposed = true;
                    break;
                case TaskStep.Ending:
                    task.IsDeposed = true;
                    TryAnswer(task);
                    break;
                default:
                    if (task.Step == TaskStep.Writing)
                    {
                        Remove(task);
                    }

                    task.IsDeposed = true;
                    _locks.Release(task.Lock);
                    End(task, VolumeStatus.Deposed);
                    break;
            }
        }
    }
}
