using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using ActorSan.Replication.Wire;
using ActorSan.Storage.Blocks;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>What brings replicas together while the volume serves: resync and admission (S2 to S5), verify (S6).</summary>
public sealed unsafe partial class Primary
{
    private long _verifyAt = -1;
    private int _verifying;
    private long _verifyCompared;
    private long _verifyDifferent;

    /// <summary>S6: every member's bytes against this node's, piece by piece under the range lock.</summary>
    public void Verify()
    {
        if (_verifyAt < 0 && _phase == PrimaryPhase.Serving && !_replica.IsFailed)
        {
            _verifyAt = 0;
            _verifyCompared = 0;
            _verifyDifferent = 0;
            PumpVerify();
        }
    }

    private void PumpResync()
    {
        if (_phase != PrimaryPhase.Serving || _replica.IsFailed)
        {
            return;
        }

        bool may = true;
        NoteWaiting();
        foreach (PeerState peer in _peers)
        {
            if (!peer.IsAttached || peer.IsRequired || peer.Set is not { } set)
            {
                continue;
            }

            if (peer.ResyncInFlight == 0 && !HasAny(set.Set))
            {
                if (peer.IsAsynchronous && !_bugs.Has(Bug.AdmitAsynchronous))
                {
                    ConsiderTurn(peer);
                }
                else
                {
                    BeginGate(peer);
                }

                continue;
            }

            while (may && peer.ResyncInFlight < CopyDepth && NextPiece(peer, set.Set) is { } piece)
            {
                if (!MayCopy(piece.LengthBytes))
                {
                    may = false;
                    break;
                }

                peer.ResyncCursor = piece.EndBytes;
                peer.ResyncInFlight++;
                StartResync(peer, piece);
            }
        }
    }

    private ByteRange? NextPiece(PeerState peer, OutOfSyncSet set)
    {
        if (set.TryNext(peer.ResyncCursor, _options.PieceBytes, out ByteRange piece) && Clip(piece, _configuration.SizeBytes, out _) && !IsResyncing(peer, piece))
        {
            return piece;
        }

        // Round again, but never two at once in one place.
        return peer.ResyncInFlight == 0 && set.TryNext(0, _options.PieceBytes, out piece) && Clip(piece, _configuration.SizeBytes, out _) ? piece : null;
    }

    // A set is as large as the store, which may have been grown for a size that is not decided (S7).
    private bool HasAny(OutOfSyncSet set) => set.TryNext(0, 1, out ByteRange first) && first.OffsetBytes < _configuration.SizeBytes;

    private bool IsResyncing(PeerState peer, ByteRange piece)
    {
        foreach (PrimaryTask task in _tasks)
        {
            if (task.Kind == TaskKind.Resync && task.Step != TaskStep.Idle && task.Peer == peer && task.Range.Overlaps(piece))
            {
                return true;
            }
        }

        return false;
    }

    private void StartResync(PeerState peer, ByteRange piece)
    {
        PrimaryTask task = Take();
        task.Kind = TaskKind.Resync;
        task.OffsetBytes = piece.OffsetBytes;
        task.LengthBytes = Math.Min(piece.LengthBytes, _configuration.SizeBytes - piece.OffsetBytes);
        task.Peer = peer;
        task.Round = peer.Attachment;
        task.Argument = ++_requests;
        task.Lock.OffsetBytes = task.OffsetBytes;
        task.Lock.LengthBytes = task.LengthBytes;
        task.Lock.Exclusive = false;
        task.Lock.Key = 0;
        task.Lock.KeyExclusive = false;
        if (_bugs.Has(Bug.ResyncWithoutLock))
        {
            task.Lock.LengthBytes = 0;
        }

        Acquire(task);
    }

    private void OnResyncLocked(PrimaryTask task)
    {
        if (IsResyncOver(task))
        {
            return;
        }

        if (_options.ResyncByDigest)
        {
            AskDigest(task, task.Peer!);
        }

        BeginRead(task, task.Rent(task.LengthBytes));
    }

    private void AskDigest(PrimaryTask task, PeerState peer)
    {
        Frame digest = Header(peer, FrameKind.Digest);
        digest.OffsetBytes = task.OffsetBytes;
        digest.LengthBytes = task.LengthBytes;
        digest.Argument = task.Argument;
        task.SentNs = _clock.NowNs;
        peer.Link.Send(digest, default);
    }

    // The attachment that it was for has ended, or the peer became something else: its range stays in the set.
    private bool IsResyncOver(PrimaryTask task)
    {
        PeerState peer = task.Peer!;
        if (peer.IsAttached && peer.Attachment == task.Round && !peer.IsMember && !_replica.IsFailed)
        {
            return false;
        }

        EndResyncTask(task);
        return true;
    }

    private void AbandonCopy(PrimaryTask task)
    {
        if (task.Kind == TaskKind.Resync)
        {
            EndResyncTask(task);
            return;
        }

        EndCompare(task);
    }

    private void EndResyncTask(PrimaryTask task)
    {
        PeerState peer = task.Peer!;
        if (peer.Attachment == task.Round)
        {
            peer.ResyncInFlight--;
        }

        _locks.Release(task.Lock);
        End(task, VolumeStatus.Success);
    }

    /// <summary>S3, S6: the own bytes are there.</summary>
    private void OnOwnBytes(PrimaryTask task)
    {
        if (task.Kind == TaskKind.Verify)
        {
            BeginCompare(task);
            return;
        }

        if (IsResyncOver(task))
        {
            return;
        }

        if (_options.ResyncByDigest)
        {
            task.Step = TaskStep.Digest;
            return;
        }

        SendResync(task);
    }

    private void SendResync(PrimaryTask task)
    {
        PeerState peer = task.Peer!;
        task.Step = TaskStep.Sending;
        task.SentNs = _clock.NowNs;
        Frame frame = Header(peer, FrameKind.Resync);
        frame.OffsetBytes = task.OffsetBytes;
        frame.LengthBytes = task.LengthBytes;
        frame.DataBytes = (int)task.LengthBytes;
        frame.Argument = task.Argument;
        task.Hold.Sends++;
        peer.Link.Send(frame, task.Rent(task.LengthBytes), task.Hold);
    }

    private void OnResyncAck(PeerState peer, long argument)
    {
        if (TaskAsking(peer, argument, TaskStep.Sending) is not { } task)
        {
            return;
        }

        RemoveFromSet(peer, task.Range);
        EndResyncTask(task);
        PumpResync();
    }

    private void OnDigest(PeerState peer, in Frame frame, ReadOnlySpan<byte> theirs)
    {
        PrimaryTask? task = null;
        foreach (PrimaryTask candidate in _tasks)
        {
            if (candidate.Argument == frame.Argument && candidate.Kind is TaskKind.Resync or TaskKind.Verify && candidate.Step is TaskStep.Digest or TaskStep.Reading)
            {
                task = candidate;
            }
        }

        if (task is null || theirs.Length != RangeDigest.Bytes)
        {
            return;
        }

        if (task.Step == TaskStep.Reading)
        {
            // The peer was faster: asked again when the own bytes are there.
            AskDigest(task, peer);
            return;
        }

        Span<byte> ours = stackalloc byte[RangeDigest.Bytes];
        RangeDigest.Of(new ReadOnlySpan<byte>(task.Rent(task.LengthBytes), (int)task.LengthBytes), ours);
        bool equal = ours.SequenceEqual(theirs);
        if (task.Kind == TaskKind.Verify)
        {
            OnCompared(task, peer, equal);
            return;
        }

        if (!equal)
        {
            SendResync(task);
            return;
        }

        RemoveFromSet(peer, task.Range);
        EndResyncTask(task);
        PumpResync();
    }

    private void EndResync(PeerState peer)
    {
        peer.ResyncInFlight = 0;
        for (int i = 0; i < _tasks.Count; i++)
        {
            PrimaryTask task = _tasks[i];
            if (task.Kind == TaskKind.Resync && task.Peer == peer && task.Step is TaskStep.Digest or TaskStep.Sending && !task.IsDeposed)
            {
                _locks.Release(task.Lock);
                End(task, VolumeStatus.Success);
            }
            else if (task.Kind == TaskKind.Verify && task.Step == TaskStep.Digest && (task.SentMask & peer.Bit) != 0)
            {
                OnCompared(task, peer, equal: true);
            }
        }
    }

    private bool IsResyncLate(PeerState peer, long now)
    {
        foreach (PrimaryTask task in _tasks)
        {
            if (task.Kind == TaskKind.Resync && task.Peer == peer && task.Step is TaskStep.Sending or TaskStep.Digest && now - task.SentNs >= 4 * _options.AckTimeoutNs)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>S4.</summary>
    private void BeginGate(PeerState peer)
    {
        if (_configuration.ReplicaOf(peer.Node) is not { } entry || entry.Incarnation != peer.Incarnation || IsGrowing || _replica.IsFailed)
        {
            // S7: who becomes required while the others make room would be asked too late. P10: who has no store admits nobody.
            return;
        }

        peer.Gate = GateState.Gating;
        peer.SinceNs = _clock.NowNs;
        peer.LostAtNs = _clock.NowNs;
        peer.LateTold = false;
        if (!_bugs.Has(Bug.AdmitWithoutSets))
        {
            foreach (PeerState other in _peers)
            {
                if (other != peer && !other.IsMember && other.Set is { } set)
                {
                    SendSet(peer, other, set.Set);
                }
            }
        }

        for (VolumeAttribute attribute = VolumeAttribute.Reservations; attribute <= VolumeAttribute.Sanitize; attribute++)
        {
            SendAttribute(peer, attribute, _replica.GetAttribute(attribute));
        }

        for (PrimaryTask? task = _firstInFlight; task is not null; task = task.Next)
        {
            if (task.Kind == TaskKind.Attribute)
            {
                SendWrite(task, peer);
            }
            else if (task.Kind == TaskKind.Flush)
            {
                // The gate's own flush covers all that this one does.
                task.AckMask |= peer.Bit;
            }
        }

        // Required from here on, so a round that is under way waits for it, too (W8).
        SendConfirm(peer);
        if (_bugs.Has(Bug.AdmitBeforeLastAcknowledgement))
        {
            peer.Gate = GateState.Ready;
            peer.ReadySession = peer.Session;
            _events.Post(new PeerReady(Epoch, peer.Node, peer.Incarnation, peer.Session));
            return;
        }

        peer.Link.Send(Header(peer, FrameKind.Gate), default);
    }

    private void SendAttribute(PeerState peer, VolumeAttribute attribute, ReadOnlySpan<byte> value)
    {
        Frame frame = Header(peer, FrameKind.Attribute);
        frame.Argument = (long)attribute;
        frame.LengthBytes = value.Length;
        frame.DataBytes = value.Length;
        peer.Link.Send(frame, value);
    }

    private void SendSet(PeerState peer, PeerState other, OutOfSyncSet set)
    {
        var ranges = new List<ByteRange>();
        long at = 0;
        while (!set.IsWhole && set.TryNext(at, long.MaxValue, out ByteRange range))
        {
            if (Clip(range, _configuration.SizeBytes, out ByteRange clipped))
            {
                ranges.Add(clipped);
            }

            at = range.EndBytes;
        }

        foreach (SentRange sent in other.Outstanding)
        {
            ranges.Add(sent.Range);
        }

        for (PrimaryTask? task = _firstInFlight; task is not null; task = task.Next)
        {
            if (task.LengthBytes > 0 && task.Kind != TaskKind.Attribute)
            {
                ranges.Add(task.Range);
            }
        }

        if (_configuration.ReplicaOf(other.Node) is { LeftAt: null } || set.IsWhole)
        {
            // Out wholly, whatever has been copied to it since: every member has the whole volume in its set until it is admitted (S1).
            FrameBodies.Send(peer.Link, Header(peer, FrameKind.SetRanges), new SetBody(other.Node, other.Incarnation, Wholly: true, GoesOn: false, []));
            return;
        }

        int sentRanges = 0;
        do
        {
            int count = Math.Min(BodyCodec.MaxSetRanges, ranges.Count - sentRanges);
            FrameBodies.Send(
                peer.Link, Header(peer, FrameKind.SetRanges), new SetBody(other.Node, other.Incarnation, Wholly: false, GoesOn: sentRanges > 0, [.. ranges.GetRange(sentRanges, count)]));
            sentRanges += count;
        }
        while (sentRanges < ranges.Count);
    }

    private void PumpVerify()
    {
        NoteWaiting();
        while (_verifyAt >= 0 && _phase == PrimaryPhase.Serving && !_replica.IsFailed && _verifying < CopyDepth && _verifyAt < _configuration.SizeBytes)
        {
            long length = Math.Min(_options.PieceBytes, _configuration.SizeBytes - _verifyAt);
            if (!MayCopy(length))
            {
                return;
            }

            PrimaryTask task = Take();
            task.Kind = TaskKind.Verify;
            task.OffsetBytes = _verifyAt;
            task.LengthBytes = length;
            task.Argument = ++_requests;
            task.Lock.OffsetBytes = task.OffsetBytes;
            task.Lock.LengthBytes = task.LengthBytes;
            task.Lock.Exclusive = true;
            task.Lock.Key = 0;
            task.Lock.KeyExclusive = false;
            if (_bugs.Has(Bug.VerifyWithoutLock))
            {
                task.Lock.LengthBytes = 0;
            }

            _verifyAt += task.LengthBytes;
            _verifying++;
            Acquire(task);
        }

        if (_verifyAt >= 0 && (_verifyAt >= _configuration.SizeBytes || _replica.IsFailed) && _verifying == 0)
        {
            _verifyAt = -1;
            _events.Post(new VerifyEnded(_verifyCompared, _verifyDifferent));
        }
    }

    private void BeginCompare(PrimaryTask task)
    {
        task.Step = TaskStep.Digest;
        task.AckMask = 0;
        int asked = 0;
        foreach (PeerState peer in _peers)
        {
            if (peer.IsMember && peer.IsAttached)
            {
                asked |= peer.Bit;
                AskDigest(task, peer);
            }
        }

        task.SentMask = asked;
        if (asked == 0)
        {
            EndCompare(task);
        }
    }

    private void OnCompared(PrimaryTask task, PeerState peer, bool equal)
    {
        task.AckMask |= peer.Bit;
        if (!equal)
        {
            // An alarm: the primary's bytes go by the ordinary path, under the lock that is held already.
            _verifyDifferent += task.LengthBytes;
            task.Data = task.Rent(task.LengthBytes);
            _verifyCompared += task.LengthBytes;
            _verifying--;
            task.Kind = TaskKind.Reconcile;
            BeginWrite(task);
            PumpVerify();
            return;
        }

        if ((task.SentMask & ~task.AckMask) == 0)
        {
            EndCompare(task);
        }
    }

    private void EndCompare(PrimaryTask task)
    {
        _verifyCompared += task.LengthBytes;
        _verifying--;
        _locks.Release(task.Lock);
        End(task, VolumeStatus.Success);
        PumpVerify();
    }
}
