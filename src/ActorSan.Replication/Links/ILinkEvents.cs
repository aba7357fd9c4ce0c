namespace ActorSan.Replication.Links;

/// <summary>Why a connection between two nodes ended.</summary>
public enum LinkEnd : byte
{
    /// <summary>The peer closed it, or the network did.</summary>
    Lost,

    /// <summary>Nothing came for longer than <see cref="LinkOptions.Silence"/>.</summary>
    Silent,

    /// <summary>What came is no frame, or does not fit its checksum.</summary>
    Damaged,

    /// <summary>The peer has made a new one, which it only does when it believes this one gone.</summary>
    Replaced,

    /// <summary>This node stops, or does not know the peer any more.</summary>
    Stopped,

    /// <summary>No connection came about.</summary>
    NotReached,

    /// <summary>The peer's host has answered that nobody listens: its process has ended.</summary>
    Gone,

    /// <summary>One side did not accept the other's handshake.</summary>
    Refused,
}

/// <summary>What links tell the outside, on their thread: an implementer hands it on and returns at once.</summary>
public interface ILinkEvents
{
    /// <summary>A connection is authenticated. <paramref name="address"/> is the peer's.</summary>
    void LinkUp(string peer, string address);

    /// <summary>An authenticated connection has ended. <paramref name="detail"/> is a sentence for the log.</summary>
    void LinkDown(string peer, LinkEnd end, string detail);

    /// <summary>A connection ended before it was authenticated. <paramref name="peer"/> is null where one that came in has not said who it is.</summary>
    /// <param name="fault">None unless <paramref name="end"/> is <see cref="LinkEnd.Refused"/>.</param>
    void NoLink(string? peer, string address, LinkEnd end, HandshakeFault fault, string detail);

    /// <summary>One of several ways to a peer that is connected is there or not, which was not so before. <paramref name="address"/> is where the peer listens.</summary>
    void PathChanged(string peer, string address, bool isThere);
}
