using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>P12: two voters and a fencing hook.</summary>
public sealed partial class VolumeControl
{
    private FenceRun? _fence;

    // Who has decided a round together with this process. Never what the one before it did: a fenced node that returns must not fence back with old data.
    private VoterId? _togetherWith;
    private Guid _met;
    private long _toldNs;
    private long _vainSinceNs = long.MaxValue;
    private long _fenceNotBeforeNs;

    /// <summary>Null: none; then two voters are two (P12).</summary>
    public IFencingHook? FencingHook { get; init; }

    private VoterId? OtherOfTwo(Configuration known)
    {
        if (FencingHook is null || _voter is not { } voter || known.Voters.Count != 2 || known.OldVoters.Count > 0 || !known.Voters.Contains(voter.Id))
        {
            return null;
        }

        return known.Voters[0] == voter.Id ? known.Voters[1] : known.Voters[0];
    }

    private void CheckFence(long now)
    {
        if (_fence is { Succeeded: false } pending && now - pending.FiredNs > _options.FenceTimeoutNs)
        {
            _fence = null;
        }

        TellTogether(now);
        if (_voter?.GrantOf(_key) is { } granted && granted.Holder.Node != _node && !_bugs.Has(Bug.VainOutlivesGrant))
        {
            // The other one is there and holds the lease: what was in vain belongs to an outage that is over.
            _vainSinceNs = long.MaxValue;
        }

        if (_fence is not null || StandsStill || Known is not { } known || OtherOfTwo(known) is not { } other || now < _fenceNotBeforeNs || !IsSound(known)
            || (_togetherWith != other && !_bugs.Has(Bug.FenceBack)))
        {
            return;
        }

        // It did not answer a round, and nobody holds a lease: neither this node nor, by this node's own vote, the other one.
        if (_vainSinceNs == long.MaxValue || _leases.Holds(_key) || _voter!.IsMute || (_voter.GrantOf(_key) is { } grant && grant.Holder.Node != _node)
            || now - _vainSinceNs < (IsPreferredToFence(known, other) ? 0 : _options.FenceDelayNs))
        {
            return;
        }

        var run = new FenceRun(other, _voter.AcceptedBallotOf(_key), now);
        _fence = run;
        FencingHook!.Fence(other.Node, killed => OnFenceEnded(run, killed));
    }

    // P12: a member with an unbroken session, by all that it knows; the round looks again.
    private bool IsSound(Configuration known) => _self is { IsFailed: false, IsOldCopy: false } self && known.MemberOf(_node) == self.Self;

    private bool IsPreferredToFence(Configuration known, VoterId other) => (known.Settings.PreferredPrimary ?? known.Primary?.Node ?? string.Empty) switch
    {
        var preferred when preferred == _node => true,
        var preferred when preferred == other.Node => false,
        _ => string.CompareOrdinal(_node, other.Node) < 0,
    };

    private void OnFenceEnded(FenceRun run, bool killed)
    {
        if (_fence != run)
        {
            return;
        }

        if (!killed && !_bugs.Has(Bug.FenceFailedCounts))
        {
            _fence = null;
            _fenceNotBeforeNs = _clock.NowNs + _options.FenceRetryNs;
            return;
        }

        run.Succeeded = true;
        _notBeforeNs = 0;
        Consider();
    }

    /// <summary>Voters = {me} before anything else (R8, both steps).</summary>
    private Alone? NextByFence(Configuration known)
    {
        if (_fence is not { Succeeded: true } run || (_voter!.GrantOf(_key) is { } grant && grant.Holder.Node != _node))
        {
            return null;
        }

        if (IsStillOfTwo(known, run.Other) && IsSound(known) && IsCurrent(run))
        {
            return new Alone(this, run);
        }

        _fence = null;
        return null;
    }

    private bool IsStillOfTwo(Configuration value, VoterId other) =>
        OtherOfTwo(value) == other || (value.OldVoters.Contains(other) && value.OldVoters.Count == 2 && value.Voters.Count == 1 && value.Voters[0] == _voter!.Id);

    // The other one may be back by now: what its own rounds have reached here says so.
    private bool IsCurrent(FenceRun run) => _bugs.Has(Bug.FenceCountsLate) || _voter!.AcceptedBallotOf(_key) is var ballot && (ballot == run.Accepted || ballot.Node == _node);

    // Whatever is decided otherwise than by this vote was decided with the other one, which then may fence by itself.
    private void NoteFenceOver()
    {
        if (_round is not Alone && !_bugs.Has(Bug.FenceCountsLate))
        {
            _fence = null;
        }
    }

    private void NoteVain(ControlRound round, RoundOutcome outcome)
    {
        if (outcome.End == RoundEnd.Decided && round is not Alone && outcome.Value is Configuration decided && OtherOfTwo(decided) is { } other)
        {
            _togetherWith = other;

            // A value that was only read is no news to anybody, and was decided with the other one all the same.
            NoteFenceOver();
        }

        bool inVain = outcome.End is RoundEnd.TimedOutBeforeAccept or RoundEnd.Unknown && outcome.Refusal == RoundRefusal.None;
        _vainSinceNs = inVain ? Math.Min(_vainSinceNs, _clock.NowNs) : long.MaxValue;
    }

    // A secondary decides no round while there is a primary: the primary decides one with it, and tells that very process.
    private Meeting? NextMeeting(Configuration known) =>
        OtherOfTwo(known) is { } other && _attached.Find(attached => attached.Node == other.Node) is { } attached && attached.Instance != _met ? new Meeting(this, attached.Instance) : null;

    private void TellTogether(long now)
    {
        if (IsPrimary && _met != Guid.Empty && now - _toldNs >= _options.QueryIntervalNs && Known is { } known && OtherOfTwo(known) is { } other)
        {
            _toldNs = now;
            _network.Send(other.Node, new Together(_node, _key, _met, _voter!.Id));
        }
    }

    private void OnTogether(Together together)
    {
        if (together.Instance == _instance)
        {
            _togetherWith = together.Voter;
        }
    }

    private sealed class FenceRun(VoterId other, Ballot accepted, long firedNs)
    {
        public VoterId Other { get; } = other;

        /// <summary>What the own voter had accepted when the hook was fired.</summary>
        public Ballot Accepted { get; } = accepted;

        public long FiredNs { get; } = firedNs;

        public bool Succeeded { get; set; }
    }

    private sealed class Meeting(VolumeControl control, Guid instance) : ControlRound(control)
    {
        public override string Aim => "to have the other voter decide something with this one";

        public override void Propose(Configuration current)
        {
            Volume.Meet(current);
            Accept(current);
        }

        public override void Then(RoundOutcome outcome)
        {
            if (outcome.End == RoundEnd.Decided && outcome.Value is Configuration decided && Volume.OtherOfTwo(decided) is not null)
            {
                Volume._met = instance;
                Volume._toldNs = 0;
            }
        }
    }

    private sealed class Alone(VolumeControl control, FenceRun run) : ControlRound(control)
    {
        public override string Aim => "to go on as the only voter";

        public override VoterId? Fenced => run.Other;

        public override void Propose(Configuration current)
        {
            bool isPrimary = Volume.IsPrimary;
            if (!Volume.IsSound(current) || !Volume.IsStillOfTwo(current, run.Other) || (isPrimary && !Volume.IsStillMine(current)))
            {
                Volume._fence = null;
                Volume.Meet(current);
                Abandon();
                return;
            }

            if (isPrimary && Volume.Known is { } known && current.Version > known.Version)
            {
                // R6: what was proposed before is settled first.
                Accept(current);
                return;
            }

            VoterStep step = VoterChange.Next(current, Volume._proposer.LastDecided(Volume._key), [Volume._voter!.Id], Volume._bugs, out RegisterValue next);
            if (step == VoterStep.None)
            {
                Volume._fence = null;
                Abandon();
                return;
            }

            if (step == VoterStep.Settle)
            {
                Accept(current);
                return;
            }

            Configuration alone = Volume.Next(current) with { Voters = next.Voters, OldVoters = next.OldVoters };
            if (isPrimary && step == VoterStep.First)
            {
                // L3: both sets count from before the first step is proposed.
                Volume._leases.SetVoters(Volume._key, [next.Voters, next.OldVoters]);
            }

            if (!isPrimary)
            {
                // R7: whoever was primary can't go on beside it.
                alone = alone with { Epoch = current.Epoch + 1, Primary = null };
            }

            Accept(alone);
        }

        public override void Then(RoundOutcome outcome)
        {
        }
    }
}
