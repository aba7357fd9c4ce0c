using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>How a round ended.</summary>
public enum RoundEnd
{
    None,

    /// <summary>R5: a majority of u and one of n have accepted. About the past: a later value may be decided already.</summary>
    Decided,

    /// <summary>R4: the client had nothing to do. Nothing was learnt.</summary>
    Abandoned,

    /// <summary>No majority can promise any more. Nothing was proposed; again after a back-off (R1).</summary>
    Refused,

    /// <summary>Promises did not come in time. Nothing was proposed.</summary>
    TimedOutBeforeAccept,

    /// <summary>R6: proposed, and not known to be decided. It stays so until a later round is decided.</summary>
    Unknown,
}

/// <summary>Why voters did not go along; of several the first in this order is told.</summary>
public enum RoundRefusal
{
    None,

    /// <summary>R2: a grant to another node runs, or a voter is mute.</summary>
    Leased,

    /// <summary>R1: another round has a higher ballot; the next one of this node will be above it.</summary>
    Lower,

    /// <summary>R2: another incarnation, a journal that was put back, a lineage that is refused.</summary>
    Unknown,

    /// <summary>The voters show less than what is known to be decided: journals were lost or put back beyond what a majority bears (I6).</summary>
    Stale,
}

/// <param name="Value">What was decided, or proposed when the end is <see cref="RoundEnd.Unknown"/>; else null.</param>
/// <param name="Refusal">A reason that was met, whatever the end.</param>
/// <param name="Holder">For <see cref="RoundRefusal.Leased"/>: who holds the lease at a voter; null when those that refused so are mute.</param>
/// <param name="UnknownReason">For <see cref="RoundRefusal.Unknown"/>.</param>
public sealed record RoundOutcome(RoundEnd End, RegisterValue? Value, RoundRefusal Refusal = RoundRefusal.None, PrimaryId? Holder = null, UnknownReason UnknownReason = UnknownReason.None);

/// <summary>Whether a round began.</summary>
public enum RoundStart
{
    Started,

    /// <summary>R1: one round at a time per key.</summary>
    Busy,

    /// <summary>No value is known to be decided, so nobody knows whom to ask. <see cref="Proposer.Know"/> it first.</summary>
    NothingKnown,
}

/// <summary>Who wants a change. Both calls come on the proposer's thread, never inside <see cref="Proposer.Start"/>.</summary>
public interface IRoundClient
{
    /// <summary>
    /// R3, R4: u, the value to be changed. Answer with exactly one <see cref="Round.Accept"/> or <see cref="Round.Abandon"/>, at once or later (P3 fences its store between); until
    /// then the key is busy, and no timeout runs.
    /// </summary>
    void OnPromised(Round round, RegisterValue current);

    /// <summary>The round is over, once. Another may be started in this call.</summary>
    void OnEnded(Round round, RoundOutcome outcome);
}

/// <summary>What a proposer tells its node.</summary>
public interface IProposerListener
{
    /// <summary>
    /// A value newer than all that was known before is decided. Enough to step down, to show, to know the voters, to try again; never enough to promote or complete (R5): that is
    /// for the client of an own round. Comes before that client's <see cref="IRoundClient.OnEnded"/>.
    /// </summary>
    void OnDecided(RegisterKey key, RegisterValue value);

    /// <summary>Two different values of one version are told to be decided: I6, nothing of this register may be trusted.</summary>
    void OnContradiction(RegisterKey key, RegisterValue known, RegisterValue told);
}

/// <summary>Durations of rounds.</summary>
public sealed record ProposerSettings
{
    /// <summary>R6: how long promises, and then acceptances, are waited for.</summary>
    public long RoundTimeoutNs { get; init; } = 1_000_000_000;

    /// <summary>How long they are waited for, at first, after a voter has said that a grant of it runs; a quarter of it after one has said that it has promised a higher ballot.</summary>
    public long RefusedPatienceNs { get; init; } = 125_000_000;
}
