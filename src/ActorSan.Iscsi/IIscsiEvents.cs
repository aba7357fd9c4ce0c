namespace ActorSan.Iscsi;

/// <summary>A session as the outside sees it.</summary>
public sealed record SessionInfo(
    long SessionId,
    string InitiatorName,
    string InitiatorAlias,
    string TargetName,
    ulong Isid,
    ushort Tsih,
    ushort PortalGroupTag,
    string PeerAddress,
    bool Discovery,
    string Parameters)
{
    /// <summary>Counted by the session while it lives. Any thread may read them.</summary>
    public SessionCounters Counters { get; } = new();
}

public enum SessionEnd : byte
{
    Logout,
    ConnectionLost,
    ProtocolError,
    NopTimeout,
    Reinstated,
    Kicked,
    TargetReset,
    TargetRemoved,
    Shutdown,
}

public enum LoginRefusal : byte
{
    AuthenticationFailed,
    NotAuthorized,
    TargetNotFound,
    Redirected,
    TooManySessions,
    ProtocolError,
    TimedOut,
}

/// <summary>What iSCSI tells the outside, on an I/O thread: an implementer hands it on (Cluster: <c>Tell</c>) and returns at once.</summary>
public interface IIscsiEvents
{
    void SessionStarted(SessionInfo session);

    void SessionEnded(SessionInfo session, SessionEnd reason, string detail);

    void LoginRefused(string initiatorName, string targetName, string peerAddress, LoginRefusal refusal, string detail);

    /// <summary>Something an administrator may want to read: rejected PDUs, digest errors, closed connections.</summary>
    void Warning(string peerAddress, string text);
}
