using System.Text;

namespace ActorSan.Replication.Core.Values;

/// <summary>One copy of a volume that is known to be complete: this node, this store, unbroken since this opening (replication.md §2, power session).</summary>
public readonly record struct Member(string Node, Guid Incarnation, Guid Session)
{
    public override string ToString() => $"{Node}#{Incarnation.ToString("N")[..4]}/{Session.ToString("N")[..4]}";
}

/// <summary>When the primary counts a peer's copy (replication.md §3, Protocols). Numbers are on disk and on the wire.</summary>
public enum ReplicationProtocol : byte
{
    /// <summary>Waited for until the peer's store has it. The only one whose replica can be a member of the in-sync set.</summary>
    C = 0,

    /// <summary>Not waited for beyond the send buffer.</summary>
    A = 1,

    /// <summary>Waited for until the peer has it in memory, or its link fails.</summary>
    B = 2,
}

/// <summary>A replica that belongs to the volume, in sync or not.</summary>
/// <param name="Node">Its node.</param>
/// <param name="Incarnation">Of its store.</param>
/// <param name="Protocol">How it is waited for.</param>
/// <param name="HighestMark">The highest mark that was heard of it when this value was decided (W2).</param>
/// <param name="LeftAt">Its mark when it left the in-sync set; null for a member, and for one that is out wholly (S1).</param>
/// <param name="Detached">An operator has taken it out of service: it is attached by nobody until he takes it back. Never of a member.</param>
public sealed record ReplicaEntry(
    string Node,
    Guid Incarnation,
    ReplicationProtocol Protocol = ReplicationProtocol.C,
    long HighestMark = 0,
    long? LeftAt = null,
    bool Detached = false);

/// <summary>What requests meet while the volume cannot decide (W7).</summary>
public enum NoQuorumPolicy : byte
{
    Suspend = 0,
    Fail = 1,
}

/// <summary>Settings that all nodes must agree on, decided with the configuration.</summary>
public sealed record VolumeSettings
{
    public NoQuorumPolicy OnNoQuorum { get; init; }

    /// <summary>W8: a read is answered only when every required peer has confirmed the epoch after it was admitted.</summary>
    public bool ConfirmReads { get; init; }

    /// <summary>P1: tries first. Null: no preference.</summary>
    public string? PreferredPrimary { get; init; }
}

/// <summary>The value of the register <c>volume/ID</c> (replication.md §2, Configuration).</summary>
public sealed record Configuration : RegisterValue
{
    public required Guid VolumeId { get; init; }

    public required Guid Lineage { get; init; }

    /// <summary>All lineages that this one descends from or discards (P11).</summary>
    public ValueList<Guid> Parents { get; init; }

    /// <summary>The epoch of the last promotion or handover: sequence numbers belong to it; a raise keeps it.</summary>
    public long Reign { get; init; }

    /// <summary>Never empty, but in the tombstone of a deleted volume.</summary>
    public required ValueList<Member> InSync { get; init; }

    public required ValueList<ReplicaEntry> Replicas { get; init; }

    public required long SizeBytes { get; init; }

    public VolumeSettings Settings { get; init; } = new();

    /// <summary>A tombstone: the id is never used again.</summary>
    public bool Deleted { get; init; }

    public Member? MemberOf(string node)
    {
        foreach (Member member in InSync.Span)
        {
            if (member.Node == node)
            {
                return member;
            }
        }

        return null;
    }

    public ReplicaEntry? ReplicaOf(string node)
    {
        foreach (ReplicaEntry replica in Replicas.Span)
        {
            if (replica.Node == node)
            {
                return replica;
            }
        }

        return null;
    }

    public bool IsVoter(string node) => HasNode(Voters, node) || HasNode(OldVoters, node);

    /// <summary>One line for logs and traces.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        _ = text.Append($"v{Version} e{Epoch} r{Reign} primary {Primary?.Node ?? "-"} in-sync {string.Join('+', InSync.Select(member => member.ToString()))}");
        _ = text.Append($" replicas {string.Join('+', Replicas.Select(replica => $"{replica.Node}@{replica.HighestMark}{(replica.LeftAt is { } left ? $"(left {left})" : "")}{(replica.Detached ? "(detached)" : "")}"))}");
        _ = text.Append($" voters {string.Join('+', Voters)}");
        _ = text.Append(Deleted ? " deleted" : "");
        return OldVoters.Count == 0 ? text.ToString() : text.Append($" old {string.Join('+', OldVoters)}").ToString();
    }

    private static bool HasNode(ValueList<VoterId> voters, string node)
    {
        foreach (VoterId voter in voters)
        {
            if (voter.Node == node)
            {
                return true;
            }
        }

        return false;
    }
}
