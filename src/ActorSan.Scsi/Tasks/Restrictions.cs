namespace ActorSan.Scsi;

/// <summary>Conditions of a unit, or of the port it is reached by, under which some commands are refused. A command's descriptor says by which it is stopped.</summary>
[Flags]
internal enum Restrictions
{
    None = 0,

    /// <summary>The volume or its configuration is write-protected.</summary>
    WriteProtected = 1 << 0,

    /// <summary>SWP in the control mode page.</summary>
    SoftwareWriteProtected = 1 << 1,

    /// <summary>Ejected (removable units only).</summary>
    MediumAbsent = 1 << 2,

    /// <summary>The volume does not serve: starting, failed, detached. (Suspended is not among them: requests wait.)</summary>
    VolumeNotReady = 1 << 4,

    Sanitizing = 1 << 5,

    /// <summary>A sanitize failed and was not forgiven: only EXIT FAILURE MODE or another sanitize get through.</summary>
    SanitizeFailed = 1 << 6,

    Formatting = 1 << 7,

    PortStandby = 1 << 8,
    PortUnavailable = 1 << 9,
    PortTransitioning = 1 << 10,

    /// <summary>The kept reservations are damaged: nobody knows who may write.</summary>
    ReservationsLost = 1 << 11,

    /// <summary>A self-test in the foreground has the unit for itself (SPC-4 §5.14.3).</summary>
    SelfTesting = 1 << 12,

    /// <summary>A FORMAT UNIT failed half way: only another one, or a sanitize, makes the medium whole.</summary>
    FormatCorrupt = 1 << 13,

    /// <summary>The unit of another node serves the volume: nothing of it is known here (<see cref="BlockDevice.Standby"/>).</summary>
    NotServing = 1 << 14,

    /// <summary>What stops a command that needs a unit that serves and a port in an active state.</summary>
    Port = NotServing | PortStandby | PortUnavailable | PortTransitioning,

    /// <summary>What stops a command that needs the medium.</summary>
    Medium = MediumAbsent | VolumeNotReady | Sanitizing | SanitizeFailed | Formatting | FormatCorrupt | SelfTesting | ReservationsLost | Port,

    /// <summary>What stops a command that changes the medium.</summary>
    MediumWrite = Medium | WriteProtected | SoftwareWriteProtected,

    /// <summary>What stops a command of the unit itself, which needs no medium.</summary>
    Unit = Sanitizing | Formatting | SelfTesting | Port,

    /// <summary>What stops a command that a standby port answers by itself, without the volume (SPC-4 §5.15.2.4.4).</summary>
    UnitAnywhere = Unit & ~(NotServing | PortStandby),
}
