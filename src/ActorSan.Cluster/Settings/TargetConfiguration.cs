using ActorSan.Iscsi;

namespace ActorSan.Cluster.Settings;

/// <summary><c>actorsan.targets.&lt;name&gt;.luns.&lt;number&gt;</c>.</summary>
public sealed record LunConfiguration
{
    public required ulong Number { get; init; }

    /// <summary>A name under <c>actorsan.volumes</c>.</summary>
    public required string Volume { get; init; }

    /// <summary>RMB: START STOP UNIT may eject it and PREVENT ALLOW forbids that.</summary>
    public required bool Removable { get; init; }

    /// <summary>Write protected for those who come by this LUN.</summary>
    public required bool ReadOnly { get; init; }
}

/// <summary><c>actorsan.targets.&lt;name&gt;</c>.</summary>
public sealed record TargetConfiguration
{
    /// <summary>The key in the configuration.</summary>
    public required string Name { get; init; }

    /// <summary>iSCSI name, in the normal form of RFC 3722: lower case.</summary>
    public required string Iqn { get; init; }

    public required string Alias { get; init; }

    public required bool Open { get; init; }

    public required IReadOnlyList<InitiatorAccess> Initiators { get; init; }

    public required ChapSettings? Chap { get; init; }

    /// <summary>Ascending by number.</summary>
    public required IReadOnlyList<LunConfiguration> Luns { get; init; }

    public required IReadOnlyList<PortalGroupSettings> PortalGroups { get; init; }

    public required SessionSettings Session { get; init; }

    public required RedirectSettings? Redirect { get; init; }
}
