using ActorSan.Replication.Core.Values;

namespace ActorSan.Tests.Replication.Register;

/// <summary>A value that tells which one it was made from.</summary>
internal sealed record Cell : RegisterValue
{
    public required Guid Id { get; init; }

    public Guid Previous { get; init; }

    public long Reign { get; init; }

    public override string ToString()
        => $"v{Version} {Id.ToString("N")[..4]} from {Previous.ToString("N")[..4]} e{Epoch} primary {Primary?.Node ?? "-"} voters {Voters}{(OldVoters.Count > 0 ? $" old {OldVoters}" : "")}";
}
