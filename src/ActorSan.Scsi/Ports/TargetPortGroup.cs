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

/// <summary>STATUS CODE of a target port group (SPC-4 §6.37): why it is in its state; the code points are the standard's.</summary>
public enum PortGroupStatus : byte
{
    None = 0x0,

    /// <summary>By SET TARGET PORT GROUPS, which we do not have.</summary>
    AlteredByCommand = 0x1,

    /// <summary>By the device's own decision: the cluster moved the volume.</summary>
    AlteredImplicitly = 0x2,
}

/// <summary>
/// A target port group as one logical unit sees it (SPC-4 §5.15.2): ports that share an access state. Immutable: whoever knows of a change gives the unit new ones
/// (<see cref="BlockDevice.SetPortGroups"/>).
/// </summary>
public sealed record TargetPortGroup
{
    private readonly PortGroupStatus? _status;

    /// <summary>Target port group identifier, unique in the cluster.</summary>
    public required ushort Id { get; init; }

    /// <summary>Relative target port identifiers of its ports, ascending.</summary>
    public required IReadOnlyList<ushort> RelativePorts { get; init; }

    public PortGroupState State { get; init; } = PortGroupState.ActiveOptimized;

    /// <summary>STATUS CODE; when it is not said, none for the best state, and the cluster's own decision for every other.</summary>
    public PortGroupStatus Status
    {
        get => _status ?? (State == PortGroupState.ActiveOptimized ? PortGroupStatus.None : PortGroupStatus.AlteredImplicitly);
        init => _status = value;
    }

    /// <summary>
    /// The group of this node's ports. Its active state holds only while the unit here serves: until then, and afterwards, it is standby, whatever was said of it, so that
    /// REPORT TARGET PORT GROUPS never promises what the next command would refuse.
    /// </summary>
    public bool IsOwn { get; init; }

    internal bool IsActive => State is PortGroupState.ActiveOptimized or PortGroupState.ActiveNonOptimized;

    /// <summary>PREF: the group to use when there is a choice.</summary>
    public bool Preferred { get; init; }
}
