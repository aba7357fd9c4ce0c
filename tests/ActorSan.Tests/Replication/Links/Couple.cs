using System.Net;
using ActorSan.Replication.Links;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Replication.Links;

/// <summary>Atlas, which dials, and zeus, which listens.</summary>
internal sealed class Couple : IAsyncDisposable
{
    private Couple(LinkNode atlas, LinkNode zeus, LinkPeer atlasSide, LinkPeer zeusSide, LinkProxy? proxy)
    {
        Atlas = atlas;
        Zeus = zeus;
        AtlasSide = atlasSide;
        ZeusSide = zeusSide;
        Proxy = proxy;
    }

    public LinkNode Atlas { get; }

    public LinkNode Zeus { get; }

    public LinkPeer AtlasSide { get; }

    public LinkPeer ZeusSide { get; }

    public LinkProxy? Proxy { get; }

    public static async Task<Couple> Make(IoEngineKind engine, bool encrypted = false, bool proxied = false, Func<LinkOptions, LinkOptions>? change = null, Func<int, bool, (long At, byte Mask)>? flip = null)
    {
        var atlas = new LinkNode(engine, "atlas", change, encrypted);
        var zeus = new LinkNode(engine, "zeus", change, encrypted);
        IPEndPoint address = await zeus.Listen();
        LinkProxy? proxy = proxied ? new LinkProxy(address, flip) : null;
        return new Couple(atlas, zeus, await atlas.Add("zeus", proxy?.Address ?? address), await zeus.Add("atlas"), proxy);
    }

    /// <summary>A volume at both ends.</summary>
    public async Task<(LinkEndUser Atlas, LinkEndUser Zeus)> Open(Guid volumeId, long toSend = 0)
    {
        var atlas = new LinkEndUser(Atlas, 11) { ToSend = toSend };
        var zeus = new LinkEndUser(Zeus, 12) { ToSend = toSend };
        await Atlas.Thread.Invoke(() => atlas.Channel = AtlasSide.Open(volumeId, atlas));
        await Zeus.Thread.Invoke(() => zeus.Channel = ZeusSide.Open(volumeId, zeus));
        return (atlas, zeus);
    }

    public async ValueTask DisposeAsync()
    {
        Proxy?.Dispose();
        await Atlas.DisposeAsync();
        await Zeus.DisposeAsync();
    }
}

internal static class BufferPoolChecks
{
    /// <summary>Whether a frame of the test's largest size would find a buffer.</summary>
    public static bool TryRentAndReturn(this BufferPool pool)
    {
        bool found = pool.TryRent(64 << 10, BufferOwner.Test, out IoBuffer buffer);
        if (found)
        {
            pool.Return(buffer);
        }

        return found;
    }
}
