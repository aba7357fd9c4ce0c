using ActorSan.Scsi;

namespace ActorSan.Iscsi;

/// <summary>Which thread a session lives on.</summary>
public enum SessionPlacement : byte
{
    /// <summary>Home where all units of the target have one home; else spread.</summary>
    Auto,

    /// <summary>The home thread of the lowest unit: no command of it crosses threads.</summary>
    Home,

    /// <summary>Round robin.</summary>
    Spread,
}

/// <summary>Limits of the server as a whole; each has its key under <c>actorsan.iscsi</c>.</summary>
public sealed record IscsiServerOptions
{
    /// <summary>TCP connections at one time; more are closed at once.</summary>
    public int MaxConnections { get; init; } = 4096;

    /// <summary>Connections that have not finished their login, of <see cref="MaxConnections"/>.</summary>
    public int MaxUnauthenticatedConnections { get; init; } = 1024;

    public int MaxSessions { get; init; } = 4096;

    /// <summary>Connections that may wait to be accepted on each portal.</summary>
    public int Backlog { get; init; } = 1024;

    /// <summary>A connection that has not finished its login after this is closed.</summary>
    public TimeSpan LoginTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>TCP_USER_TIMEOUT: sent bytes that nobody acknowledges end the connection after this.</summary>
    public TimeSpan TcpUserTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A command that has waited this long for a buffer is answered TASK SET FULL, so that what stands behind it, a ping or an abort, is read.</summary>
    public TimeSpan BufferPatience { get; init; } = TimeSpan.FromSeconds(2);

    public SessionPlacement Placement { get; init; } = SessionPlacement.Auto;

    /// <summary>CHAP for discovery sessions; null asks for none.</summary>
    public ChapSettings? DiscoveryChap { get; init; }

    public SessionSettings DiscoverySession { get; init; } = new();
}

/// <summary>The units that every session sees beside those of its target.</summary>
/// <param name="NoSuchUnit">Answers for every LUN that is not there.</param>
/// <param name="ReportLuns">The REPORT LUNS well-known logical unit.</param>
public sealed record CommonUnits(LogicalUnit NoSuchUnit, LogicalUnit ReportLuns);
