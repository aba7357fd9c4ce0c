using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Control;

/// <summary>One of a node's iSCSI portals, for the discovery and the port groups of all others.</summary>
/// <param name="Address">address:port, as initiators are told.</param>
/// <param name="GroupTag">Portal group tag.</param>
/// <param name="RelativePort">Relative target port identifier.</param>
/// <param name="PortGroup">Target port group (ALUA).</param>
public sealed record NodePortal(string Name, string Address, long GroupTag, long RelativePort, long PortGroup);

/// <summary>What a node tells of itself: to each member that comes, to all whenever it changes, and now and then.</summary>
/// <param name="ClusterId">Of its founding: another one's is not listened to.</param>
/// <param name="Instance">Of its process.</param>
/// <param name="IsStorage">It may hold replicas and serves targets.</param>
/// <param name="Release">Of the program.</param>
/// <param name="LinkAddress">address:port where its links listen, with commas between several, the best path first; empty: nowhere.</param>
/// <param name="ManagementAddress">address:port of its management API; empty: none.</param>
/// <param name="Voter">The incarnation of its journal.</param>
public sealed record NodeHello(
    string From, Guid ClusterId, Guid Instance, bool IsStorage, string Release, string LinkAddress, string ManagementAddress, VoterId Voter, ValueList<NodePortal> Portals) : ControlMessage;

/// <summary>A store for a replica of that volume is to be there, formatted with its id; one that is there already is told as it is.</summary>
public sealed record MakeReplica(string From, Guid Instance, long Id, Guid VolumeId, string Name, long SizeBytes, long LogicalBlockBytes, long PhysicalBlockBytes) : ControlMessage;

/// <param name="Incarnation">Of the store; empty when there is none.</param>
/// <param name="Fault">For people; null: it is there.</param>
public sealed record ReplicaMade(string From, Guid Instance, long Id, Guid Incarnation, string? Fault) : ControlMessage;

/// <summary>A question of management: <paramref name="What"/> names it, <paramref name="Document"/> is its JSON.</summary>
public sealed record NodeQuestion(string From, Guid Instance, long Id, string What, string Document) : ControlMessage;

/// <param name="Document">JSON; empty with a fault.</param>
/// <param name="Fault">For people; null: answered.</param>
public sealed record NodeAnswer(string From, Guid Instance, long Id, string Document, string? Fault) : ControlMessage;
