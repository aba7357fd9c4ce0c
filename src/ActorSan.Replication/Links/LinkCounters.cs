using ActorSan.Storage;

namespace ActorSan.Replication.Links;

/// <summary>What the links with one peer have carried since the node's start, over all connections. Counted by the links' thread, read by any.</summary>
public sealed class LinkCounters
{
    private long _sentBytes;
    private long _receivedBytes;
    private long _sentFrames;
    private long _receivedFrames;
    private long _queuedBytes;
    private long _losses;
    private LinkPath[] _paths = [];
    private volatile bool _isEncrypted;

    /// <summary>Taken by the kernel: frames and notes.</summary>
    public long SentBytes => Volatile.Read(ref _sentBytes);

    public long ReceivedBytes => Volatile.Read(ref _receivedBytes);

    /// <summary>Given to the kernel; notes are no frames.</summary>
    public long SentFrames => Volatile.Read(ref _sentFrames);

    /// <summary>Whole and with a right checksum, those of no volume that is open among them.</summary>
    public long ReceivedFrames => Volatile.Read(ref _receivedFrames);

    /// <summary>Waiting to be taken by the kernel, now.</summary>
    public long QueuedBytes => Volatile.Read(ref _queuedBytes);

    /// <summary>Authenticated connections that ended.</summary>
    public long Losses => Volatile.Read(ref _losses);

    /// <summary>The latest connection is, or was, encrypted.</summary>
    public bool IsEncrypted => _isEncrypted;

    /// <summary>From a keep-alive to the peer's answer, without the time for which the peer kept it: the network and two turns of a loop. An idle link measures it, a busy one does not.</summary>
    public DurationCounts RoundTrip { get; } = new();

    /// <summary>The ways to the peer, the best first.</summary>
    public IReadOnlyList<LinkPath> Paths => Volatile.Read(ref _paths);

    internal void SetEncrypted(bool isEncrypted) => _isEncrypted = isEncrypted;

    internal void SetPaths(LinkPath[] paths) => Volatile.Write(ref _paths, paths);

    internal void Sent(int bytes, long queuedBytes)
    {
        _sentBytes += bytes;
        _queuedBytes = queuedBytes;
    }

    internal void Queued(long bytes) => _queuedBytes = bytes;

    internal void Gave(int frames) => _sentFrames += frames;

    internal void Received(int bytes) => _receivedBytes += bytes;

    internal void ReceivedFrame() => _receivedFrames++;

    internal void Lost()
    {
        _losses++;
        _queuedBytes = 0;
    }
}
