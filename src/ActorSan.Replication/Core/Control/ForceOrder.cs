using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>P11: an operator's order to go on without what cannot be asked, and what he accepts for it.</summary>
public sealed record ForceOrder
{
    /// <summary>Who votes in the new lineage. All of them must answer, none may hold a grant that runs.</summary>
    public required ValueList<VoterId> Voters { get; init; }

    /// <summary>Members of the last in-sync set that this node knows, all others than itself: what was written with them and without this node may be lost.</summary>
    public required ValueList<string> MayLose { get; init; }

    /// <summary>Lineages to discard, beside the replica's own and all that it descends from.</summary>
    public ValueList<Guid> Discards { get; init; }
}

/// <summary>How an order to force ended.</summary>
public enum ForceEnd
{
    None,

    /// <summary>The lineage has begun on all its voters, and this node's replica belongs to it: it promotes by the ordinary rules.</summary>
    Begun,

    /// <summary>A member that may have more is not named: <see cref="ForceOutcome.Nodes"/>.</summary>
    NotAccepted,

    /// <summary>No replica here that could serve, or an order is under way.</summary>
    NotPossible,

    /// <summary>A voter has a running grant, or is mute.</summary>
    Leased,

    /// <summary>A voter is another one than is named, or refuses the lineage.</summary>
    Unknown,

    /// <summary>A voter, or this node, knows of a lineage that the order doesn't name.</summary>
    Refused,

    /// <summary>Not all have answered. The same order goes on with the same lineage.</summary>
    TimedOut,

    /// <summary>The own store or its metadata area failed.</summary>
    StoreFailed,
}

/// <param name="First">The first value of the lineage, as far as it came.</param>
/// <param name="Voter">The one that stood in the way.</param>
/// <param name="Nodes">For <see cref="ForceEnd.NotAccepted"/>: who must be named.</param>
/// <param name="By">For <see cref="ForceEnd.Refused"/>: the lineage that must be named among the discarded ones, if it is that.</param>
public sealed record ForceOutcome(ForceEnd End, Configuration? First = null, VoterId? Voter = null, ValueList<string> Nodes = default, Guid By = default);
