namespace ActorSan.Replication.Core.Leases;

/// <summary>Durations of leases. All nodes should have the same; a difference costs no safety, for the renewal names the lease and <see cref="Drift"/> is a bound on each clock.</summary>
public sealed record LeaseSettings
{
    /// <summary>How long a lease is.</summary>
    public long LeaseNs { get; init; } = 1_000_000_000;

    /// <summary>How often it is renewed.</summary>
    public long RenewNs { get; init; } = 250_000_000;

    /// <summary>How far the rate of a clock may be from true (A1).</summary>
    public double Drift { get; init; } = 0.01;

    /// <summary>A voter grants nothing longer, whoever asks: a restarted voter is mute for so long (L6).</summary>
    public long LongestLeaseNs { get; init; } = 60_000_000_000;

    /// <summary>L3: what the holder counts of a lease, from the moment of sending.</summary>
    public long HolderNs(long leaseNs) => (long)Math.Floor(leaseNs * (1 - Drift));

    /// <summary>L1, L6: for how long a voter holds to what it has granted.</summary>
    public long VoterNs(long leaseNs) => (long)Math.Ceiling(leaseNs * (1 + Drift));
}
