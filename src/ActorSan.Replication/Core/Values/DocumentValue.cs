namespace ActorSan.Replication.Core.Values;

/// <summary>The value of a register whose content is nothing to agreement and leases: a text that is whole or not there. The catalog's.</summary>
public sealed record DocumentValue : RegisterValue
{
    /// <summary>The longest text, in bytes of UTF-8: with all that stands beside it it fits a control message.</summary>
    public const int MaxBytes = 400 << 10;

    public required string Document { get; init; }

    public override string ToString() => $"v{Version}, {Document.Length} characters, voters {string.Join('+', Voters)}";
}
