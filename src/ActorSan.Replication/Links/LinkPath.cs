namespace ActorSan.Replication.Links;

public enum LinkPathCondition : byte
{
    /// <summary>Nobody has looked yet.</summary>
    Unknown,

    /// <summary>Carries the link.</summary>
    Active,

    /// <summary>The peer was reached by it when it was last looked at.</summary>
    Standby,

    Down,
}

/// <summary>One of several ways to a peer.</summary>
/// <param name="Address">IP:PORT where the peer listens.</param>
public sealed record LinkPath(string Address, LinkPathCondition Condition);
