using ActorSan.Replication.Core.Frames;

namespace ActorSan.Replication.Core.Ports;

/// <summary>
/// The place of one volume on the link to one peer: authenticated, ordered, checksummed. What was sent before the link went may have arrived or not; after it has come up
/// again nothing of before arrives any more. Lives as long as the engine; up and down are told by <see cref="ILinkUser"/>.
/// </summary>
public interface IPeerLink
{
    string Peer { get; }

    bool IsUp { get; }

    /// <summary>Its host has said, since the link went down, that no process listens there. False while nothing is known: a host that says nothing may have one that runs.</summary>
    bool IsGone { get; }

    /// <summary>What the send buffer has room for now; a frame that must go (all but writes to a syncing peer, and resync) is taken beyond it.</summary>
    long FreeBytes { get; }

    /// <summary>
    /// Queues a frame with the bytes at <paramref name="data"/> (<see cref="Frame.DataBytes"/> of them) behind it, which are read until <paramref name="hold"/> is given back. Does nothing but give back when the link is down.
    /// </summary>
    unsafe void Send(in Frame frame, byte* data, SendHold? hold);

    /// <summary>Queues a frame whose body is copied at once.</summary>
    void Send(in Frame frame, ReadOnlySpan<byte> body);

    /// <summary>Drops what is queued of an attachment that has ended, and gives its holds back as soon as nothing reads them.</summary>
    void Cancel(long attachment);
}

/// <summary>Keeps bytes in place while a link reads them. Counted: one hold may be with several links.</summary>
public abstract class SendHold
{
    public int Sends;

    /// <summary>The last link has given it back. May run before Send returns.</summary>
    public abstract void OnReleased();

    public void Release()
    {
        if (--Sends == 0)
        {
            OnReleased();
        }
    }
}

/// <summary>The bytes behind a received frame; kept by whoever needs them longer than the call.</summary>
public abstract class ReceivedData
{
    public int Keeps;

    public void Keep() => Keeps++;

    public void Release()
    {
        if (--Keeps == 0)
        {
            OnReleased();
        }
    }

    public abstract void OnReleased();
}

/// <summary>What a link tells its engine, all on the engine's thread.</summary>
public interface ILinkUser
{
    void OnLinkUp(IPeerLink link);

    void OnLinkDown(IPeerLink link);

    /// <summary>It is down, and <see cref="IPeerLink.IsGone"/> has become true.</summary>
    void OnPeerGone(IPeerLink link);

    /// <summary>A frame whose header and body fit their checksums. <paramref name="data"/> has <see cref="Frame.DataBytes"/> bytes, valid during the call unless kept.</summary>
    unsafe void OnFrame(IPeerLink link, in Frame frame, byte* data, ReceivedData? owner);
}
