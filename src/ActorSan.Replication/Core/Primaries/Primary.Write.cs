using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>The write path (W1 to W7, W10 to W12): from the lock to the answer.</summary>
public sealed unsafe partial class Primary
{
    private PrimaryTask? _firstInFlight;
    private PrimaryTask? _lastInFlight;
    private PrimaryTask?[] _bySeq = new PrimaryTask?[256];
    private long _lowestIndexed = 1;
    private bool _anyRefused;

    /// <summary>In flight, by seq.</summary>
    public int InFlightCount { get; private set; }

    private void BeginWrite(PrimaryTask task)
    {
        task.Step = TaskStep.Writing;
        task.Seq = ++LastSeq;
        task.AckMask = 0;
        task.SentMask = 0;
        task.HoldMask = 0;
        task.LocalDone = false;
        task.IsRefused = false;
        task.SentNs = _clock.NowNs;
        Append(task);
        if (task.Kind != TaskKind.Flush)
        {
            ByteRange range = task.Kind == TaskKind.Attribute ? default : task.Range;
            _ = _replica.Unsettled.Add(new UnsettledEntry(Reign, task.Seq, range, task.Atomic, (byte)task.Attribute));
        }

        // Each peer's part is on its way before the own store's, whose completion may come inside the call.
        foreach (PeerState peer in _peers)
        {
            Route(task, peer);
        }

        if (task.Kind == TaskKind.Flush)
        {
            task.Flush.IsBusy = true;
            _replica.Flush(task.Flush);
            return;
        }

        FillLocal(task);
        _replica.Apply(task.Local);
    }

    private static void FillLocal(PrimaryTask task)
    {
        PrimaryTask.TaskWrite local = task.Local;
        local.Kind = task.Kind switch
        {
            TaskKind.Zero => ReplicaWriteKind.Zero,
            TaskKind.Attribute => ReplicaWriteKind.Attribute,
            _ => ReplicaWriteKind.Write,
        };
        local.OffsetBytes = task.OffsetBytes;
        local.LengthBytes = task.LengthBytes;
        local.Data = task.Data;
        local.Durable = task.Durable;
        local.Atomic = task.Atomic;
        local.MayDeallocate = task.MayDeallocate;
        local.Attribute = task.Attribute;
    }

    private void Route(PrimaryTask task, PeerState peer)
    {
        if (task.Kind == TaskKind.Flush && _bugs.Has(Bug.FlushWithoutPeers))
        {
            task.AckMask |= peer.Bit;
            return;
        }

        if (peer.IsRequired)
        {
            if (peer.IsAttached)
            {
                SendWrite(task, peer);
            }

            return;
        }

        if (peer.Set is not { } set || task.Kind is TaskKind.Flush or TaskKind.Attribute || !peer.IsNamed)
        {
            return;
        }

        // S2: what touches the set, or finds no room, is not sent, and all its ranges join the set.
        bool sends = peer.IsAttached && peer.Link.FreeBytes >= task.LengthBytes
            && (!set.Set.Overlaps(task.Range) || _bugs.Has(Bug.SendIntoTheSet));
        if (sends)
        {
            peer.AddOutstanding(task.Seq, task.Range);
            task.HoldMask |= peer.Protocol == ReplicationProtocol.B ? peer.Bit : 0;
            SendWrite(task, peer);
            if (_bugs.Has(Bug.SendIntoTheSet))
            {
                long granule = set.Set.GranuleBytes;
                long begin = task.OffsetBytes / granule * granule;
                long end = Math.Min(set.Set.SizeBytes, (task.Range.EndBytes + granule - 1) / granule * granule);
                set.Set.Remove(new ByteRange(begin, end - begin));
            }
        }
        else if (!_bugs.Has(Bug.ForgetWritesWhileOut))
        {
            set.Set.Add(task.Range);
        }
    }

    private void SendWrite(PrimaryTask task, PeerState peer)
    {
        task.SentMask |= peer.Bit;
        Frame frame = Header(peer, task.Kind switch
        {
            TaskKind.Zero => FrameKind.Zero,
            TaskKind.Attribute => FrameKind.Attribute,
            TaskKind.Flush => FrameKind.Flush,
            _ => FrameKind.Write,
        });
        frame.Seq = task.Seq;
        if (task.Kind != TaskKind.Flush)
        {
            frame.OffsetBytes = task.OffsetBytes;
            frame.LengthBytes = task.LengthBytes;
        }

        if (task.Durable)
        {
            frame.Flags |= FrameFlags.Durable;
        }

        if (task.MayDeallocate)
        {
            frame.Flags |= FrameFlags.MayDeallocate;
        }

        if (task.Atomic && !_bugs.Has(Bug.SendAtomicAsPlain))
        {
            frame.Flags |= FrameFlags.Atomic;
        }

        if (task.Kind == TaskKind.Attribute)
        {
            frame.Argument = (long)task.Attribute;
        }

        if (frame.Kind is FrameKind.Zero or FrameKind.Flush || task.LengthBytes == 0)
        {
            peer.Link.Send(frame, default);
            return;
        }

        frame.DataBytes = (int)task.LengthBytes;
        task.Hold.Sends++;
        peer.Link.Send(frame, task.Data, task.Hold);
    }

    /// <summary>Of <see cref="Bug.ReconcileOutsideTheWritePath"/> alone.</summary>
    private void SendUnseen(PrimaryTask task)
    {
        foreach (PeerState peer in _peers)
        {
            if (peer.IsMember && peer.IsAttached)
            {
                Frame frame = Header(peer, FrameKind.Resync);
                frame.OffsetBytes = task.OffsetBytes;
                frame.LengthBytes = task.LengthBytes;
                frame.DataBytes = (int)task.LengthBytes;
                frame.Argument = ++_requests;
                task.Hold.Sends++;
                peer.Link.Send(frame, task.Data, task.Hold);
            }
        }

        _locks.Release(task.Lock);
        End(task, VolumeStatus.Success);
        GoOnReconciling();
    }

    private void OnAck(PeerState peer, long seq)
    {
        peer.RemoveOutstanding(seq);
        if (TaskOf(seq) is { } task)
        {
            task.AckMask |= peer.Bit;
            task.HoldMask &= ~peer.Bit;
            if (task == _proof)
            {
                CheckProof();
            }

            CheckComplete(task);
        }
    }

    internal void OnLocalWritten(PrimaryTask task)
    {
        StoreStatus status = task.Local.Status;
        task.LocalDone = status == StoreStatus.Success;
        if (task.Step != TaskStep.Writing || task.IsDeposed)
        {
            return;
        }

        if (!task.LocalDone && task.Operation is not null && (status == StoreStatus.NoSpace ? !_replica.IsFailed : _noOtherMember))
        {
            if (status == StoreStatus.NoSpace && MayHaveOtherMember)
            {
                // It waits with its range until it is known who goes on.
                task.IsRefused = true;
                _anyRefused = true;
                JudgeRefused();
                return;
            }

            Refuse(task);
            return;
        }

        if (!task.LocalDone && task.Operation is null && status == StoreStatus.NoSpace)
        {
            // Nobody is there to be answered, and what was begun must be whole: as good as a failed store.
            _replica.Fail(status);
        }

        CheckComplete(task);
    }

    // P10: nobody else has it, so the store's word is the answer. What the range holds now is old or new.
    private void Refuse(PrimaryTask task)
    {
        LeaveToSets(task);
        Remove(task);
        _locks.Release(task.Lock);
        End(task, task.Local.Status == StoreStatus.NoSpace ? VolumeStatus.NoSpace : VolumeStatus.WriteError);
    }

    // A member that is not attached, or one that an admission without a known outcome may have made (R6).
    private bool MayHaveOtherMember
    {
        get
        {
            foreach (PeerState peer in _peers)
            {
                if (peer.IsMember || (peer.Gate == GateState.Ready && !_bugs.Has(Bug.RefuseAtOpenAdmission)))
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>P10, R6: it is known whether another member goes on with what the own store has no room for: one that is attached, and nobody when none is a member or may be.</summary>
    private void JudgeRefused()
    {
        if (!_anyRefused)
        {
            return;
        }

        if (HasAttachedMember)
        {
            _anyRefused = false;
            _replica.Fail(StoreStatus.NoSpace);
            return;
        }

        if (MayHaveOtherMember)
        {
            return;
        }

        _anyRefused = false;
        while (FirstRefused() is { } task)
        {
            task.IsRefused = false;
            Refuse(task);
        }
    }

    private PrimaryTask? FirstRefused()
    {
        PrimaryTask? task = _firstInFlight;
        while (task is { IsRefused: false })
        {
            task = task.Next;
        }

        return task;
    }

    // It ends without being complete: who is out or at the gate may have it, or not, and is given what this node has (S1).
    private void LeaveToSets(PrimaryTask task)
    {
        if (_bugs.Has(Bug.ForgetRefusedWrite))
        {
            return;
        }

        foreach (PeerState peer in _peers)
        {
            if (peer.IsMember)
            {
                continue;
            }

            if (peer.Gate != GateState.None)
            {
                OpenGate(peer);
            }

            if (task.Kind != TaskKind.Attribute && task.LengthBytes > 0)
            {
                peer.Set?.Add(task.Range);
            }
        }
    }

    internal void OnLocalFlushed(PrimaryTask task)
    {
        task.LocalDone = task.Flush.Status == StoreStatus.Success;
        if (task.Step == TaskStep.Writing && !task.IsDeposed)
        {
            CheckComplete(task);
            return;
        }

        TryRecycle(task);
    }

    /// <summary>W5.</summary>
    private void CheckComplete(PrimaryTask task)
    {
        if (task.Step != TaskStep.Writing || task.IsDeposed)
        {
            return;
        }

        int required = _bugs.Has(Bug.AcknowledgeBeforePeer) ? 0 : RequiredMask();
        bool local = task.LocalDone || !IsLocalRequired;
        if (!local || (required & ~task.AckMask) != 0 || task.HoldMask != 0 || (task.LocalDone && !IsMarkHeard(task)))
        {
            return;
        }

        Remove(task);
        Stable = _firstInFlight is { } oldest ? oldest.Seq - 1 : LastSeq;
        _replica.Unsettled.SettleTo(Reign, Stable);
        task.Outcome = VolumeStatus.Success;
        if (task.Kind != TaskKind.Attribute || _bugs.Has(Bug.KeyFreeBeforeAnswer))
        {
            _locks.Release(task.Lock);
        }

        Answer(task);
        if (task.Kind == TaskKind.Reconcile || _phase == PrimaryPhase.Reconciling)
        {
            GoOnReconciling();
        }

        CheckDrained();
    }

    /// <summary>After anything that changes who is required or attached.</summary>
    private void CheckAll()
    {
        JudgeRefused();
        if (_replica.IsFailed && !_bugs.Has(Bug.ProofOnlyAtFailure))
        {
            // The first other member may have been decided after the store had failed.
            BeginProof();
        }

        CheckProof();
        PrimaryTask? task = _firstInFlight;
        while (task is not null)
        {
            // Completing may answer, and an answer may submit: what comes new is behind, and the next is fetched after.
            PrimaryTask? next = task.Next;
            long nextSeq = next?.Seq ?? 0;
            CheckComplete(task);
            task = next is not null && next.Step == TaskStep.Writing && next.Seq == nextSeq ? next : next is null ? null : _firstInFlight;
        }

        AnswerConfirmed();
        GoOnReconciling();
        CheckDrained();
        PumpResync();
    }

    private void Append(PrimaryTask task)
    {
        task.Next = null;
        task.Previous = _lastInFlight;
        if (_lastInFlight is null)
        {
            _firstInFlight = task;
        }
        else
        {
            _lastInFlight.Next = task;
        }

        _lastInFlight = task;
        InFlightCount++;
        if (InFlightCount == 1)
        {
            _lowestIndexed = task.Seq;
        }

        if (task.Seq - _lowestIndexed >= _bySeq.Length)
        {
            _lowestIndexed = _firstInFlight!.Seq;
            while (task.Seq - _lowestIndexed >= _bySeq.Length)
            {
                Reindex(_bySeq.Length * 2);
            }
        }

        _bySeq[(int)(task.Seq & (_bySeq.Length - 1))] = task;
    }

    private void Reindex(int length)
    {
        _bySeq = new PrimaryTask?[length];
        for (PrimaryTask? task = _firstInFlight; task is not null; task = task.Next)
        {
            _bySeq[(int)(task.Seq & (length - 1))] = task;
        }
    }

    private PrimaryTask? TaskOf(long seq)
    {
        PrimaryTask? task = _bySeq[(int)(seq & (_bySeq.Length - 1))];
        return task is not null && task.Seq == seq && task.Step == TaskStep.Writing ? task : null;
    }

    private void Remove(PrimaryTask task)
    {
        if (task.Previous is null)
        {
            _firstInFlight = task.Next;
        }
        else
        {
            task.Previous.Next = task.Next;
        }

        if (task.Next is null)
        {
            _lastInFlight = task.Previous;
        }
        else
        {
            task.Next.Previous = task.Previous;
        }

        task.Previous = null;
        task.Next = null;
        InFlightCount--;
        _bySeq[(int)(task.Seq & (_bySeq.Length - 1))] = null;
    }
}
