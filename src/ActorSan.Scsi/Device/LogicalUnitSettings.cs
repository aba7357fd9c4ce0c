using ActorSan.Storage.Buffers;

namespace ActorSan.Scsi;

/// <summary>Settings of one logical unit; each has its key under <c>actorsan.luns</c>.</summary>
public sealed record LogicalUnitSettings
{
    /// <summary>RMB: the medium can be ejected and loaded by START STOP UNIT.</summary>
    public bool Removable { get; init; }

    /// <summary>Refuses every write, whatever the volume would do.</summary>
    public bool WriteProtected { get; init; }

    /// <summary>T10 VENDOR IDENTIFICATION: at most 8 ASCII characters.</summary>
    public string Vendor { get; init; } = "ACTORSAN";

    /// <summary>PRODUCT IDENTIFICATION: at most 16 ASCII characters.</summary>
    public string Product { get; init; } = "VOLUME";

    /// <summary>PRODUCT REVISION LEVEL: at most 4 ASCII characters.</summary>
    public string Revision { get; init; } = "0.1";

    /// <summary>Tasks in the task set; one more is answered TASK SET FULL (or BUSY).</summary>
    public int MaxTasks { get; init; } = 4096;

    /// <summary>The longest READ, WRITE or VERIFY with data; not above <see cref="BufferPool.MaxBufferBytes"/>.</summary>
    public int MaxTransferBytes { get; init; } = 4 << 20;

    /// <summary>The longest UNMAP and WRITE SAME: one command's share of the volume's time.</summary>
    public long MaxUnmapBytes { get; init; } = 1L << 30;

    /// <summary>EXTENDED COPY commands that run at once at this unit; further ones wait in the task set. 1 to 255.</summary>
    public int MaxConcurrentCopies { get; init; } = 4;

    /// <summary>The longest segment of EXTENDED COPY: MAXIMUM SEGMENT LENGTH.</summary>
    public int MaxCopySegmentBytes { get; init; } = 256 << 20;

    /// <summary>Relative target port identifiers by which the unit can be reached, on all nodes: what a registration for all ports (ALL_TG_PT) covers.</summary>
    public IReadOnlyList<ushort> TargetPorts { get; init; } = [];

    /// <summary>The target port groups by which it can be reached, on all nodes, as they are at first; empty: each nexus is told of its own.</summary>
    public IReadOnlyList<TargetPortGroup> PortGroups { get; init; } = [];

    /// <summary>Registrations for persistent reservations; one more is refused (INSUFFICIENT REGISTRATION RESOURCES).</summary>
    public int MaxRegistrations { get; init; } = 512;

    /// <summary>Pace of a sanitize, bytes per second; zero is unlimited.</summary>
    public long SanitizeMaxRateBytes { get; init; } = 256L << 20;
}
