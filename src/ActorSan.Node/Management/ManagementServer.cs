using System.Net;
using ActorSan.Cluster.Management;
using ActorSan.Node.Daemon;
using ActorSan.Node.Management.Api;
using ActorSan.Node.Management.Commands;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ActorSan.Node.Management;

/// <summary>
/// The management API of one node: resources under <c>/api/v1</c>, commands for <c>pbm</c>, event streams, <c>/metrics</c>, <c>/healthz</c> and <c>/openapi.json</c>. Nothing is decided
/// here about the cluster: <see cref="IManagement"/> knows.
/// </summary>
public sealed class ManagementServer
{
    private readonly WebApplication _application;
    private readonly CancellationTokenSource _stopping;
    private int _stopped;

    private ManagementServer(WebApplication application, CancellationTokenSource stopping)
    {
        _application = application;
        _stopping = stopping;
        string bound = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Url = new Uri(bound);
        Address = IPEndPoint.Parse(Url.Authority);
    }

    /// <summary>Where it listens: port 0 has become one.</summary>
    public IPEndPoint Address { get; }

    public Uri Url { get; }

    /// <summary>Its routes and what they take, for a test that holds the document against them.</summary>
    internal IServiceProvider Services => _application.Services;

    /// <exception cref="ArgumentException"><see cref="ManagementOptions.Fault"/>.</exception>
    /// <exception cref="IOException">It can't be listened there.</exception>
    public static async Task<ManagementServer> Start(ManagementOptions options, IManagement management)
    {
        if (options.Fault() is { } fault)
        {
            throw new ArgumentException(fault, nameof(options));
        }

        // Nothing of the host's: no environment variables, no appsettings.json, no signal handlers (the daemon has them), no log to the console.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "actorsan", EnvironmentName = Environments.Production });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, options));
        var stopping = new CancellationTokenSource();
        builder.Services.AddRouting();
        builder.Services.AddSingleton<IHostLifetime, DaemonsLifetime>();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(management);
        builder.Services.AddSingleton(new StreamEnd(stopping.Token));
        builder.Services.AddSingleton<ManagementGate>();
        builder.Services.AddSingleton(PaletteTable.Create());
        builder.Services.AddSingleton<CommandRunner>();
        builder.Services.ConfigureHttpJsonOptions(json => ApiJson.Configure(json.SerializerOptions));
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        builder.Services.AddOpenApi("v1", document => ApiDocument.Configure(document, options, NodeDaemon.Version));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        WebApplication application = builder.Build();
        try
        {
            application.UseMiddleware<ProblemMiddleware>();
            application.UseMiddleware<AuthenticationMiddleware>();
            application.UseRouting();
            MapAll(application);
            await application.StartAsync();
            return new ManagementServer(application, stopping);
        }
        catch
        {
            await application.DisposeAsync();
            stopping.Dispose();
            throw;
        }
    }

    /// <summary>Ends streams at once and waits two seconds for requests under way. A second call does nothing.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync();
        await _application.StopAsync();
        await _application.DisposeAsync();
        _stopping.Dispose();
    }

    private static void MapAll(WebApplication application)
    {
        application.MapOpenApi("/openapi.json");
        ClusterRoutes.Map(application);
        VolumeRoutes.Map(application);
        ReplicaRoutes.Map(application);
        TargetRoutes.Map(application);
        NodeRoutes.Map(application);
        StreamRoutes.Map(application);
        CommandRoutes.Map(application);
        HealthRoutes.Map(application);
    }

    private static void Configure(KestrelServerOptions kestrel, ManagementOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
        kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
        kestrel.Listen(options.Address, listen =>
        {
            if (options.Certificate is not null)
            {
                listen.UseHttps(new HttpsConnectionAdapterOptions
                {
                    ServerCertificate = options.Certificate,
                    ClientCertificateMode = options.ClientAuthorities is null ? ClientCertificateMode.NoCertificate : ClientCertificateMode.RequireCertificate,
                    ClientCertificateValidation = (certificate, _, _) => options.ClientAuthorities is not null && ClientCertificate.IsIssuedBy(certificate, options.ClientAuthorities),
                });
            }
        });
    }

    /// <summary>Signals are the daemon's: it decides in which order the node stops.</summary>
    private sealed class DaemonsLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>Ends every stream when the server stops: else it would wait for them.</summary>
internal sealed record StreamEnd(CancellationToken Token);
