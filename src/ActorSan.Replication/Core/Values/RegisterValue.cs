namespace ActorSan.Replication.Core.Values;

/// <summary>A register: a name (<c>volume/ID</c> or <c>catalog</c>) within a lineage. Another lineage of a volume is another register (replication.md P11).</summary>
public sealed record RegisterKey(string Name, Guid Lineage);

/// <summary>A voter is a node with one journal: a node that lost its journal is another voter (replication.md §2).</summary>
public readonly record struct VoterId(string Node, Guid Incarnation)
{
    public override string ToString() => $"{Node}#{Incarnation.ToString("N")[..4]}";
}

/// <summary>The node that is primary, and the start of its process: a restarted process is another primary.</summary>
public sealed record PrimaryId(string Node, Guid Instance);

/// <summary>R1: never two rounds with one ballot. The default value is below every ballot.</summary>
public readonly record struct Ballot(long Counter, string Node, Guid Instance) : IComparable<Ballot>
{
    public static bool operator <(Ballot left, Ballot right) => left.CompareTo(right) < 0;

    public static bool operator >(Ballot left, Ballot right) => left.CompareTo(right) > 0;

    public static bool operator <=(Ballot left, Ballot right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Ballot left, Ballot right) => left.CompareTo(right) >= 0;

    public int CompareTo(Ballot other)
    {
        int order = Counter.CompareTo(other.Counter);
        order = order != 0 ? order : string.CompareOrdinal(Node, other.Node);
        return order != 0 ? order : Instance.CompareTo(other.Instance);
    }

    public override string ToString() => $"{Counter}.{Node}";
}

/// <summary>
/// What a register holds, as far as agreement and leases look into it. A change is a compare-and-swap on <see cref="Version"/>: the next value has the next version.
/// </summary>
public abstract record RegisterValue
{
    public required long Version { get; init; }

    /// <summary>Never empty.</summary>
    public required ValueList<VoterId> Voters { get; init; }

    /// <summary>Not empty between the two steps of a change of voters (R8): a majority of these is needed too.</summary>
    public ValueList<VoterId> OldVoters { get; init; }

    /// <summary>Grows whenever a node becomes primary; 0 before the first. A voter grants no lease below the epoch that it has accepted (L1).</summary>
    public long Epoch { get; init; }

    /// <summary>Null: nobody.</summary>
    public PrimaryId? Primary { get; init; }
}
