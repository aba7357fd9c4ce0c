using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>Attachments: offered at every link-up and at every new epoch, judged when they are answered (W3), ended when they are late (W7).</summary>
public sealed unsafe partial class Primary
{
    /// <summary>A gate is a flush of all that a peer has: it takes longer than a write.</summary>
    private const int GatePatience = 8;

    private long _attachments;

    public void OnLinkUp(IPeerLink link)
    {
        if (PeerOf(link.Peer) is { } peer)
        {
            peer.RetryAtNs = 0;
            TryAttach(peer);
        }
    }

    public void OnLinkDown(IPeerLink link)
    {
        if (PeerOf(link.Peer) is { } peer && peer.Attachment != 0)
        {
            EndAttachment(peer, DetachReason.None);
            CheckAll();
        }
    }

    /// <summary>W7: no process is there, which is a refusal: nobody waits for `ack-timeout` or, in P5, for `attach-timeout`.</summary>
    public void OnPeerGone(IPeerLink link)
    {
        if (PeerOf(link.Peer) is { IsAttached: false } peer)
        {
            if (_phase > PrimaryPhase.Dropping)
            {
                TellLate(peer);
            }

            CheckAttachRound();
        }
    }

    /// <summary>A frame of a replica. What is not of the attachment is dropped.</summary>
    public void OnFrame(IPeerLink link, in Frame frame, byte* data, object? body)
    {
        if (_phase == PrimaryPhase.Over || PeerOf(link.Peer) is not { } peer || frame.Attachment != peer.Attachment || peer.Attachment == 0)
        {
            return;
        }

        if (frame.Kind == FrameKind.Refused)
        {
            OnRefused(peer, frame, (body as RefusedBody)!);
            return;
        }

        _replica.Marks.Hear(peer.Incarnation, frame.Mark);
        switch (frame.Kind)
        {
            case FrameKind.Attached:
                OnAttached(peer, frame, (AttachedBody)body!);
                break;
            case FrameKind.Ack:
                OnAck(peer, frame.Seq);
                break;
            case FrameKind.Confirmed:
                OnConfirmed(peer, frame.Argument);
                break;
            case FrameKind.ReadData:
            case FrameKind.ReadFailed:
                OnRemoteRead(peer, frame, data);
                break;
            case FrameKind.ResyncAck:
                OnResyncAck(peer, frame.Argument);
                break;
            case FrameKind.DigestReply:
                OnDigest(peer, frame, new ReadOnlySpan<byte>(data, frame.DataBytes));
                break;
            case FrameKind.Gated when peer.Gate == GateState.Gating:
                peer.Gate = GateState.Ready;
                peer.ReadySession = peer.Session;

                // The decision that admits it tells the mark that it has counted for it (W2).
                _events.Post(new MarksHeard(MarksNow()));
                _events.Post(new PeerReady(Epoch, peer.Node, peer.Incarnation, peer.Session));
                break;
            case FrameKind.Received:
                OnReceived(peer, frame.Seq);
                break;
            case FrameKind.Turned:
                OnTurned(peer, frame.Argument);
                break;
            case FrameKind.Grown:
                OnRoom(peer, frame);
                break;
            case FrameKind.FenceDone:
                _events.Post(new PeerFenced(peer.Node, frame.Argument));
                break;
            case FrameKind.StoreFailed:
                EndAttachment(peer, DetachReason.None);
                peer.RetryAtNs = _clock.NowNs + _options.AckTimeoutNs;
                TellLate(peer);
                CheckAll();
                break;
            case FrameKind.Detach:
                EndAttachment(peer, DetachReason.None);
                if (frame.Argument == (long)DetachReason.Stopping)
                {
                    // It asks to be dropped: nobody waits for it (P8).
                    peer.RetryAtNs = _clock.NowNs + _options.AckTimeoutNs;
                    TellLate(peer);
                }

                CheckAll();
                break;
            default:
                break;
        }
    }

    private void TryAttach(PeerState peer)
    {
        long now = _clock.NowNs;
        if (_phase == PrimaryPhase.Over || !peer.Link.IsUp || _configuration.ReplicaOf(peer.Node) is not { Detached: false } || peer.IsBroken || now < peer.RetryAtNs)
        {
            return;
        }

        if (peer.Attachment != 0)
        {
            if (peer.IsAttached || now - peer.AttachSentNs < _options.AttachTimeoutNs)
            {
                return;
            }

            EndAttachment(peer, DetachReason.Late);
        }

        peer.Attachment = ++_attachments + (Epoch << 20);
        peer.AttachSentNs = now;
        peer.OfferedMark = _replica.Mark;
        Frame attach = Header(peer, FrameKind.Attach);
        attach.Seq = LastSeq;
        var primary = new PrimaryId(_replica.Node, _instance);
        FrameBodies.Send(peer.Link, attach, new AttachBody(_replica.VolumeId, _replica.Lineage, Reign, primary, _configuration, _settled, MarksNow()));
    }

    private void OnRefused(PeerState peer, in Frame frame, RefusedBody body)
    {
        EndAttachment(peer, DetachReason.None);
        peer.RetryAtNs = _clock.NowNs + (_options.AttachTimeoutNs / 4);
        _events.Post(new PeerRefused(Epoch, peer.Node, body.Reason, frame.Epoch, body.Incarnation));
        if (body.Reason is RefusalReason.NoStore or RefusalReason.OtherIncarnation or RefusalReason.TooSmall or RefusalReason.NotNamed or RefusalReason.Discarded && peer.IsMember)
        {
            peer.IsBroken = true;
            TellLate(peer);
        }

        CheckAttachRound();
    }

    private void OnAttached(PeerState peer, in Frame frame, AttachedBody body)
    {
        if (peer.IsAttached)
        {
            return;
        }

        _replica.Marks.Hear(body.Marks);
        bool oldCopy = _replica.Marks.Of(body.Incarnation) > frame.Mark && !_bugs.Has(Bug.TrustOldCopy);
        peer.Report = body;
        peer.Session = body.Session;
        peer.Instance = body.Instance;
        if (_replica.IsOldCopy && _phase is PrimaryPhase.Attaching or PrimaryPhase.Dropping)
        {
            _events.Post(new SelfIsOldCopy());
            return;
        }

        bool fits = _configuration.MemberOf(peer.Node) is { } member && member.Incarnation == body.Incarnation
            && (member.Session == body.Session || _bugs.Has(Bug.TrustChangedSession)) && !oldCopy;
        if (peer.IsMember && !fits)
        {
            EndAttachment(peer, DetachReason.Broken);
            peer.IsBroken = true;
            _events.Post(new PeerBroken(Epoch, peer.Node));
            CheckAttachRound();
            return;
        }

        if (!peer.IsMember && oldCopy)
        {
            // It takes another incarnation when it reads this, and is out wholly under that name (S1).
            EndAttachment(peer, DetachReason.OldCopy);
            peer.RetryAtNs = _clock.NowNs + _options.AttachTimeoutNs;
            return;
        }

        peer.SizeBytes = body.SizeBytes;
        if (!peer.IsMember && body.SizeBytes < _configuration.SizeBytes)
        {
            // The volume has grown since this was offered (S7): offered again.
            EndAttachment(peer, DetachReason.Late);
            return;
        }

        if (peer.Gate == GateState.Ready && body.Session != peer.ReadySession)
        {
            // It has lost what it was to be admitted with, and may be decided to be a member all the same: required, and not attached, until that is settled (R6).
            EndAttachment(peer, DetachReason.Broken);
            peer.RetryAtNs = _clock.NowNs + _options.AttachTimeoutNs;
            return;
        }

        peer.IsAttached = true;
        peer.SinceNs = _clock.NowNs;
        peer.LateTold = false;
        peer.ConfirmedRound = 0;
        peer.HeardMark = Math.Max(peer.HeardMark, peer.OfferedMark);
        _events.Post(new PeerAttached(Epoch, peer.Node, body.Instance, body.Incarnation, body.Session, peer.IsMember));

        // A configuration that was decided while the reply was on its way comes first (W7), and nothing is settled before it is noted: who was dropped lacks what is in the list.
        FrameBodies.Send(peer.Link, SettlingNothing(Header(peer, FrameKind.Config)), new ConfigBody(_configuration));
        if (peer.IsMember || peer.Gate == GateState.Ready)
        {
            peer.Came = true;
            if (peer.Gate == GateState.Ready)
            {
                // It keeps sets as a member again, from here on; its answer was given before (S4).
                peer.Link.Send(SettlingNothing(Header(peer, FrameKind.Gate)), default);
            }

            SendAgain(peer);
        }
        else
        {
            BeginSyncing(peer, body);
        }

        if (_settled)
        {
            peer.Link.Send(Header(peer, FrameKind.Settled), default);
        }

        AskForRoom(peer);
        WantTurns();
        CheckAttachRound();
        SendConfirm(peer);
        RereadAll();
        CheckAll();
    }

    private Frame SettlingNothing(Frame frame) => _bugs.Has(Bug.SettleBeforeConfiguration) ? frame : frame with { Stable = 0 };

    private void BeginSyncing(PeerState peer, AttachedBody body)
    {
        peer.Set ??= _replica.SetOf(peer.Node);
        if (!_bugs.Has(Bug.IgnorePeerIntents))
        {
            foreach (ByteRange intent in body.Intents.Span)
            {
                if (peer.Set is { } set && Clip(intent, set.Set.SizeBytes, out ByteRange clipped))
                {
                    set.Set.Add(clipped);
                }
            }
        }

        // What was being written when it attached is not sent to it.
        for (PrimaryTask? task = _firstInFlight; task is not null; task = task.Next)
        {
            if (task.LengthBytes > 0)
            {
                peer.Set?.Set.Add(task.Range);
            }
        }

        peer.ResyncCursor = 0;
        PumpResync();
    }

    /// <summary>W3: everything that a member has not acknowledged, in the order of seq.</summary>
    private void SendAgain(PeerState peer)
    {
        for (PrimaryTask? task = _firstInFlight; task is not null; task = task.Next)
        {
            if ((task.AckMask & peer.Bit) == 0)
            {
                SendWrite(task, peer);
            }
        }
    }

    private void EndAttachment(PeerState peer, DetachReason reason)
    {
        long attachment = peer.Attachment;
        if (attachment == 0)
        {
            return;
        }

        // What is queued of it is dropped first, so that this goes out.
        peer.Link.Cancel(attachment);
        if (reason != DetachReason.None && peer.Link.IsUp)
        {
            Frame detach = Header(peer, FrameKind.Detach);
            detach.Argument = (long)reason;
            peer.Link.Send(detach, default);
        }

        if (peer.IsAttached)
        {
            peer.LostAtNs = (_bugs.Has(Bug.WaitAnewAtLoss) ? null : UnansweredSinceNs(peer)) ?? _clock.NowNs;
        }

        peer.Attachment = 0;
        peer.IsAttached = false;
        peer.Turn = 0;
        peer.IsTurnWanted = true;
        LetGo(peer);
        if (peer.Gate == GateState.Gating)
        {
            OpenGate(peer);
        }
        else if (!peer.IsRequired)
        {
            peer.OutstandingToSet(_bugs);
        }

        EndResync(peer);
    }

    /// <summary>S4: lost before the proposal. What it lacks goes to its set.</summary>
    private void OpenGate(PeerState peer)
    {
        peer.Gate = GateState.None;
        for (PrimaryTask? task = _firstInFlight; task is not null; task = task.Next)
        {
            if (task.LengthBytes > 0 && (task.AckMask & peer.Bit) == 0)
            {
                peer.Set?.Set.Add(task.Range);
            }
        }

        if (peer.IsAttached)
        {
            EndAttachment(peer, DetachReason.Late);
        }
        else
        {
            peer.OutstandingToSet(_bugs);
        }
    }

    private void CheckLate(PeerState peer, long now)
    {
        if (!peer.IsAttached)
        {
            if (peer.IsRequired && (peer.Link.IsGone || now - peer.LostAtNs >= _options.AckTimeoutNs) && _phase > PrimaryPhase.Dropping)
            {
                TellLate(peer);
            }

            return;
        }

        bool late = (peer.IsRequired && peer.ConfirmedRound < _confirmRound && now - peer.ConfirmSentNs >= _options.AckTimeoutNs)
            || (peer.Gate == GateState.Gating && now - peer.SinceNs >= GatePatience * _options.AckTimeoutNs);
        foreach (PrimaryTask task in _tasks)
        {
            late |= task.Kind == TaskKind.Verify && task.Step == TaskStep.Digest && (task.SentMask & ~task.AckMask & peer.Bit) != 0 && now - task.SentNs >= 4 * _options.AckTimeoutNs;
        }

        late |= UnansweredSinceNs(peer) is { } since && now - since >= _options.AckTimeoutNs;

        if (late && (peer.IsMember || peer.Gate == GateState.Ready))
        {
            TellLate(peer);
        }
        else if (late || IsResyncLate(peer, now))
        {
            EndAttachment(peer, DetachReason.Late);
            CheckAll();
        }
    }

    /// <summary>W7: when, if nothing comes, somebody who is required will have left a write unanswered for too long, or been away; <see cref="long.MaxValue"/>: nobody is waited for.</summary>
    public long NextLateNs()
    {
        long next = long.MaxValue;
        foreach (PeerState peer in _peers)
        {
            if (peer.IsRequired && !peer.LateTold && (peer.IsAttached ? UnansweredSinceNs(peer) : peer.LostAtNs) is { } since)
            {
                next = Math.Min(next, since + _options.AckTimeoutNs);
            }
        }

        return _phase is PrimaryPhase.Over or <= PrimaryPhase.Dropping ? long.MaxValue : next;
    }

    /// <summary>W7: the wait for a write goes on where its attachment ends: the silence that ended it was a part of that wait.</summary>
    private long? UnansweredSinceNs(PeerState peer)
    {
        long? since = null;
        for (PrimaryTask? task = _firstInFlight; task is not null; task = task.Next)
        {
            if ((task.SentMask & ~task.AckMask & peer.Bit) != 0)
            {
                since = Math.Min(since ?? long.MaxValue, Math.Max(task.SentNs, peer.SinceNs));
            }
        }

        return since;
    }

    private void TellLate(PeerState peer)
    {
        if (peer.IsRequired && !peer.LateTold)
        {
            peer.LateTold = true;
            _events.Post(new PeerLate(Epoch, peer.Node));
        }
    }

    /// <summary>P5: every member has come, or the time is over.</summary>
    private void CheckAttachRound()
    {
        if (_phase != PrimaryPhase.Attaching)
        {
            return;
        }

        bool all = true;
        foreach (PeerState peer in _peers)
        {
            all &= !peer.IsMember || peer.Came || peer.IsBroken || peer.Link.IsGone;
        }

        if (!all && _clock.NowNs - _beganNs < _options.AttachTimeoutNs)
        {
            return;
        }

        _phase = PrimaryPhase.Dropping;
        bool ownTooLong = TotalBytes(_replica.UnsettledRanges()) > _options.ReconcileMaxBytes;
        var losers = new List<string>();
        foreach (PeerState peer in _peers)
        {
            if (peer.IsMember && (ownTooLong || !peer.Came || !peer.IsAttached || TotalBytes(ListOf(peer)) > _options.ReconcileMaxBytes))
            {
                losers.Add(peer.Node);
            }
        }

        _events.Post(new AttachRoundOver(Reign, [.. losers]));
    }

    private static List<ByteRange> ListOf(PeerState peer)
    {
        var ranges = new List<ByteRange>();
        if (peer.Report is not { } report)
        {
            return ranges;
        }

        if (report.Coarse)
        {
            ranges.AddRange(report.Intents);
        }

        foreach (UnsettledEntry entry in report.Unsettled.Span)
        {
            if (entry.Range.LengthBytes > 0)
            {
                ranges.Add(entry.Range);
            }
        }

        return ranges;
    }

    private static long TotalBytes(List<ByteRange> ranges)
    {
        long total = 0;
        foreach (ByteRange range in ranges)
        {
            total += range.LengthBytes;
        }

        return total;
    }
}
