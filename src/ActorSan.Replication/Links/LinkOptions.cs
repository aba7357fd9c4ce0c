using ActorSan.Storage.Buffers;

namespace ActorSan.Replication.Links;

/// <summary>Settings of a node's links; durations and bounds have their keys under <c>actorsan.links</c>.</summary>
public sealed record LinkOptions
{
    /// <summary>Shorter keys can be guessed from one recorded handshake.</summary>
    public const int MinKeyBytes = 16;

    /// <summary>The most that stands behind one header: no frame is longer, and no buffer is.</summary>
    public const int MaxDataBytes = BufferPool.MaxBufferBytes;

    public required string Node { get; init; }

    public required Guid ClusterId { get; init; }

    /// <summary>The pre-shared key of the cluster, <see cref="MinKeyBytes"/> or more.</summary>
    public required byte[] Key { get; init; }

    /// <summary>Whether a link without TLS is refused. If not, one is encrypted where the other node refuses it without.</summary>
    public bool Encrypts { get; init; }

    /// <summary>Bytes in flight of one link: what is queued and not yet taken by the kernel. See <see cref="Core.Ports.IPeerLink.FreeBytes"/>.</summary>
    public long SendBufferBytes { get; init; } = 16L << 20;

    /// <summary>From the first packet of a connection to its end.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A link that has nothing to send says so this often.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>A link of which nothing has come for so long is broken.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A peer that acknowledges nothing, or whose window stays shut, for so long is lost (TCP_USER_TIMEOUT). Longer than any wait for a buffer.</summary>
    public TimeSpan UserTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The wait before the first new attempt; it doubles up to <see cref="LongestWait"/>, and is between half of it and the whole.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromMilliseconds(10);

    public TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often the ways to a peer that are not in use are looked at.</summary>
    public TimeSpan PathCheck { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Other keys are asked for when so many TLS records have been sent with the same: AES-GCM bears 2^24.5 (RFC 8446, §5.5).</summary>
    public int RekeyAfterRecords { get; init; } = 1 << 22;

    /// <summary>Connections that have not proved yet who they are; one more is closed at once.</summary>
    public int MaxUnauthenticated { get; init; } = 64;
}
