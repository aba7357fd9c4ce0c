namespace ActorSan.Replication.Core.Control;

/// <summary>P8: an orderly stop of a node hands over first; the engine asks to be dropped and closes its store clean.</summary>
public sealed partial class VolumeControl
{
    private Action? _stopWhenIdle;
    private long _stopByNs;

    /// <summary>A member is handed the volume, if this node is primary and there is one; <paramref name="ended"/> comes when the role is over or that took too long, and nothing is proposed any more.</summary>
    public void StopInOrder(Action ended)
    {
        _stopWhenIdle = ended;
        _stopByNs = _clock.NowNs + (2 * _options.HandOverTimeoutNs);
        CheckStop(_clock.NowNs);
    }

    private void CheckStop(long now)
    {
        if (_stopWhenIdle is not { } ended)
        {
            return;
        }

        if (Role == VolumeRole.Serving && Known is { } known && now < _stopByNs)
        {
            foreach (Values.Member member in known.InSync.Span)
            {
                if (member.Node != _node && !_unreachable.Contains(member.Node) && RequestHandOver(member.Node))
                {
                    return;
                }
            }
        }
        else if (Role != VolumeRole.Secondary && now < _stopByNs)
        {
            return;
        }

        _stopWhenIdle = null;
        Stop();
        ended();
    }
}
