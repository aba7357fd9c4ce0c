namespace ActorSan.Cluster.Registers;

/// <summary>Whose journal it is; written when it is made and never changed.</summary>
/// <param name="ClusterId">Of the founding.</param>
/// <param name="Node">The node's name.</param>
/// <param name="Incarnation">Made with the journal: one that was lost and made again is another voter (replication.md §2, Register).</param>
public sealed record JournalIdentity(Guid ClusterId, string Node, Guid Incarnation);
