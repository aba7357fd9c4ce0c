using System.Net;
using ActorSan.Scsi;

namespace ActorSan.Iscsi;

/// <summary>One address that the node listens on (RFC 7143 §3.4.1).</summary>
public sealed record PortalSettings
{
    public required IPEndPoint Address { get; init; }

    /// <summary>Portal group tag; sessions of one group share connections and the relative port id of the group.</summary>
    public required ushort GroupTag { get; init; }

    /// <summary>Where SendTargets should say that this portal is, if not at <see cref="Address"/> (a wildcard address, NAT).</summary>
    public IPEndPoint? Advertised { get; init; }
}

/// <summary>A portal group of a target, with its SCSI port designators (RFC 7143 §4.4.2; SPC-4 §7.8.6).</summary>
public sealed record PortalGroupSettings
{
    public required ushort GroupTag { get; init; }

    /// <summary>Relative target port identifier, unique in the cluster.</summary>
    public required ushort RelativePortId { get; init; }

    /// <summary>Target port group (ALUA), unique in the cluster for each node.</summary>
    public required ushort PortGroupId { get; init; }
}

/// <summary>A portal of the same target on another node: SendTargets names it (RFC 7143 §13.8), nobody logs in to it here.</summary>
public sealed record RemotePortalSettings
{
    /// <summary>Where an initiator reaches it: no wildcard, and a port.</summary>
    public required IPEndPoint Address { get; init; }

    /// <summary>Portal group tag there: never one of this node's, for a session does not go over two nodes.</summary>
    public required ushort GroupTag { get; init; }
}

/// <summary>CHAP (RFC 1994, RFC 7143 §12.1.3) as one target asks it.</summary>
public sealed record ChapSettings
{
    /// <summary>The initiator's name and secret.</summary>
    public required string UserName { get; init; }

    public required string Secret { get; init; }

    /// <summary>What the target proves to an initiator that asks (mutual CHAP); null: it can't.</summary>
    public string? MutualUserName { get; init; }

    public string? MutualSecret { get; init; }

    /// <summary>Digest algorithms offered, strongest first: SHA3-256 (8), SHA-256 (7), SHA1 (6), MD5 (5).</summary>
    public IReadOnlyList<byte> Algorithms { get; init; } = [8, 7, 6, 5];
}

/// <summary>Who may log in and what he sees.</summary>
public sealed record InitiatorAccess
{
    /// <summary>An iSCSI name, or a pattern with <c>*</c>.</summary>
    public required string Pattern { get; init; }

    /// <summary>LUNs that he sees; null: all.</summary>
    public IReadOnlyList<ulong>? Luns { get; init; }

    /// <summary>CHAP for this initiator alone; null: the target's.</summary>
    public ChapSettings? Chap { get; init; }
}

/// <summary>Limits and offers at login (RFC 7143 §13); lengths in bytes.</summary>
public sealed record SessionSettings
{
    /// <summary>What we take in one data segment.</summary>
    public int MaxRecvDataSegmentLength { get; init; } = 256 << 10;

    public int MaxBurstLength { get; init; } = 1 << 20;

    public int FirstBurstLength { get; init; } = 256 << 10;

    public bool InitialR2T { get; init; }

    public bool ImmediateData { get; init; } = true;

    public int MaxOutstandingR2T { get; init; } = 8;

    /// <summary>The CmdSN window: commands that one session may have in flight.</summary>
    public int CommandWindow { get; init; } = 128;

    /// <summary>Digests that we agree to; the initiator's order decides.</summary>
    public bool HeaderDigest { get; init; } = true;

    public bool DataDigest { get; init; } = true;

    /// <summary>Require digests: a login without is refused.</summary>
    public bool RequireDigests { get; init; }

    /// <summary>Silence after which a NOP-In asks whether the initiator lives; zero never asks.</summary>
    public TimeSpan NopInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>An unanswered NOP-In ends the connection after this.</summary>
    public TimeSpan NopTimeout { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>A target as configured; the actor that owns it replaces it whole on a change.</summary>
public sealed record TargetSettings
{
    /// <summary>iSCSI name: iqn., eui. or naa. (RFC 7143 §4.2.7).</summary>
    public required string Name { get; init; }

    public string Alias { get; init; } = "";

    /// <summary>Of this node.</summary>
    public required IReadOnlyList<PortalGroupSettings> PortalGroups { get; init; }

    /// <summary>Of the other nodes that show this target.</summary>
    public IReadOnlyList<RemotePortalSettings> RemotePortals { get; init; } = [];

    /// <summary>Empty with <see cref="Open"/> false admits nobody.</summary>
    public IReadOnlyList<InitiatorAccess> Initiators { get; init; } = [];

    /// <summary><c>access = open</c>: every initiator.</summary>
    public bool Open { get; init; }

    public ChapSettings? Chap { get; init; }

    public required IReadOnlyDictionary<ulong, LogicalUnit> Luns { get; init; }

    public SessionSettings Session { get; init; } = new();

    /// <summary>Logins are sent here (RFC 7143 §4.2.8 status 01h): temporary or permanent; null serves here.</summary>
    public RedirectSettings? Redirect { get; init; }
}

public sealed record RedirectSettings(string Address, bool Permanent);
