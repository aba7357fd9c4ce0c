using ActorSan.Iscsi;

namespace ActorSan.Cluster.Messages;

/// <summary>To <c>targets</c>: export every target with the volumes there are. Answered by <see cref="TargetsExported"/>.</summary>
public sealed record ExportTargets;

public sealed record TargetsExported(IReadOnlyList<TargetSummary> Targets);

/// <summary>From a target's actor: the iSCSI side has its settings.</summary>
/// <param name="Version">Of the <see cref="PutTarget"/> that it follows; 0: of the configuration.</param>
public sealed record TargetExported(string Name, TargetSummary Summary, long Version);

/// <summary>From a target's actor: the iSCSI side refused them.</summary>
public sealed record TargetFailed(string Name, string Reason);

/// <summary>From an I/O thread: somebody logged in.</summary>
public sealed record SessionOpened(SessionInfo Session);

/// <summary>From an I/O thread: a session is over.</summary>
public sealed record SessionClosed(SessionInfo Session, SessionEnd Reason, string Detail);

/// <summary>From an I/O thread: somebody was not let in.</summary>
public sealed record LoginDenied(string InitiatorName, string TargetName, string PeerAddress, LoginRefusal Refusal, string Detail);

/// <summary>From an I/O thread: something worth a line in the log.</summary>
public sealed record IscsiWarning(string PeerAddress, string Text);

/// <summary>To a session's actor, or to <c>targets</c> or a target for one of its sessions: end it.</summary>
public sealed record KickSession(long SessionId);

/// <summary>To <c>targets</c>: sessions that wait here for that volume end, and look for it elsewhere.</summary>
public sealed record LetSessionsGo(string Volume);

/// <summary>To a target's actor. Answered by <see cref="TargetReport"/>.</summary>
public sealed record GetTargetReport;

/// <summary>To <c>targets</c>. Answered by an array of <see cref="TargetReport"/>.</summary>
public sealed record GetTargetReports;

public sealed record TargetReport(string Iqn, IReadOnlyList<ulong> Luns, IReadOnlyList<SessionReport> Sessions, long Logins, long Refusals);

public sealed record SessionReport(SessionInfo Session, DateTimeOffset Since);

/// <summary>To a session's actor. Answered by <see cref="SessionReport"/>.</summary>
public sealed record GetSessionReport;
