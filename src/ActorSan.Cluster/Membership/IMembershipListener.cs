using Akka.Actor;
using Akka.Cluster;

namespace ActorSan.Cluster.Membership;

/// <summary>What is known of one process of a node in the group.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Address">Where its ActorSystem is reached.</param>
/// <param name="Uid">Made with each ActorSystem: the same node after a restart has another.</param>
/// <param name="Roles">Sorted; <see cref="NodeRoles"/>.</param>
/// <param name="Status">In Akka's words.</param>
/// <param name="IsUnreachable">Somebody's failure detector has heard nothing of it. It may live, and serve.</param>
/// <param name="Since">When this node heard of it first, by this node's clock.</param>
/// <param name="Version">Of its program.</param>
public sealed record MemberFacts(
    string Node,
    Address Address,
    int Uid,
    IReadOnlyList<string> Roles,
    MemberStatus Status,
    bool IsUnreachable,
    DateTimeOffset Since,
    string Version)
{
    public bool IsWitness => Roles.Contains(NodeRoles.Witness, StringComparer.Ordinal);
}

/// <summary>Who wants to know of the nodes in the group, by name. Called by the membership actor, one call at a time: to be fast, and never to throw.</summary>
public interface IMembershipListener
{
    /// <summary>A node is there, or its status is another. This node, too.</summary>
    void OnMember(MemberFacts facts);

    /// <summary>A failure detector lost or found it. Decides nothing about roles: that is what leases are for.</summary>
    void OnUnreachable(string node, bool unreachable);

    /// <summary>It left, or was downed; whatever comes under its name is a new process.</summary>
    void OnRemoved(string node, bool downed);
}
