using System.Collections.Concurrent;
using System.Net;
using ActorSan.Iscsi;
using ActorSan.Scsi;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Iscsi.Harness;

/// <summary>A server on 127.0.0.1 with I/O threads of its own and one open target of one unit; at its end no buffer, session or connection may be left.</summary>
internal sealed class ServerFixture : IIscsiEvents, IAsyncDisposable
{
    public const string Target = "iqn.2026-01.test:target";

    private readonly List<IoThread> _threads = [];

    private ServerFixture(int threads, IscsiServerOptions options, IoEngineKind engine)
    {
        for (int i = 0; i < threads; i++)
        {
            IoThread thread = IoThreadFactory.Create(
                new IoThreadOptions { Name = $"iscsi-test-{i}", Index = i, Engine = engine, BufferPoolBytes = 16 << 20, QueueDepth = 256 });
            thread.Start();
            _threads.Add(thread);
        }

        Unit = new MemoryUnit(_threads[0], 16384);
        Server = new IscsiServer(_threads, options, this, new CommonUnits(new NoSuchUnit(), new ReportLunsUnit()));
    }

    public IscsiServer Server { get; }

    public MemoryUnit Unit { get; }

    public IPEndPoint Portal { get; private set; } = null!;

    public IReadOnlyList<IoThread> Threads => _threads;

    public BlockingCollection<(SessionInfo Session, SessionEnd Reason)> Ended { get; } = [];

    public ConcurrentQueue<SessionInfo> Sessions { get; } = [];

    public BlockingCollection<LoginRefusal> Refused { get; } = [];

    public ConcurrentQueue<string> Warnings { get; } = [];

    public static async Task<ServerFixture> Start(
        Func<TargetSettings, TargetSettings>? change = null,
        int threads = 1,
        IscsiServerOptions? options = null,
        IoEngineKind engine = IoEngineKind.Auto)
    {
        var fixture = new ServerFixture(threads, options ?? new IscsiServerOptions(), engine);
        await fixture.Server.SetTarget((change ?? (target => target))(fixture.DefaultTarget()));
        fixture.Portal = await fixture.Server.Listen(new PortalSettings { Address = new IPEndPoint(IPAddress.Loopback, 0), GroupTag = 1 });
        return fixture;
    }

    public TargetSettings DefaultTarget() => new()
    {
        Name = Target,
        Open = true,
        PortalGroups = [new PortalGroupSettings { GroupTag = 1, RelativePortId = 1, PortGroupId = 1 }],
        Luns = new Dictionary<ulong, LogicalUnit> { [0] = Unit },
    };

    public void SessionStarted(SessionInfo session) => Sessions.Enqueue(session);

    public void SessionEnded(SessionInfo session, SessionEnd reason, string detail) => Ended.Add((session, reason));

    public void LoginRefused(string initiatorName, string targetName, string peerAddress, LoginRefusal refusal, string detail) => Refused.Add(refusal);

    public void Warning(string peerAddress, string text) => Warnings.Enqueue(text);

    public (SessionInfo Session, SessionEnd Reason) WaitForEnd()
    {
        Assert.True(Ended.TryTake(out (SessionInfo Session, SessionEnd Reason) end, TimeSpan.FromSeconds(20)), "no session ended");
        return end;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.Stop(TimeSpan.Zero).WaitAsync(TimeSpan.FromSeconds(20));
        foreach (IoThread thread in _threads)
        {
            long inUse = await thread.Invoke(() => thread.Buffers.InUseBytes);
            Assert.Equal(0, inUse);
            thread.Stop();
            thread.Join(TimeSpan.FromSeconds(20));
            thread.Dispose();
        }

        Unit.Dispose();
    }
}
