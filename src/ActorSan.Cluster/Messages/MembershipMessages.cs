using ActorSan.Cluster.Membership;
using ActorSan.Cluster.Settings;

namespace ActorSan.Cluster.Messages;

/// <summary>To the membership actor. Answered by <see cref="MembershipReport"/>.</summary>
public sealed record GetMembership;

/// <param name="Self">This node's name.</param>
/// <param name="IsMember">This node has been let in.</param>
/// <param name="Leader">The name of the member that carries out what the group has agreed on; null: none is known. It has no other power.</param>
/// <param name="Members">By name, then address: more than one of a name when two nodes say the same.</param>
public sealed record MembershipReport(string Self, bool IsMember, string? Leader, IReadOnlyList<MemberFacts> Members);

/// <summary>To the membership actor: ask this one to be let in. Answered by <see cref="MembershipOutcome"/>.</summary>
public sealed record JoinGroup(HostPort At);

/// <summary>To the membership actor: the node leaves in order. Answered by <see cref="MembershipOutcome"/> when it has been asked.</summary>
public sealed record LeaveGroup(string Node);

/// <summary>To the membership actor: the node is taken for dead, whether it is or not. Answered by <see cref="MembershipOutcome"/>.</summary>
public sealed record DownMember(string Node);

/// <summary>To the membership actor: down every member that is unreachable now. Answered by <see cref="MembershipOutcome"/>.</summary>
public sealed record DownUnreachable;

/// <param name="Done">It was asked for; false: refused.</param>
/// <param name="Sentence">What happens, or why not.</param>
public sealed record MembershipOutcome(bool Done, string Sentence);

/// <summary>Why a node is in the group no longer. Numbers name nothing on disk.</summary>
public enum MembershipEnd : byte
{
    /// <summary>It left in order.</summary>
    Left,

    /// <summary>It was with the fewer, or an administrator downed it.</summary>
    Downed,

    /// <summary>The others have gone on without it and don't speak with this process any more.</summary>
    Quarantined,

    /// <summary>Another group of the same cluster runs, which has more of the seeds.</summary>
    Apart,
}

/// <summary>From the membership actor to its parent, once and last: this ActorSystem is of no more use to the group; a new one may join.</summary>
/// <param name="Reason">A sentence, for the log.</param>
public sealed record MembershipLost(MembershipEnd End, string Reason);
