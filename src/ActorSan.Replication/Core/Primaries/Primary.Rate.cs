using ActorSan.Replication.Core.Intent;
using ActorSan.Replication.Core.Ports;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>S5: how fast resync and verify go together. The foreground's latency is what they go by; the floor is theirs whatever it says.</summary>
public sealed unsafe partial class Primary
{
    private readonly ResyncRate _rate;
    private readonly CopyTimer _copyTimer;

    private ResyncRate NewRate()
    {
        var settings = new ResyncRateSettings(_options.ResyncMinRate, _options.ResyncMaxRate, _options.ResyncLatencyFactor, _options.ResyncLatencyFreeNs);
        return new ResyncRate(settings, _options.PieceBytes, _clock.NowNs);
    }

    /// <summary>What an initiator waited for, from its admission until its bytes were read or written everywhere.</summary>
    private void NoteLatency(PrimaryTask task)
    {
        if (Moves(task) && !_bugs.Has(Bug.ForgetForegroundLatency))
        {
            _rate.OnForeground(_clock.NowNs - task.AdmittedNs);
        }
    }

    // Of resync to one peer, and of verify.
    private int CopyDepth => _rate.Depth(_options.ResyncDepth, _bugs.Has(Bug.CopyDeepBesideForeground) ? _options.ResyncDepth : _options.ResyncForegroundDepth);

    private void NoteWaiting()
    {
        if (IsAskedNow())
        {
            _rate.OnWaiting();
        }
    }

    private bool IsAskedNow()
    {
        foreach (PrimaryTask task in _tasks)
        {
            if (Moves(task) && task.Step != TaskStep.Idle)
            {
                return true;
            }
        }

        return false;
    }

    private static bool Moves(PrimaryTask task) =>
        task.Kind is TaskKind.Read or TaskKind.Write or TaskKind.Zero or TaskKind.CompareAndWrite or TaskKind.OrWrite && task.Operation is not null;

    /// <summary>The piece may be begun now; if not, its time comes by itself.</summary>
    private bool MayCopy(long lengthBytes)
    {
        if (_bugs.Has(Bug.CopyAboveCeiling))
        {
            return true;
        }

        long now = _clock.NowNs;
        if (_bugs.Has(Bug.CopyOnlyWhenIdle) && HasAsked(now - 50_000_000))
        {
            return false;
        }

        if (_rate.TryTake((int)lengthBytes, now, out long wakeNs))
        {
            return true;
        }

        _timers.Set(_copyTimer, wakeNs);
        return false;
    }

    private bool HasAsked(long sinceNs)
    {
        foreach (PrimaryTask task in _tasks)
        {
            if (task.Kind is TaskKind.Read or TaskKind.Write && task.AdmittedNs > sinceNs)
            {
                return true;
            }
        }

        return false;
    }

    private void RestRate(long nowNs)
    {
        bool copies = _verifyAt >= 0;
        foreach (PeerState peer in _peers)
        {
            copies |= peer.IsAttached && !peer.IsRequired && peer.Set is { } set && HasAny(set.Set);
        }

        if (!copies)
        {
            _rate.Rest(nowNs);
        }
    }

    private sealed class CopyTimer(Primary primary) : CoreTimer
    {
        public override void OnFired()
        {
            if (primary._phase != PrimaryPhase.Over)
            {
                primary.PumpResync();
                primary.PumpVerify();
            }
        }
    }
}
