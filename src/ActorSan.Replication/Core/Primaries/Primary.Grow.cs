using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Frames;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>
/// S7: whoever is required makes room first, and says so; then the control side proposes the new size. It is served when that is decided, by <see cref="NoteDecided"/>. A change of
/// the configuration meanwhile asks everyone again: who has left needs a set with the new part, who has come needs the room.
/// </summary>
public sealed unsafe partial class Primary
{
    private long _growTo;
    private long _growRound;
    private bool _ownGrown;

    private bool IsGrowing => _growTo > _configuration.SizeBytes;

    /// <summary>What initiators may reach.</summary>
    private long ServedBytes => _bugs.Has(Bug.ServeGrownEarly) ? Math.Max(_growTo, _configuration.SizeBytes) : _configuration.SizeBytes;

    public void Grow(long sizeBytes)
    {
        if (_phase != PrimaryPhase.Serving || sizeBytes <= _configuration.SizeBytes)
        {
            return;
        }

        if (sizeBytes == _growTo)
        {
            // Wished again: whoever has room has said so, and the control side may have forgotten.
            CheckRoom();
            return;
        }

        _growTo = sizeBytes;
        AskForRoom();
    }

    private void AskForRoom()
    {
        if (!IsGrowing)
        {
            _growTo = 0;
            return;
        }

        long round = ++_growRound;
        _ownGrown = false;
        foreach (PeerState peer in _peers)
        {
            AskForRoom(peer);
        }

        _replica.Grow(
            _growTo,
            zero: true,
            held =>
            {
                if (round != _growRound || _phase == PrimaryPhase.Over)
                {
                    return;
                }

                _ownGrown = held;
                if (held)
                {
                    CheckRoom();
                }
                else
                {
                    RefuseToGrow(_replica.Node);
                }
            });
    }

    private void AskForRoom(PeerState peer)
    {
        if (IsGrowing && peer.IsRequired && peer.IsAttached)
        {
            Frame grow = Header(peer, FrameKind.Grow);
            grow.LengthBytes = _growTo;
            grow.Argument = _growRound;
            peer.Link.Send(grow, default);
        }
    }

    private void OnRoom(PeerState peer, in Frame frame)
    {
        peer.SizeBytes = frame.LengthBytes;
        if (frame.Argument != _growRound || !IsGrowing)
        {
            return;
        }

        if (frame.LengthBytes < _growTo)
        {
            RefuseToGrow(peer.Node);
            return;
        }

        peer.GrownRound = _growRound;
        CheckRoom();
    }

    private void CheckRoom()
    {
        bool all = _ownGrown && IsGrowing;
        foreach (PeerState peer in _peers)
        {
            all &= !peer.IsRequired || peer.GrownRound == _growRound;
        }

        if (all)
        {
            _events.Post(new GrowReady(_growTo, _configuration.Version));
        }
    }

    private void RefuseToGrow(string node)
    {
        long sizeBytes = _growTo;
        _growTo = 0;
        _events.Post(new GrowRefused(node, sizeBytes));
        PumpResync();
    }

    /// <summary>One that is out and attached has a store of the old size: it attaches again, and makes room before it does.</summary>
    private void AfterGrowth()
    {
        foreach (PeerState peer in _peers)
        {
            if (peer.IsAttached && !peer.IsRequired && peer.SizeBytes < _configuration.SizeBytes)
            {
                EndAttachment(peer, DetachReason.Late);
            }
        }
    }

    /// <summary>The last granule of a volume may go on behind its end, in a store that has grown already: that part is in no set that matters, and joins all when the volume grows.</summary>
    private void RemoveFromSet(PeerState peer, ByteRange range)
    {
        if (peer.Set is not { } set)
        {
            return;
        }

        long granule = set.Set.GranuleBytes;
        long end = range.EndBytes < _configuration.SizeBytes ? range.EndBytes : Math.Min((range.EndBytes + granule - 1) / granule * granule, set.Set.SizeBytes);
        set.Set.Remove(new ByteRange(range.OffsetBytes, end - range.OffsetBytes));
    }

    /// <summary>A larger store than the volume has nothing of it behind the volume's end.</summary>
    private static bool Clip(ByteRange range, long sizeBytes, out ByteRange clipped)
    {
        clipped = new ByteRange(range.OffsetBytes, Math.Min(range.EndBytes, sizeBytes) - range.OffsetBytes);
        return clipped.LengthBytes > 0;
    }
}
