using ActorSan.Replication.Core.Register;

namespace ActorSan.Replication.Core.Control;

/// <summary>An attempt to change a volume's configuration that was not decided, or not known to be.</summary>
/// <param name="Aim">To become primary, to admit a replica …</param>
/// <param name="EndedNs">On this node's monotonic clock.</param>
public sealed record VainRound(string Aim, RoundOutcome Outcome, long EndedNs)
{
    /// <summary>Why, in words.</summary>
    public string Describe() => Outcome switch
    {
        { Refusal: RoundRefusal.Leased, Holder: { } holder } => $"{holder.Node} holds the lease at a voter (R2)",
        { Refusal: RoundRefusal.Leased } => "a voter that has just been started says nothing until every lease that it may have granted is over (L6)",
        { Refusal: RoundRefusal.Lower } => "another attempt came before it (R1)",
        { Refusal: RoundRefusal.Unknown, UnknownReason: var reason } => $"a voter does not know the volume as this node does ({reason})",
        { Refusal: RoundRefusal.Stale } => "the voters show less than what was decided: journals were lost or put back (I6)",
        { End: RoundEnd.TimedOutBeforeAccept } => "no majority of the voters answered in time",
        { End: RoundEnd.Unknown } => "whether a majority of the voters took it is not known (R6)",
        { End: RoundEnd.Abandoned } => "there was nothing to change, or it was not allowed",
        _ => "no majority of the voters agreed",
    };
}
