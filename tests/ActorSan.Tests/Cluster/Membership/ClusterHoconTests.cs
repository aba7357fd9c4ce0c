using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Membership;
using ActorSan.Cluster.Settings;
using ActorSan.Tests.Node;
using Akka.Configuration;
using Xunit;

namespace ActorSan.Tests.Cluster.Membership;

public sealed class ClusterHoconTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ClusterIdentity _identity;

    public ClusterHoconTests() => _identity = ClusterIdentity.Create(_directory.Path, TimeProvider.System);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void TheSystemIsNamedByTheCluster() => Assert.Equal($"actorsan-{_identity.ClusterId.ToString("N")[..16]}", ClusterHocon.SystemName(_identity));

    [Fact]
    public void SettingsBecomeAkkas()
    {
        Config config = ClusterHocon.For(ClusterNode.SettingsOf("atlas", 7310, [7310, 7311]), _identity);
        string system = ClusterHocon.SystemName(_identity);
        Assert.Equal([$"akka.tcp://{system}@127.0.0.1:7310", $"akka.tcp://{system}@127.0.0.1:7311"], config.GetStringList("akka.cluster.seed-nodes", []));
        Assert.Equal(["storage", "node.atlas"], config.GetStringList("akka.cluster.roles", []));
        Assert.Equal(("127.0.0.1", 7310, "127.0.0.1", 0, "off"), TransportOf(config));
        Assert.Equal(TimeSpan.FromSeconds(1), config.GetTimeSpan("akka.cluster.split-brain-resolver.stable-after", null, allowInfinite: false));
        Assert.Equal("keep-majority", config.GetString("akka.cluster.split-brain-resolver.active-strategy", null));
        Assert.False(config.GetBoolean("akka.remote.use-passive-connections", true));
    }

    [Fact]
    public void WhatOthersReachIsAdvertised()
    {
        NodeSettings settings = ClusterNode.SettingsOf("hera", 7310, [7310], "actorsan { cluster.advertised = \"hera.example:7000\" }");
        Config config = ClusterHocon.For(settings, _identity);
        Assert.Equal(("127.0.0.1", 7310, "hera.example", 7000, "off"), TransportOf(config));
        Assert.Equal(["witness", "node.hera"], config.GetStringList("akka.cluster.roles", []));
    }

    [Fact]
    public void TheNodesOwnAkkaSectionIsAboveTheTuningAndBelowTheSettings()
    {
        Config config = ClusterHocon.For(ClusterNode.SettingsOf("atlas", 7310, [7310]), _identity,
            """
            akka {
              loglevel = DEBUG
              cluster.seed-node-timeout = 3s
              cluster.roles = [other]
              remote.dot-netty.tcp.hostname = "0.0.0.0"
              remote.retry-gate-closed-for = 1s
            }
            """);
        Assert.Equal("DEBUG", config.GetString("akka.loglevel", null));
        Assert.Equal(TimeSpan.FromSeconds(3), config.GetTimeSpan("akka.cluster.seed-node-timeout", null, allowInfinite: false));
        Assert.Equal(TimeSpan.FromSeconds(1), config.GetTimeSpan("akka.remote.retry-gate-closed-for", null, allowInfinite: false));
        Assert.Equal("127.0.0.1", config.GetString("akka.remote.dot-netty.tcp.hostname", null));
        Assert.DoesNotContain("other", config.GetStringList("akka.cluster.roles", []));
    }

    [Fact]
    public void RolesSayTheName()
    {
        Assert.Equal("atlas", NodeRoles.NameIn(["storage", "node.atlas", "other"]));
        Assert.Null(NodeRoles.NameIn(["storage", "node.", "nodes.x"]));
        Assert.Equal("atlas", NodeRoles.NameIn(["node.zeus", "node.atlas"]));
    }

    private static (string Host, int Port, string Public, int PublicPort, string Tls) TransportOf(Config config)
    {
        Config tcp = config.GetConfig("akka.remote.dot-netty.tcp");
        return (tcp.GetString("hostname", null), tcp.GetInt("port", -1), tcp.GetString("public-hostname", null), tcp.GetInt("public-port", -1), tcp.GetString("enable-ssl", null));
    }
}
