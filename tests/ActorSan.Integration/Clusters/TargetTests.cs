using System.Buffers.Binary;
using System.Text.Json;
using ActorSan.Tests.Shared;
using Xunit;
using static ActorSan.Integration.Clusters.TestCluster;

namespace ActorSan.Integration.Clusters;

/// <summary>One target on several nodes: made anywhere, the same everywhere, and what its paths say of each other.</summary>
[Collection(ClusterCollection.Name)]
public sealed class TargetTests(SharedCluster shared)
{
    private const int NotReadyStandby = 0x02040B;
    private const byte ReservationConflict = 0x18;
    private const byte WriteExclusiveRegistrantsOnly = 5;
    private static readonly byte[] s_reportTargetPortGroups = Cdb.Make(0xA3, 0x0A, 0, 0, 0, 0, 0, 0, 4, 0);

    [Fact]
    public Task Both_data_nodes_export_the_same_unit_and_discovery_at_either_names_the_portals_of_both() => shared.Use(async cluster =>
    {
        // Export gives its commands to three different nodes.
        string target = await cluster.Export("same");
        var identities = new List<string>();
        foreach (string node in (string[])[Atlas, Zeus])
        {
            using RawInitiator path = LogIn(cluster, node, target);
            RawResult standard = path.Execute(Cdb.Inquiry(), dataInBytes: 255);
            RawResult serial = path.Execute(Cdb.Inquiry(0x80, vital: true), dataInBytes: 255);
            RawResult identification = path.Execute(Cdb.Inquiry(0x83, vital: true), dataInBytes: 255);
            Assert.True(standard.IsGood && serial.IsGood && identification.IsGood);
            string[] names = [.. UnitNames(identification.Data)];

            // NAA, SPC-4 §7.8.6.6.
            Assert.Contains(names, name => name[1] == '3');
            identities.Add(string.Join(' ', [Convert.ToHexString(standard.Data), Convert.ToHexString(serial.Data), .. names]));
            using RawInitiator discovery = RawInitiator.LogIn(ClusterMember.PortalPort, new RawLoginOptions(), cluster[node].Address);
            IReadOnlyList<string> told = discovery.SendTargets();
            int at = told.ToList().IndexOf("TargetName=" + target);
            string[] portals = [.. told.Skip(at + 1).TakeWhile(line => !line.StartsWith("TargetName=", StringComparison.Ordinal))];
            Assert.Equal([$"TargetAddress={cluster[Atlas].Portal},1", $"TargetAddress={cluster[Zeus].Portal},2"], portals.Order(StringComparer.Ordinal));
        }

        Assert.Equal(identities[0], identities[1]);
        JsonElement report = (await cluster[Hera].Get("/api/v1/targets/" + Uri.EscapeDataString(target)))!.Value;
        Assert.Equal(2, report.GetProperty("portals").GetArrayLength());
    });

    [Fact]
    public Task The_standby_path_answers_what_it_may_and_both_tell_the_truth_about_the_port_groups() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("paths");
        for (int i = 0; i < 2; i++)
        {
            string primary = await cluster.PrimaryOf("paths");
            using RawInitiator optimized = LogIn(cluster, primary, target);
            using RawInitiator standby = LogIn(cluster, OtherThan(primary), target);
            Assert.True(optimized.Execute(Cdb.Read16(0, 1), dataInBytes: 512).IsGood);
            Assert.Equal(NotReadyStandby, standby.Execute(Cdb.Read16(0, 1), dataInBytes: 512).SenseCode);
            Assert.Equal(NotReadyStandby, standby.Execute(Cdb.Write16(0, 1), dataOut: new byte[512]).SenseCode);
            Assert.True(standby.Execute(Cdb.Inquiry(), dataInBytes: 255).IsGood);
            Assert.True(standby.Execute(Cdb.ReportLuns, dataInBytes: 16).IsGood);
            foreach (RawInitiator path in (RawInitiator[])[optimized, standby])
            {
                // Who stands by hears of a new primary a moment after it is decided.
                (int Group, int State)[] told = [];
                await cluster.Until(
                    "both paths say which group is optimized and which stands by",
                    () => Task.FromResult((told = [.. PortGroups(path.Execute(s_reportTargetPortGroups, dataInBytes: 1024).Data).OrderBy(group => group.State)])
                        .SequenceEqual([(GroupOf(primary), 0x0), (GroupOf(OtherThan(primary)), 0x2)])),
                    () => $"the path to {(path == optimized ? primary : OtherThan(primary))} said {string.Join(", ", told)}; {primary} is primary");
            }

            await cluster.DoWhenReady(Hera, "volume", "handover", "paths");
        }
    });

    [Fact]
    public Task A_reservation_that_was_made_before_a_failover_is_in_force_after_it() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("reserved");
        string dead = await cluster.PrimaryOf("reserved");
        using PathsInitiator owner = cluster.Initiator(target);
        using var stranger = new PathsInitiator(target, [cluster[Atlas].Address, cluster[Zeus].Address], "iqn.2026-01.org.actorsan:stranger");
        Register(owner, 0x77);
        Assert.True(owner.Execute(ReserveOut(0x01, WriteExclusiveRegistrantsOnly), Parameters(0x77, 0)).IsGood);
        Assert.Equal(ReservationConflict, stranger.Execute(Cdb.Write16(0, 1), new byte[512]).Status);
        await cluster.Kill(dead);
        Assert.Equal(ReservationConflict, stranger.Execute(Cdb.Write16(0, 1), new byte[512]).Status);
        RawResult held = stranger.Execute(Cdb.Make(0x5E, 0x01, 0, 0, 0, 0, 0, 0, 24), dataInBytes: 24);
        Assert.Equal(0x77, held.Data[15]);
        Assert.Equal(WriteExclusiveRegistrantsOnly, held.Data[21] & 0xF);
        Assert.Equal(ReservationConflict, stranger.Execute(ReserveOut(0x02, WriteExclusiveRegistrantsOnly), Parameters(0x77, 0)).Status);
        await cluster.Whole("reserved");
    });

    [Fact]
    public Task Chap_that_is_set_at_one_node_is_asked_for_at_every_node_and_gone_when_it_is_cleared() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("chap");
        CommandOutcome set = await cluster[Hera].Pbm(["target", "chap", target, "--user", "alice"], new Dictionary<string, string>(StringComparer.Ordinal) { ["secret"] = "correct-horse-1" });
        Assert.True(set.ExitCode == 0, set.Text);
        Assert.DoesNotContain("correct-horse", (await cluster.Do(Atlas, "target", "show", target)).Text, StringComparison.Ordinal);
        foreach (string node in (string[])[Atlas, Zeus])
        {
            await cluster.Until($"{node} asks for CHAP", () => Task.FromResult(!MayLogIn(cluster, node, target, null)));
            Assert.True(MayLogIn(cluster, node, target, "correct-horse-1"));
            Assert.False(MayLogIn(cluster, node, target, "wrong-horse-123"));
        }

        // The secret is in the catalog, under the cluster's key: it outlives all processes.
        await cluster.Kill(Atlas, Zeus, Hera);
        await cluster.Whole("chap");
        await cluster.Until("the secret is known again", () => Task.FromResult(MayLogIn(cluster, Zeus, target, "correct-horse-1")));
        Assert.False(MayLogIn(cluster, Zeus, target, null));
        foreach (string file in System.IO.Directory.GetFiles(cluster[Atlas].State).Where(file => Path.GetFileName(file) != "lock"))
        {
            Assert.DoesNotContain("correct-horse", System.Text.Encoding.Latin1.GetString(await ReadShared(file)), StringComparison.Ordinal);
        }

        await cluster.Do(Atlas, "target", "chap", target, "--off");
        await cluster.Until("zeus asks for nothing", () => Task.FromResult(MayLogIn(cluster, Zeus, target, null)));
    });

    // Designators of association 0, the logical unit (SPC-4 §7.8.6.2.1); those of ports are each node's own.
    private static IEnumerable<string> UnitNames(byte[] page)
    {
        for (int at = 4; at < page.Length; at += 4 + page[at + 3])
        {
            if ((page[at + 1] & 0x30) == 0)
            {
                yield return Convert.ToHexString(page.AsSpan(at + 1, 3 + page[at + 3]));
            }
        }
    }

    private static async Task<byte[]> ReadShared(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        byte[] bytes = new byte[stream.Length];
        int read = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false);
        return bytes[..read];
    }

    // By a raw initiator: libiscsi's tools take a unit that stands by for a failed login.
    private static bool MayLogIn(TestCluster cluster, string node, string target, string? secret)
    {
        try
        {
            using RawInitiator session = RawInitiator.LogIn(
                ClusterMember.PortalPort, new RawLoginOptions { TargetName = target, Chap = secret is null ? null : new RawChap("alice", secret) }, cluster[node].Address);
            return true;
        }
        catch (RawLoginRefusedException)
        {
            return false;
        }
    }

    private static RawInitiator LogIn(TestCluster cluster, string node, string target)
    {
        RawInitiator session = RawInitiator.LogIn(ClusterMember.PortalPort, new RawLoginOptions { TargetName = target }, cluster[node].Address);
        _ = session.Execute(Cdb.TestUnitReady);
        return session;
    }

    private static int GroupOf(string node) => node == Atlas ? 1 : 2;

    // SPC-4 §6.37: descriptors of 8 bytes and 4 for each port.
    private static IEnumerable<(int Group, int State)> PortGroups(byte[] data)
    {
        int end = 4 + BinaryPrimitives.ReadInt32BigEndian(data);
        for (int at = 4; at < end; at += 8 + (data[at + 7] * 4))
        {
            yield return (BinaryPrimitives.ReadUInt16BigEndian(data.AsSpan(at + 2)), data[at] & 0xF);
        }
    }

    // REGISTER AND IGNORE EXISTING KEY (SPC-4 §6.16.2.4), without APTPL: a failover is no power loss.
    private static void Register(PathsInitiator owner, byte key)
    {
        Assert.True(owner.Execute(ReserveOut(0x06, 0), Parameters(0, key)).IsGood);
    }

    private static byte[] ReserveOut(byte action, byte type) => Cdb.Make(0x5F, action, type, 0, 0, 0, 0, 0, 24);

    private static byte[] Parameters(byte key, byte newKey)
    {
        byte[] bytes = new byte[24];
        bytes[7] = key;
        bytes[15] = newKey;
        return bytes;
    }
}
