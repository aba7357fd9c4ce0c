using System.Text.Json;
using Xunit;
using static ActorSan.Integration.Clusters.TestCluster;

namespace ActorSan.Integration.Clusters;

/// <summary>A cluster begins once, by an explicit act, and takes nobody in who is not of it.</summary>
[Collection(ClusterCollection.Name)]
public sealed class FoundingTests
{
    [Fact]
    public async Task A_node_without_an_identity_does_not_start_and_says_which_command_makes_one()
    {
        await using TestCluster cluster = Prepare();
        await cluster[Atlas].Launch(cluster.ConfigurationOf(Atlas));
        Assert.Equal(2, await cluster[Atlas].Daemon.WaitForEnd(Patience));
        await cluster.Logs(Atlas, "belongs to none yet");
        await cluster.Logs(Atlas, "actorsan init -c CONF");
        Assert.Empty(System.IO.Directory.GetFiles(cluster[Atlas].Directory, "journal*", SearchOption.AllDirectories));
        cluster.Passed();
    }

    [Fact]
    public async Task A_second_init_is_refused_and_changes_nothing()
    {
        await using TestCluster cluster = Prepare();
        await cluster.Init();
        byte[] first = await File.ReadAllBytesAsync(cluster[Atlas].Identity);
        (int code, string output) = await cluster[Atlas].Verb(cluster.ConfigurationOf(Atlas), "init");
        Assert.Equal(1, code);
        Assert.Contains("already", output, StringComparison.Ordinal);
        (code, output) = await cluster[Zeus].Verb(cluster.ConfigurationOf(Zeus), "init");
        Assert.Equal(1, code);
        Assert.Contains("already", output, StringComparison.Ordinal);
        Assert.Equal(first, await File.ReadAllBytesAsync(cluster[Atlas].Identity));
        cluster.Passed();
    }

    [Fact]
    public async Task Seeds_alone_found_nothing_the_founder_founds_once_and_a_stranger_stays_outside()
    {
        await using TestCluster cluster = Prepare();
        await cluster.Init();
        await cluster.Start(Zeus, Hera);
        await cluster.Logs(Zeus, "The catalog is waited for");
        await cluster.Logs(Hera, "The catalog is waited for");
        CommandOutcome refused = await cluster[Zeus].Pbm(["volume", "create", "early", "64MiB"]);
        Assert.Equal(1, refused.ExitCode);
        await cluster.Start(Atlas);
        await cluster.Up(3);
        Guid id = await IdOf(cluster, Atlas);
        Assert.Equal([id, id], [await IdOf(cluster, Zeus), await IdOf(cluster, Hera)]);
        await cluster.DoWhenReady(Hera, "target", "create", "iqn.2026-01.org.actorsan:remembered", "--open");

        // Started anew, the founder finds what it has founded, and founds nothing.
        await cluster.Kill(Atlas, Zeus, Hera);
        await cluster.Start(Atlas, Zeus, Hera);
        await cluster.Up(3);
        Assert.Equal(id, await IdOf(cluster, Atlas));
        Assert.Contains("iqn.2026-01.org.actorsan:remembered", (await cluster.Do(Atlas, "target", "list")).Text, StringComparison.Ordinal);

        // Of another cluster, with our seeds.
        ClusterMember stranger = cluster[Rhea];
        string configuration = stranger.Configuration([cluster[Atlas].Address + ":7310", cluster[Zeus].Address + ":7310"], [Rhea]);
        (int code, string output) = await stranger.Verb(configuration, "init");
        Assert.True(code == 0, output);
        await stranger.Launch(configuration);
        await cluster.Until(
            "the stranger or one of the cluster says that it is of another cluster",
            () => Task.FromResult(stranger.Log.Contains("cluster", StringComparison.Ordinal) && (Says(stranger) || Says(cluster[Atlas]) || Says(cluster[Zeus]))),
            () => stranger.Log);
        await cluster.Up(3, Atlas, Zeus, Hera);
        JsonElement members = (await cluster[Atlas].Get("/api/v1/cluster"))!.Value.GetProperty("members");
        Assert.DoesNotContain(members.EnumerateArray(), member => member.GetProperty("name").GetString() == Rhea);
        cluster.Passed();

        static bool Says(ClusterMember member) => member.Log.Contains("another cluster", StringComparison.OrdinalIgnoreCase);
    }

    private static async Task<Guid> IdOf(TestCluster cluster, string node) => (await cluster[node].Get("/api/v1/cluster"))!.Value.GetProperty("id").GetGuid();
}
