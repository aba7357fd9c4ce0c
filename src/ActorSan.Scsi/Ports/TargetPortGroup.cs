namespace ActorSan.Scsi;

/// <summary>ASYMMETRIC ACCESS STATE of a target port group (SPC-4 §6.37); the code points are the standard's.</summary>
public enum PortGroupState : byte
{
    ActiveOptimized = 0x0,
    ActiveNonOptimized = 0x1,
    Standby = 0x2,
    Unavailable = 0x3,
    Transitioning = 0xF,
}

/// <summary>
/// A target port group as one logical unit sees it (SPC-4 §5.15.2): ports that share an access state. Immutable: whoever knows of a change gives the unit new ones
/// (<see cref="BlockDevice.SetPortGroups"/>).
/// </summary>
public sealed record TargetPortGroup
{
    /// <summary>Target port group identifier, unique in the cluster.</summary>
    public required ushort Id { get; init; }

    /// <summary>Relative target port identifiers of its ports, ascending.</summary>
    public required IReadOnlyList<ushort> RelativePorts { get; init; }

    public PortGroupState State { get; init; } = PortGroupState.ActiveOptimized;

    /// <summary>PREF: the group to use when there is a choice.</summary>
    public bool Preferred { get; init; }
}
