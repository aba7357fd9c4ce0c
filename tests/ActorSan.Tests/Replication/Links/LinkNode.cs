using System.Net;
using ActorSan.Replication.Links;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Replication.Register;
using ActorSan.Tests.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Replication.Links;

/// <summary>One node of a test: an I/O thread of its own, real sockets, and a record of what its links tell.</summary>
internal sealed class LinkNode : ILinkEvents, IAsyncDisposable
{
    public static readonly Guid Cluster = new("6b1f1d0e-53c1-4d7e-9a57-2f1f4c6f7d11");
    public static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(value => (byte)value)];

    private readonly List<(Func<bool> Condition, TaskCompletionSource Met)> _waiting = [];
    private bool _stopped;

    public LinkNode(IoEngineKind engine, string name, Func<LinkOptions, LinkOptions>? change = null, bool encrypted = false)
    {
        Thread = EngineHarness.Start(engine);
        var options = new LinkOptions
        {
            Node = name,
            ClusterId = Cluster,
            Key = Key,
            Encrypts = encrypted,
            SendBufferBytes = 2 << 20,
            Silence = TimeSpan.FromSeconds(20),
            FirstWait = TimeSpan.FromMilliseconds(1),
            LongestWait = TimeSpan.FromMilliseconds(4),
        };
        Links = new NodeLinks(Thread, change?.Invoke(options) ?? options, this, new Chance(7));
    }

    public IoThread Thread { get; }

    public NodeLinks Links { get; }

    /// <summary>On the thread.</summary>
    public List<(string? Peer, LinkEnd End, HandshakeFault Fault, string Detail)> Ends { get; } = [];

    /// <summary>What keeps received bytes.</summary>
    public List<LinkEndUser> Users { get; } = [];

    public int Ups { get; private set; }

    public int Downs { get; private set; }

    /// <summary>What must never happen, and did.</summary>
    public List<string> Violations { get; } = [];

    public Task<IPEndPoint> Listen(IPEndPoint? at = null) => Thread.Invoke(() => Links.Listen(at ?? new IPEndPoint(IPAddress.Loopback, 0)));

    /// <param name="addresses">By which it is reached, the best first; none: it is not known where.</param>
    public Task<LinkPeer> Add(string name, params IPEndPoint[] addresses) => Thread.Invoke(() => Links.Add(name, addresses));

    /// <summary>What became of paths, in order.</summary>
    public List<(string Address, bool IsThere)> PathChanges { get; } = [];

    public void PathChanged(string peer, string address, bool isThere)
    {
        PathChanges.Add((address, isThere));
        Changed();
    }

    /// <summary>Completes when the condition, looked at on the thread after every event, is met.</summary>
    public async Task Until(Func<bool> condition, TimeSpan? limit = null)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await Thread.Invoke(() =>
        {
            _waiting.Add((condition, met));
            Changed();
            return 0;
        });
        try
        {
            await met.Task.WaitAsync(limit ?? EngineHarness.Limit);
        }
        catch (TimeoutException late)
        {
            string ends = await Thread.Invoke(() => string.Join("; ", Ends.TakeLast(5).Select(end => $"{end.End} {end.Detail}")));
            throw new TimeoutException($"{Links.Options.Node}: ups {Ups}, downs {Downs}, violations [{string.Join("; ", Violations)}], ends [{ends}]", late);
        }
    }

    public void Changed()
    {
        foreach ((Func<bool> condition, TaskCompletionSource met) in _waiting)
        {
            if (!met.Task.IsCompleted && condition())
            {
                met.SetResult();
            }
        }
    }

    public void LinkUp(string peer, string address)
    {
        Demand(Ups == Downs, "a link came up twice");
        Ups++;
        Changed();
    }

    public void LinkDown(string peer, LinkEnd end, string detail)
    {
        Demand(Ups == Downs + 1, "a link went down that was not up");
        Downs++;
        Ends.Add((peer, end, HandshakeFault.None, detail));
        Changed();
    }

    public void NoLink(string? peer, string address, LinkEnd end, HandshakeFault fault, string detail)
    {
        Ends.Add((peer, end, fault, detail));
        Changed();
    }

    public void Demand(bool holds, string violation)
    {
        if (!Thread.IsCurrent)
        {
            violation += " (and on another thread)";
        }

        if (!holds || !Thread.IsCurrent)
        {
            Violations.Add(violation);
        }
    }

    public async Task Stop()
    {
        if (!_stopped)
        {
            _stopped = true;
            await Links.Stop().WaitAsync(EngineHarness.Limit);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Stop();
        await Thread.Invoke(() =>
        {
            Users.ForEach(user => user.ReleaseKept());
            return 0;
        });
        long held = await Thread.Invoke(() => Thread.Buffers.InUseBy(BufferOwner.Link) + Thread.Buffers.InUseBy(BufferOwner.Test));
        Thread.Dispose();
        Assert.Empty(Violations);
        Assert.Equal(0, held);
    }
}
