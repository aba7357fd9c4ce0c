using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Wire;
using ActorSan.Storage;

namespace ActorSan.Replication.Links;

/// <summary>
/// The place of one volume on the connection to one peer, as real as the simulator's end of a link, whose promises it keeps:
/// <list type="number">
/// <item>What arrives is a beginning of what the peer sent since the link came up, in that order, each frame once, each byte as it was: headers and data carry a CRC32C, and one
/// that does not fit ends the connection before anything of the frame is told.</item>
/// <item>Up and down are told in turns, up first, each once: <see cref="ILinkUser.OnLinkUp"/> and <see cref="ILinkUser.OnLinkDown"/> never inside a call of the user's own
/// but <see cref="NodeLinks"/> closing the peer. It is up only while both ends have the volume open; an end that closes and opens it again makes the other see down and up.</item>
/// <item>After up nothing arrives that was sent before: neither of an earlier connection nor of an earlier opening of the volume.</item>
/// <item>Nothing is told before up or after down.</item>
/// <item>A frame that is sent while it is up goes or the link goes down; one that is sent while it is down goes nowhere, and its hold is given back at once. What was queued
/// at a break is dropped, and its holds are given back when the kernel has let go of the bytes, perhaps after OnLinkDown.</item>
/// <item>A hold is given back exactly once for each send, on the thread; until then its bytes are read.</item>
/// <item>A cancelled attachment's frames that the kernel has not been given are dropped and their holds given back at once; those that it has go whole.</item>
/// <item><see cref="FreeBytes"/> is of the connection, so all volumes on it share one bound; a frame that must go is taken beyond it.</item>
/// <item>Received data is valid during the call, or until the last Keep is released, beyond the end of the link.</item>
/// <item>A peer that says nothing for <see cref="LinkOptions.Silence"/> is taken for gone: one-way cuts and power failures end in OnLinkDown, too.</item>
/// </list>
/// All on the links' thread. A volume has at most one place on a link at a time.
/// </summary>
public sealed unsafe class LinkChannel : IPeerLink
{
    private readonly LinkPeer _peer;

    internal LinkChannel(LinkPeer peer, Guid volumeId, long opening, ILinkUser user)
    {
        _peer = peer;
        VolumeId = volumeId;
        Opening = opening;
        User = user;
    }

    public Guid VolumeId { get; }

    public string Peer => _peer.Name;

    public bool IsUp { get; private set; }

    public bool IsGone => _peer.IsGone;

    public long FreeBytes => Math.Max(0, _peer.SendBufferBytes - (_peer.Connection?.QueuedBytes ?? 0));

    /// <summary>The number of this opening, told to the peer; above 0, never used again by this process.</summary>
    internal long Opening { get; }

    internal ILinkUser User { get; }

    // When a connection ends, the volumes on it hear so one after another, and what the first does about it may make another, which has not heard yet, send.
    private LinkConnection? Way => IsUp ? _peer.Connection : null;

    /// <summary>How often it came up: tells whether a body belongs to the time of its header.</summary>
    internal long Ups { get; private set; }

    public void Send(in Frame frame, byte* data, SendHold? hold)
    {
        Check(frame);
        if (Way is not { } connection)
        {
            hold?.Release();
        }
        else if (hold is null)
        {
            // Nobody keeps the bytes in place for longer than this call.
            connection.Send(this, frame, new ReadOnlySpan<byte>(data, frame.DataBytes));
        }
        else
        {
            connection.Send(this, frame, data, hold);
        }
    }

    public void Send(in Frame frame, ReadOnlySpan<byte> body)
    {
        Frame whole = frame;
        whole.DataBytes = body.Length;
        Check(whole);
        Way?.Send(this, whole, body);
    }

    public void Cancel(long attachment)
    {
        Invariant.Check(attachment > 0);
        _peer.Connection?.Cancel(this, attachment);
    }

    /// <summary>The user is gone: nothing more is told, what is queued is dropped, and the peer learns of it.</summary>
    public void Close() => _peer.Close(this);

    internal void GoUp()
    {
        IsUp = true;
        Ups++;
        User.OnLinkUp(this);
    }

    internal void GoDown()
    {
        if (IsUp)
        {
            IsUp = false;
            _peer.Connection?.Cancel(this, 0);
            User.OnLinkDown(this);
        }
    }

    internal void TellGone()
    {
        if (!IsUp)
        {
            User.OnPeerGone(this);
        }
    }

    internal void Forget() => IsUp = false;

    // What the reader of the other side would refuse is our own bug, found where it is made.
    private static void Check(in Frame frame)
    {
        FrameFault fault = FrameHeader.Check(frame, new FrameLimits(LinkOptions.MaxDataBytes));
        if (fault != FrameFault.None)
        {
            Invariant.Fail(FrameFaults.Describe(fault, frame));
        }
    }
}
