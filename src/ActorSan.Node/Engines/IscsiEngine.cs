using System.Net;
using ActorSan.Cluster.Engines;
using ActorSan.Iscsi;
using ActorSan.Scsi;
using ActorSan.Storage.Threads;

namespace ActorSan.Node.Engines;

/// <summary>The node's iSCSI side: one <see cref="IscsiServer"/> on the I/O threads that it is started with.</summary>
internal sealed class IscsiEngine(IscsiServerOptions options) : IIscsiEngine
{
    private IscsiServer? _server;

    private IscsiServer Server => _server ?? throw new InvalidOperationException("The iSCSI engine has not been started.");

    public void Start(IReadOnlyList<IoThread> threads, IIscsiEvents events) =>
        _server = new IscsiServer(threads, options, events, new CommonUnits(new NoSuchUnit(), new ReportLunsUnit()));

    public Task<IPEndPoint> Listen(PortalSettings portal) => Server.Listen(portal);

    public Task SetTarget(TargetSettings target) => Server.SetTarget(target);

    public Task RemoveTarget(string name) => Server.RemoveTarget(name);

    public void Kick(long sessionId, string why) => Server.Kick(sessionId, why);

    public Task Stop(TimeSpan drain) => _server?.Stop(drain) ?? Task.CompletedTask;
}
