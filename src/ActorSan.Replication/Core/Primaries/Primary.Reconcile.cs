using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using ActorSan.Storage.Blocks;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>P5, P6: a new primary makes its members like itself, by the ordinary write path, and serves.</summary>
public sealed unsafe partial class Primary
{
    private readonly Queue<ByteRange> _reconcileWhole = new();
    private readonly Queue<ByteRange> _reconcile = new();
    private int _attributesLeft;
    private int _reconciling;
    private bool _goingOn;

    private void BeginReconcile()
    {
        // What must not tear goes first and whole: a plain write over half of it could leave a peer with half of each (W11).
        var plain = new OutOfSyncSet(Math.Max(_configuration.SizeBytes, _replica.SizeBytes), BlockGranule());
        foreach (ByteRange range in _replica.UnsettledRanges())
        {
            plain.Add(range);
        }

        CollectWhole(_replica.Unsettled.ToValueList());
        foreach (PeerState peer in _peers)
        {
            if (!peer.IsMember || peer.Report is null)
            {
                continue;
            }

            CollectWhole(peer.Report.Unsettled);
            foreach (ByteRange range in ListOf(peer))
            {
                if (Clip(range, plain.SizeBytes, out ByteRange clipped))
                {
                    plain.Add(clipped);
                }
            }
        }

        if (!HasOtherMember)
        {
            // Nobody to be made like this one: whoever is out is given these ranges when it comes back (P5).
            long from = 0;
            while (plain.TryNext(from, long.MaxValue, out ByteRange range))
            {
                if (Clip(range, _replica.SizeBytes, out ByteRange clipped))
                {
                    _replica.AddToSets(clipped);
                }

                from = range.EndBytes;
            }

            plain.Clear();
            _reconcileWhole.Clear();
        }

        long at = 0;
        while (!_bugs.Has(Bug.ReconcileNothing) && plain.TryNext(at, _options.PieceBytes, out ByteRange piece))
        {
            if (Clip(piece, _configuration.SizeBytes, out ByteRange clipped))
            {
                _reconcile.Enqueue(clipped);
            }

            at = piece.EndBytes;
        }

        _attributesLeft = _bugs.Has(Bug.ForgetAttributes) ? 0 : (int)VolumeAttribute.Sanitize;
        if (_bugs.Has(Bug.ReconcileAfterServing))
        {
            Serve();
        }

        GoOnReconciling();
    }

    private int BlockGranule() => (int)Math.Min(4096, _replica.Options.GranuleBytes);

    private void CollectWhole(Values.ValueList<UnsettledEntry> entries)
    {
        foreach (UnsettledEntry entry in entries.Span)
        {
            if (entry.Atomic && entry.Range.LengthBytes > 0)
            {
                _reconcileWhole.Enqueue(entry.Range);
            }
        }
    }

    private void GoOnReconciling()
    {
        if (_goingOn || (_phase != PrimaryPhase.Reconciling && !(_bugs.Has(Bug.ReconcileAfterServing) && _phase == PrimaryPhase.Serving)))
        {
            return;
        }

        // A step may end inside its own call.
        _goingOn = true;
        while (true)
        {
            _reconciling = CountReconciling();
            if (_reconcileWhole.Count > 0)
            {
                if (_reconciling > 0)
                {
                    break;
                }

                StartReconcile(_reconcileWhole.Dequeue(), whole: true);
            }
            else if (_reconcile.Count > 0)
            {
                if (_reconciling >= _options.ResyncDepth || HasWhole())
                {
                    break;
                }

                StartReconcile(_reconcile.Dequeue(), whole: false);
            }
            else if (_attributesLeft > 0)
            {
                if (_reconciling > 0)
                {
                    break;
                }

                StartAttribute((VolumeAttribute)_attributesLeft--);
            }
            else
            {
                break;
            }
        }

        _goingOn = false;
        if (_phase == PrimaryPhase.Reconciling && _reconciling == 0 && CountReconciling() == 0)
        {
            Serve();
        }
    }

    private int CountReconciling()
    {
        int count = 0;
        foreach (PrimaryTask task in _tasks)
        {
            count += task.Step is TaskStep.Lock or TaskStep.Reading or TaskStep.Writing && task.Operation is null
                && task.Kind is TaskKind.Reconcile or TaskKind.Attribute ? 1 : 0;
        }

        return count;
    }

    private bool HasWhole() => _tasks.Exists(static task => task.Kind == TaskKind.Reconcile && task.Atomic && task.Step is TaskStep.Lock or TaskStep.Reading or TaskStep.Writing);

    private void StartReconcile(ByteRange range, bool whole)
    {
        PrimaryTask task = Take();
        task.Kind = TaskKind.Reconcile;
        task.OffsetBytes = range.OffsetBytes;
        task.LengthBytes = range.LengthBytes;
        task.Atomic = whole && range.LengthBytes <= _replica.MaxAtomicBytes;
        task.Lock.OffsetBytes = range.OffsetBytes;
        task.Lock.LengthBytes = range.LengthBytes;
        task.Lock.Exclusive = true;
        task.Lock.Key = 0;
        task.Lock.KeyExclusive = false;
        Acquire(task);
    }

    /// <summary>W12: sent whole by a new primary while it reconciles.</summary>
    private void StartAttribute(VolumeAttribute attribute)
    {
        ReadOnlySpan<byte> value = _replica.GetAttribute(attribute);
        if (_bugs.Has(Bug.ReconcileOutsideTheWritePath))
        {
            foreach (PeerState peer in _peers)
            {
                if (peer.IsMember && peer.IsAttached)
                {
                    SendAttribute(peer, attribute, value);
                }
            }

            return;
        }

        PrimaryTask task = Take();
        task.Kind = TaskKind.Attribute;
        task.Attribute = attribute;
        task.OffsetBytes = 0;
        task.LengthBytes = value.Length;
        task.Data = task.Rent(Math.Max(1, value.Length));
        value.CopyTo(new Span<byte>(task.Data, value.Length));
        task.Lock.OffsetBytes = 0;
        task.Lock.LengthBytes = 0;
        task.Lock.Exclusive = true;
        task.Lock.Key = (byte)attribute;
        task.Lock.KeyExclusive = true;
        Acquire(task);
    }

    /// <summary>P6.</summary>
    private void Serve()
    {
        _phase = PrimaryPhase.Serving;
        _settled = true;
        _replica.Unsettled.EndReignsBefore(Reign);
        _replica.BecomeExact();
        foreach (PeerState peer in _peers)
        {
            if (peer.IsAttached)
            {
                peer.Link.Send(Header(peer, FrameKind.Settled), default);
            }
        }

        _events.Post(new Reconciled(Reign));
        AdmitWaiting();
        PumpResync();
    }
}
