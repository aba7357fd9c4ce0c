using ActorSan.Replication.Core.Ports;

namespace ActorSan.Replication.Volume;

/// <summary>Ids and luck of the operating system. Any thread.</summary>
public sealed class SystemChance : IChance
{
    public static SystemChance Instance { get; } = new();

    public Guid NewId() => Guid.NewGuid();

    public double NextDouble() => Random.Shared.NextDouble();
}
