namespace ActorSan.Replication.Core.Control;

/// <summary>Patience of the control side.</summary>
public sealed record ControlOptions
{
    /// <summary>How often it looks whether something is to be done.</summary>
    public long TickNs { get; init; } = 50_000_000;

    /// <summary>P1: each rank of promotion waits so much longer.</summary>
    public long RankStepNs { get; init; } = 150_000_000;

    /// <summary>R1: first and longest back-off of a round that did not decide.</summary>
    public long BackOffFirstNs { get; init; } = 50_000_000;

    public long BackOffLongestNs { get; init; } = 1_000_000_000;

    /// <summary>P8: draining and the peer's fence take no longer, or the handover is off.</summary>
    public long HandOverTimeoutNs { get; init; } = 2_000_000_000;

    /// <summary>A lease that was not to be had for so long: not primary after all.</summary>
    public long LeaseWaitNs { get; init; } = 4_000_000_000;

    /// <summary>P9: how often the members are asked again.</summary>
    public long QueryIntervalNs { get; init; } = 500_000_000;

    /// <summary>An operator's command that waits for an answer of another node for so long is to be given again.</summary>
    public long WishTimeoutNs { get; init; } = 5_000_000_000;

    /// <summary>L5: an engine that was not heard of for so long keeps no lease.</summary>
    public long EngineSilenceNs { get; init; } = 400_000_000;

    /// <summary>L5: nor one whose own store, in `inSync`, has had an I/O for so long; twice the store's timeout.</summary>
    public long StoreSilenceNs { get; init; } = 20_000_000_000;

    /// <summary>P12: who is not preferred fires so much later, lest both do.</summary>
    public long FenceDelayNs { get; init; } = 2_000_000_000;

    /// <summary>P12: a hook that has said nothing for so long has failed, whatever it says then.</summary>
    public long FenceTimeoutNs { get; init; } = 30_000_000_000;

    /// <summary>P12: after a hook that has failed.</summary>
    public long FenceRetryNs { get; init; } = 2_000_000_000;

    /// <summary>W6: undecided for so long, requests are answered with an error where `on-no-quorum = fail`.</summary>
    public long SuspendAfterNs { get; init; } = 2_000_000_000;

    /// <summary>W7, P8: a serving primary that has changed nothing for so long has the voters promise its next change, before it wants one; 0: never.</summary>
    public long PromiseAfterNs { get; init; } = 1_000_000_000;

    /// <summary>R1: the longest back-off of a round for such promises that did not get them.</summary>
    public long PromiseBackOffLongestNs { get; init; } = 60_000_000_000;

    /// <summary>P8: promises that are older are not taken for a handover, and are asked for anew.</summary>
    public long YoungPromisesNs { get; init; } = 500_000_000;
}
