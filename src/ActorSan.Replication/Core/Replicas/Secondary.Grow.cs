using ActorSan.Replication.Core.Frames;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>S7 at a replica: makes room before the new size is proposed, and catches up with one that was decided without it.</summary>
public sealed unsafe partial class Secondary
{
    // A replica that was out when the volume was grown has room for all of it before it attaches; the new part comes by resync.
    private void OnMarksSaved(Pending pending, bool saved)
    {
        long sizeBytes = pending.Body.Configuration.SizeBytes;
        if (!saved || _pending != pending || _replica.SizeBytes >= sizeBytes)
        {
            OnFenced(pending, saved);
            return;
        }

        _replica.Grow(
            sizeBytes,
            zero: false,
            held =>
            {
                if (held)
                {
                    OnFenced(pending, true);
                }
                else if (_pending == pending)
                {
                    _pending = null;
                    Refuse(pending.Link, pending.Attachment, _replica.IsFailed ? RefusalReason.NoStore : RefusalReason.TooSmall);
                }
            });
    }

    private void OnGrow(long sizeBytes, long round)
    {
        long attachment = _attachment;
        _replica.Grow(
            sizeBytes,
            zero: true,
            _ =>
            {
                if (_link is { } link && _attachment == attachment)
                {
                    Frame grown = Answer(FrameKind.Grown, 0);
                    grown.LengthBytes = _replica.SizeBytes;
                    grown.Argument = round;
                    link.Send(grown, default);
                }
            });
    }
}
