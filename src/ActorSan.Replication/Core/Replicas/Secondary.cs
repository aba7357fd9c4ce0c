using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Wire;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>What a replica under another node's primary tells its control side.</summary>
public interface ISecondaryUser
{
    /// <summary>True when this node's own engine is primary in that epoch or a higher one: its role ends first, by the control side (P7).</summary>
    bool IsPrimaryBelow(long epoch);

    /// <summary>A primary of a higher epoch than this node's own wants to attach.</summary>
    void OnHigherEpoch(long epoch);

    void OnAttached(string primary, long epoch);

    void OnDetached();

    /// <summary>A decided configuration arrived by the link: as good as a Learn.</summary>
    void OnConfiguration(Configuration configuration);

    /// <summary>The primary says that this store is an old copy: it takes a new incarnation (S1).</summary>
    void OnOldCopy();

    /// <summary>P11: a primary of another lineage of the volume wants to attach.</summary>
    void OnLineage(Configuration configuration);
}

/// <summary>
/// The replica's side of an attachment (W3 to W5, W10, S2 to S4): answers the primary that it agreed to, and nobody else. One attachment at a time.
/// </summary>
public sealed unsafe partial class Secondary
{
    private readonly Replica _replica;
    private readonly ISecondaryUser _user;
    private readonly BugSet _bugs;
    private readonly Guid _volumeId;
    private readonly Guid _instance;
    private readonly Stack<FrameWrite> _freeWrites = new();
    private readonly Stack<FrameFlush> _freeFlushes = new();
    private readonly Stack<FrameRead> _freeReads = new();
    private IPeerLink? _link;
    private long _attachment;
    private long _epoch;
    private long _reign;
    private long _exactAt;
    private bool _settled;
    private Guid _primaryIncarnation;
    private Pending? _pending;

    public Secondary(Replica replica, ISecondaryUser user, Guid instance, BugSet bugs)
    {
        _replica = replica;
        _user = user;
        _volumeId = replica.VolumeId;
        _instance = instance;
        _bugs = bugs;
    }

    public bool IsAttached => _link is not null;

    /// <summary>P11, I6: every offer of the own lineage is refused.</summary>
    public bool IsStopped { get; set; }

    public string? Primary => _link?.Peer;

    /// <summary>The epoch of the attachment.</summary>
    public long Epoch => _epoch;

    /// <summary>P3, P7: nothing of an older attachment counts any more.</summary>
    public void End(DetachReason reason)
    {
        _pending = null;
        ForgetTurns();
        if (_link is not { } link)
        {
            return;
        }

        _link = null;
        _replica.EndGate();

        // What is queued of it is dropped first, so that this goes out.
        link.Cancel(_attachment);
        if (link.IsUp && reason != DetachReason.None)
        {
            var frame = new Frame { Kind = FrameKind.Detach, Flags = FrameFlags.FromReplica, Attachment = _attachment, Epoch = _epoch, Argument = (long)reason };
            link.Send(frame, default);
        }

        _user.OnDetached();
    }

    public void OnLinkDown(IPeerLink link)
    {
        if (_pending?.Link == link)
        {
            _pending = null;
        }

        if (_link == link)
        {
            End(DetachReason.None);
        }
    }

    public void OnStoreFailed()
    {
        if (_link is { IsUp: true } link)
        {
            link.Send(Answer(FrameKind.StoreFailed, 0), default);
        }

        End(DetachReason.StoreFailed);
    }

    /// <summary>W3. Every outcome is answered.</summary>
    public void OnAttach(IPeerLink link, in Frame frame, AttachBody body)
    {
        RefusalReason reason = Check(frame, body);
        if (reason != RefusalReason.None)
        {
            Refuse(link, frame.Attachment, reason);
            return;
        }

        _replica.Marks.Hear(body.Marks);
        _replica.NoteConfiguration(body.Configuration);
        _user.OnConfiguration(body.Configuration);
        Guid primaryIncarnation = body.Configuration.ReplicaOf(link.Peer)?.Incarnation ?? default;
        _replica.Marks.Hear(primaryIncarnation, frame.Mark);
        if (_link is not null)
        {
            _link.Cancel(_attachment);
            _link = null;
            _replica.EndGate();
        }

        ForgetTurns();
        var pending = new Pending(link, frame.Attachment, frame.Epoch, frame.Seq, body);
        _pending = pending;

        // The offer told the primary's mark, and the answer says that it was heard: durable first, like a round's (W2).
        _replica.Fence(frame.Epoch, held =>
        {
            if (held)
            {
                _replica.SaveMarks(saved => OnMarksSaved(pending, saved));
            }
            else
            {
                OnFenced(pending, false);
            }
        });
    }

    /// <summary>A frame of any kind but Attach. What is not of the attachment is dropped.</summary>
    public void OnFrame(IPeerLink link, in Frame frame, byte* data, ReceivedData? owner, object? body)
    {
        if (link != _link || frame.Attachment != _attachment)
        {
            return;
        }

        if (frame.Epoch != _epoch && !_bugs.Has(Bug.AcceptOldEpoch))
        {
            return;
        }

        _replica.Marks.Hear(_primaryIncarnation, frame.Mark);
        Settle(frame.Stable);
        switch (frame.Kind)
        {
            case FrameKind.Write:
            case FrameKind.Zero:
            case FrameKind.Attribute:
            case FrameKind.Resync:
            case FrameKind.ResyncZero:
                OnWrite(frame, data, owner);
                break;
            case FrameKind.Flush:
                Flush(FrameKind.Ack, frame.Seq);
                break;
            case FrameKind.Gate:
                _replica.BeginGate();
                Flush(FrameKind.Gated, frame.Seq);
                break;
            case FrameKind.Config when body is ConfigBody config:
                _replica.NoteConfiguration(config.Configuration);
                NoteProtocol(config.Configuration);
                _user.OnConfiguration(config.Configuration);
                break;
            case FrameKind.Turn:
                OnTurn(frame, body as SetBody);
                break;
            case FrameKind.Kept:
                OnKept(frame.Argument);
                break;
            case FrameKind.Stable:
                _replica.Marks.Hear((body as MarksBody)?.Marks ?? default);
                break;
            case FrameKind.Settled:
                _settled = true;
                _replica.Unsettled.EndReignsBefore(_reign);
                Settle(frame.Stable);
                break;
            case FrameKind.Confirm:
                OnConfirm(frame.Argument);
                break;
            case FrameKind.Read:
            case FrameKind.Digest:
                Read(frame);
                break;
            case FrameKind.SetRanges when body is SetBody set:
                _replica.TakeSet(set.Node, set.Incarnation, set.Wholly, set.GoesOn, set.Ranges);
                break;
            case FrameKind.Fence:
                OnHandover(link, frame);
                break;
            case FrameKind.Grow:
                OnGrow(frame.LengthBytes, frame.Argument);
                break;
            case FrameKind.Detach:
                End(DetachReason.None);
                if (frame.Argument == (long)DetachReason.OldCopy)
                {
                    _user.OnOldCopy();
                }

                break;
            default:
                break;
        }
    }

    private RefusalReason Check(in Frame frame, AttachBody body)
    {
        if (body.VolumeId != _volumeId)
        {
            return RefusalReason.ForeignVolume;
        }

        if (body.Lineage != _replica.Lineage)
        {
            _user.OnLineage(body.Configuration);
            return body.Configuration.Parents.Contains(_replica.Lineage) ? RefusalReason.Discarded : RefusalReason.ForeignLineage;
        }

        if (IsStopped)
        {
            return RefusalReason.Discarded;
        }

        if (_replica.IsFailed)
        {
            return RefusalReason.NoStore;
        }

        if (frame.Epoch < Math.Max(_replica.HighestEpoch, _pending?.Epoch ?? 0) && !_bugs.Has(Bug.AcceptOldEpoch))
        {
            return RefusalReason.Fenced;
        }

        if (body.Configuration.ReplicaOf(_replica.Node) is not { } entry)
        {
            return RefusalReason.NotNamed;
        }

        if (entry.Incarnation != _replica.Incarnation)
        {
            return RefusalReason.OtherIncarnation;
        }

        if (_replica.SizeBytes < body.Configuration.SizeBytes && body.Configuration.MemberOf(_replica.Node) is not null)
        {
            // Who was required when that size was proposed had made room for it: this is another store than it says.
            return RefusalReason.TooSmall;
        }

        if (_user.IsPrimaryBelow(frame.Epoch))
        {
            _user.OnHigherEpoch(frame.Epoch);
            return RefusalReason.Busy;
        }

        return RefusalReason.None;
    }

    private void Refuse(IPeerLink link, long attachment, RefusalReason reason)
    {
        var answer = new Frame
        {
            Kind = FrameKind.Refused,
            Attachment = attachment,
            Epoch = Math.Max(_replica.HighestEpoch, _pending?.Epoch ?? 0),
            Mark = _replica.Mark,
        };
        FrameBodies.Send(link, answer, new RefusedBody(reason, _replica.Incarnation, _replica.Lineage, _replica.Mark));
    }

    private void OnFenced(Pending pending, bool held)
    {
        if (_pending != pending)
        {
            return;
        }

        _pending = null;
        if (!held)
        {
            Refuse(pending.Link, pending.Attachment, RefusalReason.NoStore);
            return;
        }

        if (pending.Epoch < _replica.HighestEpoch && !_bugs.Has(Bug.AcceptOldEpoch))
        {
            Refuse(pending.Link, pending.Attachment, RefusalReason.Fenced);
            return;
        }

        if (!pending.Link.IsUp)
        {
            return;
        }

        _link = pending.Link;
        _attachment = pending.Attachment;
        _epoch = pending.Epoch;
        _reign = pending.Body.Reign;
        _settled = pending.Body.Settled;
        _exactAt = pending.LastSeq;
        NoteProtocol(pending.Body.Configuration);
        _primaryIncarnation = pending.Body.Configuration.ReplicaOf(_link.Peer)?.Incarnation ?? Guid.Empty;

        // Of its own reign stable counts for this list too; an older reign's entries end only when the new one is settled (P6).
        bool tooMany = _replica.Unsettled.Count > BodyCodec.MaxUnsettled;
        var body = new AttachedBody(
            _instance,
            _replica.Incarnation,
            _replica.Session,
            _replica.IsCoarse || tooMany,
            _replica.Marks.ToList(),
            _bugs.Has(Bug.ForgetUnsettled) || tooMany ? default : _replica.Unsettled.ToValueList(),
            [.. ByteRange.Coalesce(_replica.Intent.Ranges(), BodyCodec.MaxIntents)],
            _replica.SizeBytes);
        FrameBodies.Send(_link, Answer(FrameKind.Attached, 0), body);
        _user.OnAttached(_link.Peer, _epoch);
    }

    private void Settle(long stable)
    {
        _replica.Unsettled.SettleTo(_reign, stable);

        // Only as a member: the chunks of one whose session is broken stand for what its store lost, and are all that is known of that when every member is such (P9).
        if (_settled && _replica.IsCoarse && stable >= _exactAt && (_replica.IsMember || _bugs.Has(Bug.ExactWhileOut)))
        {
            _replica.Unsettled.EndReignsBefore(_reign);
            _replica.BecomeExact();
        }
    }

    private void OnWrite(in Frame frame, byte* data, ReceivedData? owner)
    {
        bool resync = frame.Kind is FrameKind.Resync or FrameKind.ResyncZero;
        bool attribute = frame.Kind == FrameKind.Attribute;
        var range = attribute ? default : new ByteRange(frame.OffsetBytes, frame.LengthBytes);
        if (!resync && frame.Seq > 0)
        {
            bool atomic = (frame.Flags & FrameFlags.Atomic) != 0;
            _ = _replica.Unsettled.Add(new UnsettledEntry(_reign, frame.Seq, range, atomic, attribute ? (byte)frame.Argument : (byte)0));
            TellReceived(frame.Seq);
        }

        if (!attribute && (_replica.IsMember || !_bugs.Has(Bug.KeepNoSetsFromGate)))
        {
            _replica.AddToSets(range);
        }

        FrameWrite write = _freeWrites.Count > 0 ? _freeWrites.Pop() : new FrameWrite(this);
        write.Attachment = _attachment;
        write.Seq = frame.Seq;
        write.Argument = frame.Argument;
        write.Answers = resync ? FrameKind.ResyncAck : FrameKind.Ack;
        write.Kind = attribute ? ReplicaWriteKind.Attribute : frame.Kind is FrameKind.Zero or FrameKind.ResyncZero ? ReplicaWriteKind.Zero : ReplicaWriteKind.Write;
        write.OffsetBytes = frame.OffsetBytes;
        write.LengthBytes = frame.LengthBytes;
        write.Attribute = attribute ? (VolumeAttribute)frame.Argument : VolumeAttribute.None;
        write.Durable = (frame.Flags & FrameFlags.Durable) != 0;
        write.Atomic = (frame.Flags & FrameFlags.Atomic) != 0;
        write.MayDeallocate = (frame.Flags & FrameFlags.MayDeallocate) != 0;
        write.Data = data;
        write.Received = owner;
        owner?.Keep();
        if (_bugs.Has(Bug.AcknowledgeBeforeStore))
        {
            write.Answers = FrameKind.None;
            Frame early = Answer(resync ? FrameKind.ResyncAck : FrameKind.Ack, frame.Seq);
            early.Argument = frame.Argument;
            _link!.Send(early, default);
        }

        _replica.Apply(write);
    }

    private void Flush(FrameKind answers, long seq)
    {
        FrameFlush flush = _freeFlushes.Count > 0 ? _freeFlushes.Pop() : new FrameFlush(this);
        flush.Attachment = _attachment;
        flush.Seq = seq;
        flush.Answers = answers;
        if (_bugs.Has(Bug.AdmitWithoutFlush) && answers == FrameKind.Gated)
        {
            _link!.Send(Answer(FrameKind.Gated, seq), default);
            _freeFlushes.Push(flush);
            return;
        }

        _replica.Flush(flush);
    }

    // A round tells this replica the primary's mark, and writes are answered because it has heard it: it must not forget it (W2).
    private void OnConfirm(long round)
    {
        long attachment = _attachment;
        _replica.SaveMarks(held =>
        {
            if (held && _link is { } link && _attachment == attachment)
            {
                Frame confirmed = Answer(FrameKind.Confirmed, 0);
                confirmed.Argument = round;
                link.Send(confirmed, default);
            }
        });
    }

    private void OnHandover(IPeerLink link, in Frame frame)
    {
        long epoch = frame.Argument;
        long attachment = _attachment;
        _replica.MakeEpochDurable(epoch, held =>
        {
            if (held && _link == link && _attachment == attachment)
            {
                Frame done = Answer(FrameKind.FenceDone, 0);
                done.Argument = epoch;
                link.Send(done, default);
            }
        });
    }

    private Frame Answer(FrameKind kind, long seq) => new()
    {
        Kind = kind,
        Attachment = _attachment,
        Epoch = _epoch,
        Seq = seq,
        Mark = _replica.Mark,
    };

    private void OnApplied(FrameWrite write)
    {
        if (write.Status == StoreStatus.Success && write.Answers != FrameKind.None && _link is { } link && _attachment == write.Attachment)
        {
            Frame ack = Answer(write.Answers, write.Seq);
            ack.Argument = write.Argument;
            link.Send(ack, default);
        }
    }

    private void OnFlushed(FrameFlush flush)
    {
        long attachment = flush.Attachment;
        long seq = flush.Seq;
        FrameKind answers = flush.Answers;
        bool held = flush.Status == StoreStatus.Success;
        _freeFlushes.Push(flush);
        if (!held || _attachment != attachment)
        {
            return;
        }

        if (answers == FrameKind.Gated)
        {
            // An image of before this admission shows by its mark that it is older, though nothing new was written since (W2, A2): the decision that admits it tells the mark.
            _replica.MakeSetsDurable(durable => _replica.CountMark(durable, counted =>
            {
                if (counted)
                {
                    SendIfAttached(attachment, answers, seq);
                }
            }));
            return;
        }

        SendIfAttached(attachment, answers, seq);
    }

    private void SendIfAttached(long attachment, FrameKind kind, long seq)
    {
        if (_link is { } link && _attachment == attachment)
        {
            // A turn has a name and no place in the stream.
            Frame answer = Answer(kind, kind == FrameKind.Turned ? 0 : seq);
            answer.Argument = kind == FrameKind.Turned ? seq : 0;
            link.Send(answer, default);
        }
    }

    private sealed record Pending(IPeerLink Link, long Attachment, long Epoch, long LastSeq, AttachBody Body);

    private sealed class FrameWrite(Secondary secondary) : ReplicaWrite
    {
        public long Attachment;
        public long Seq;
        public long Argument;
        public FrameKind Answers;
        public ReceivedData? Received;

        protected internal override void OnApplied()
        {
            secondary.OnApplied(this);
            Received?.Release();
            Received = null;
        }

        protected internal override void OnReleased() => secondary._freeWrites.Push(this);
    }

    private sealed class FrameFlush(Secondary secondary) : ReplicaFlush
    {
        public long Attachment;
        public long Seq;
        public FrameKind Answers;

        protected internal override void OnFlushed() => secondary.OnFlushed(this);
    }
}
