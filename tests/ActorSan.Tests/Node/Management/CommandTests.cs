using ActorSan.Cluster.Management;
using ActorSan.Node.Management.Commands;
using Xunit;
using static ActorSan.Cluster.Management.ManagementOperation;

namespace ActorSan.Tests.Node.Management;

/// <summary>Every command of every palette, by its words.</summary>
public sealed class CommandTests
{
    private const string Target = ModelManagement.TargetName;

    /// <summary>Words, and something that a person must see in the answer.</summary>
    private static readonly (string Words, string[] Seen)[] Shown =
    [
        ("cluster show", ["olymp", "atlas (leader)", "reachable", "up, unreachable, drained", "99999999-8888-7777-6666-555555555555"]),
        ("cluster status", ["2 of 3 members are up; not zeus.", "0 of 1 volumes are healthy.", "data is syncing: zeus is being brought up to date."]),
        ("cluster leader", ["atlas"]),
        ("cluster members", ["hera", "witness", "2026-11-26 10:20:30Z"]),
        ("cluster unreachable", ["zeus"]),
        ("volume list", ["data", "10 GiB", "syncing", "1 of 2", "3 MiB", Target + " 0"]),
        ("volume show data", ["in blocks of 512 bytes", "runs for 730 ms more", "62.5 %", "100 MiB/s", "zeus: It was away for 3 s.", "≤ 16 µs", "atlas, epoch 7"]),
        ("volume why data", ["atlas is primary since epoch 7", "atlas: nobody would serve", "volume promote data zeus: zeus is no member of the in-sync set. (rule P2)"]),
        ("volume history data", ["promoted", "zeus did not answer for 1 s."]),
        ("volume history data --last 1", ["dropped"]),
        ("replica list data", ["zeus", "syncing"]),
        ("voter list data", ["hera", "none", "yes"]),
        ("target list", [Target, "0 data", "iqn.1993-08.org.debian:*", "alice"]),
        ($"target show {Target}", ["read and write", "127.0.0.2:3260", "standby", "atlas/17"]),
        ("session list", ["atlas/17", "80 KiB"]),
        ("node list", ["data", "1 of 2 up"]),
        ("node show", ["/srv/data.img", "io_uring", "down: Nothing came for 2 s.", "127.1.0.2:9120", "standby", "up, TLS", "link frames of version 1"]),
        ("node show zeus", ["zeus did not answer"]),
        ("actor hierarchy", ["volumes (VolumesActor, 2 waiting)", "data (VolumeActor)"]),
        ("actor hierarchy atlas", ["io (IoThreadsActor)"]),
        ("help", ["volume promote NAME NODE [options]", "log tail"]),
        ("help volume", ["volume create NAME SIZE"]),
        ("help volume promote", ["It asks before", "--may-lose"]),
    ];

    /// <summary>Words, the change, and the word that confirms it where it is dangerous.</summary>
    private static readonly (string Words, ManagementOperation Operation, string? Confirm)[] Changes =
    [
        ("cluster join zeus:9100", new JoinCluster("zeus:9100"), null),
        ("cluster leave", new LeaveCluster("atlas"), "atlas"),
        ("cluster leave zeus", new LeaveCluster("zeus"), "zeus"),
        ("cluster down zeus", new DownNode("zeus"), "zeus"),
        ("cluster down-unreachable", new DownUnreachable(), "down-unreachable"),
        ("volume create logs 1.5GiB", new CreateVolume("logs", 1610612736, [], 512, [], null, OnNoQuorum.Suspend, false), null),
        ("volume create logs 1GiB --replicas atlas,zeus --block-size 4096 --voters=atlas,hera,zeus --preferred zeus --on-no-quorum fail --confirm-reads",
            new CreateVolume("logs", 1 << 30, ["atlas", "zeus"], 4096, ["atlas", "hera", "zeus"], "zeus", OnNoQuorum.Fail, true), null),
        ("volume delete data", new DeleteVolume("data"), "data"),
        ("volume resize data 20GiB", new ResizeVolume("data", 20L << 30), null),
        ("volume set data --preferred none --on-no-quorum suspend --confirm-reads off", new SetVolumeSettings("data", "", OnNoQuorum.Suspend, false), null),
        ("volume promote data zeus", new PromoteVolume("data", "zeus", null), null),
        ("volume promote data zeus --force --voters zeus --may-lose atlas --discards aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            new PromoteVolume("data", "zeus", new ForceOptions(["zeus"], ["atlas"], [ModelManagement.Lineage])), "data"),
        ("volume handover data", new HandOverVolume("data", null), null),
        ("volume handover data zeus", new HandOverVolume("data", "zeus"), null),
        ("volume attach data zeus", new AttachReplica("data", "zeus"), null),
        ("volume detach data zeus", new DetachReplica("data", "zeus"), "zeus"),
        ("volume discard data zeus", new DiscardReplica("data", "zeus"), "zeus"),
        ("volume verify data", new VerifyVolume("data"), null),
        ("volume resync data", new ResyncVolume("data", null, false), null),
        ("volume resync data zeus --whole", new ResyncVolume("data", "zeus", true), null),
        ("replica add data ares", new AddReplica("data", "ares"), null),
        ("replica remove data zeus", new RemoveReplica("data", "zeus"), "zeus"),
        ("replica replace data zeus ares", new ReplaceReplica("data", "zeus", "ares"), "zeus"),
        ("voter add data hera", new AddVoter("data", "hera"), null),
        ("voter remove data hera", new RemoveVoter("data", "hera"), "hera"),
        ("target create iqn.2026-01.org.ActorSan:new --alias new --open", new CreateTarget("iqn.2026-01.org.actorsan:new", "new", true), null),
        ($"target delete {Target}", new DeleteTarget(Target), Target),
        ($"target map {Target} data", new MapLun(Target, null, "data", false), null),
        ($"target map {Target} data 4 --read-only", new MapLun(Target, 4, "data", true), null),
        ($"target unmap {Target} 4", new UnmapLun(Target, 4), "4"),
        ($"target allow {Target} iqn.1993-08.org.debian:*", new AllowInitiator(Target, "iqn.1993-08.org.debian:*"), null),
        ($"target deny {Target} iqn.1993-08.org.debian:host", new DenyInitiator(Target, "iqn.1993-08.org.debian:host"), "iqn.1993-08.org.debian:host"),
        ($"target chap {Target} --off", new SetChap(Target, null, null, null, null), null),
        ("session kick atlas/17", new KickSession("atlas", 17), "atlas/17"),
        ("node drain zeus", new DrainNode("zeus"), null),
        ("node undrain zeus", new UndrainNode("zeus"), null),
        ("node forget zeus", new ForgetNode("zeus"), "zeus"),
    ];

    [Fact]
    public async Task WhatIsAskedIsShown()
    {
        await using TestServer server = await TestServer.Start();
        foreach ((string words, string[] seen) in Shown)
        {
            CommandResult answer = await server.Command(words);
            Assert.True(answer.ExitCode == 0, $"{words}: {answer.Text}");
            Assert.All(seen, text => Assert.Contains(text, answer.Text, StringComparison.Ordinal));
            Assert.Contains(answer.Json.ValueKind, (System.Text.Json.JsonValueKind[])[System.Text.Json.JsonValueKind.Object, System.Text.Json.JsonValueKind.Array]);
        }

        Assert.Empty(server.Model.Operations);
    }

    [Fact]
    public async Task ChangesReachTheClusterAndDangerousOnesAskFirst()
    {
        await using TestServer server = await TestServer.Start();
        foreach ((string words, ManagementOperation operation, string? confirm) in Changes)
        {
            CommandResult answer = await server.Command(words);
            Assert.Equal(confirm, answer.ConfirmWord);
            if (confirm is not null)
            {
                Assert.Equal(1, answer.ExitCode);
                Assert.NotEmpty(answer.Text);
                Assert.Empty(server.Model.Operations);
                answer = await server.Command(words, yes: true);
            }

            Assert.True(answer.ExitCode == 0, $"{words}: {answer.Text}");
            Assert.Equal($"{operation.GetType().Name} was done.", answer.Text);
            Assert.True(server.Model.Operations.TryDequeue(out ManagementOperation? made), words + " made no change");
            Assert.Equivalent(operation, made, strict: true);
            Assert.Equal(operation.GetType(), made.GetType());
        }
    }

    [Fact]
    public void NoCommandIsForgotten()
    {
        string[] streams = ["cluster tail", "log tail"];
        IEnumerable<string> tried = Shown.Select(shown => shown.Words).Concat(Changes.Select(change => change.Words)).Where(words => !words.StartsWith("help", StringComparison.Ordinal))
            .Select(words => string.Join(' ', words.Split(' ')[..2])).Concat(streams);
        IEnumerable<string> known = PaletteTable.Create().Palettes.SelectMany(palette => palette.Commands.Select(command => $"{palette.Name} {command.Name}"));
        Assert.Equal(known.Order(StringComparer.Ordinal), tried.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        Assert.Equal(
            PaletteTable.Create().Palettes.SelectMany(palette => palette.Commands.Where(command => command.IsChange).Select(command => $"{palette.Name} {command.Name}")).Order(StringComparer.Ordinal),
            Changes.Select(change => string.Join(' ', change.Words.Split(' ')[..2])).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("", "no command")]
    [InlineData("volum list", "did you mean 'volume'?")]
    [InlineData("frobnicate", "'help' lists all")]
    [InlineData("volume", "volume what?")]
    [InlineData("volume delte data", "did you mean 'volume delete'?")]
    [InlineData("help nothing", "there is no command 'nothing'")]
    [InlineData("help volume nothing", "there is no command 'volume nothing'")]
    [InlineData("cluster show now", "'now' is one word too many")]
    [InlineData("volume show", "NAME is missing")]
    [InlineData("volume show a/b", "1 to 64 letters")]
    [InlineData("volume create data", "SIZE is missing")]
    [InlineData("volume create data many", "'many' is not a size, like 10GiB")]
    [InlineData("volume create data 0", "is not a size")]
    [InlineData("volume create data 1000", "no whole number of blocks")]
    [InlineData("volume create data 1GiB --replica a,b", "did you mean --replicas?")]
    [InlineData("volume create data 1GiB --replicas", "--replicas wants a value")]
    [InlineData("volume create data 1GiB --replicas a,,b", "'' is not the name of a node")]
    [InlineData("volume create data 1GiB --replicas a,a", "a is named twice")]
    [InlineData("volume create data 1GiB --block-size 1024", "512 or 4096, not '1024'")]
    [InlineData("volume create data 1GiB --on-no-quorum panic", "suspend or fail, not 'panic'")]
    [InlineData("volume create data 1GiB --confirm-reads=yes", "--confirm-reads takes no value")]
    [InlineData("volume create data 1GiB --preferred a --preferred b", "stands there twice")]
    [InlineData("volume resize data 1000B", "no whole number of blocks")]
    [InlineData("volume set data", "name at least one setting")]
    [InlineData("volume promote data zeus --may-lose atlas", "--may-lose goes with --force only")]
    [InlineData("volume promote data zeus --force --discards x", "'x' is not a lineage")]
    [InlineData("volume history data --last 0", "1 to 10000")]
    [InlineData("volume history data --last few", "whole number, not 'few'")]
    [InlineData("replica replace data zeus zeus", "another node")]
    [InlineData("cluster join zeus", "'zeus' is not HOST:PORT")]
    [InlineData("cluster join zeus:99999", "is not HOST:PORT")]
    [InlineData("cluster down a/b", "is not the name of a node")]
    [InlineData("target show disks", "begins with iqn.")]
    [InlineData("target create iqn.2026-13.org.x", "iqn.yyyy-mm")]
    [InlineData("target unmap iqn.2026-01.org.x:d 70000", "16383")]
    [InlineData("target unmap iqn.2026-01.org.x:d -1", "whole number, not '-1'")]
    [InlineData("target allow iqn.2026-01.org.x:d host", "is not the name of an initiator")]
    [InlineData("target chap iqn.2026-01.org.x:d", "either --user NAME")]
    [InlineData("target chap iqn.2026-01.org.x:d --off --user a", "either --user NAME")]
    [InlineData("session kick 17", "is not a session, like atlas/17")]
    [InlineData("session kick atlas/x", "is not a session, like atlas/17")]
    public async Task BadWordsAreExplainedAndNothingIsDone(string words, string sentence)
    {
        await using TestServer server = await TestServer.Start();
        CommandResult answer = await server.Command(words, yes: true);
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains(sentence, answer.Text, StringComparison.Ordinal);
        Assert.Equal(answer.Text, answer.Json.GetProperty("sentence").GetString());
        Assert.Empty(server.Model.Operations);
    }

    [Theory]
    [InlineData("volume show none", "there is no volume none")]
    [InlineData("volume why none", "there is no volume none")]
    [InlineData("volume history none", "there is no volume none")]
    [InlineData("replica list none", "there is no volume none")]
    [InlineData("voter list none", "there is no volume none")]
    [InlineData("target show iqn.2026-01.org.actorsan:none", "there is no target iqn.2026-01.org.actorsan:none")]
    [InlineData("node show ares", "there is no node ares")]
    [InlineData("actor hierarchy ares", "there is no node ares")]
    public async Task WhatThereIsNotIsSaid(string words, string sentence)
    {
        await using TestServer server = await TestServer.Start();
        CommandResult answer = await server.Command(words);
        Assert.Equal((1, sentence), (answer.ExitCode, answer.Text));
    }

    [Fact]
    public async Task ARefusalHasItsSentenceItsRuleAndExitCodeOne()
    {
        await using TestServer server = await TestServer.Start();
        server.Model.Outcome = _ => OperationOutcome.Refused("zeus is the last member of the in-sync set.", "W7");
        CommandResult answer = await server.Command("volume verify data");
        Assert.Equal((1, "zeus is the last member of the in-sync set. (rule W7)"), (answer.ExitCode, answer.Text));
        Assert.Equal("refused", answer.Json.GetProperty("kind").GetString());
    }

    [Fact]
    public async Task SecretsAreAskedForAndNeverAmongTheWords()
    {
        await using TestServer server = await TestServer.Start();
        string words = $"target chap {Target} --user alice --mutual-user san";
        CommandResult answer = await server.Command(words);
        Assert.Equal("secret", answer.AskName);
        answer = await server.Command(words, false, ("secret", "correct horse battery"));
        Assert.Equal("mutual-secret", answer.AskName);
        Assert.Empty(server.Model.Operations);
        answer = await server.Command(words, false, ("secret", "correct horse battery"), ("mutual-secret", "staple horse battery"));
        Assert.Equal(0, answer.ExitCode);
        Assert.Equal(new SetChap(Target, "alice", "correct horse battery", "san", "staple horse battery"), Assert.Single(server.Model.Operations));
        Assert.Equal(2, (await server.Command($"target chap {Target} --user alice", false, ("secret", "short"))).ExitCode);
        Assert.Contains("there is no option --secret", (await server.Command($"target chap {Target} --user alice --secret x")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NodesThatAreSilentAreNamed()
    {
        await using TestServer server = await TestServer.Start();
        server.Model.SilentNodes = ["zeus"];
        foreach (string words in (string[])["target list", "session list", "node list"])
        {
            CommandResult answer = await server.Command(words);
            Assert.Contains("Not answered in time: zeus.", answer.Text, StringComparison.Ordinal);
            Assert.Equal("zeus", answer.Json.GetProperty("silent")[0].GetString());
        }
    }

    [Fact]
    public async Task WhereThereIsNothingThatIsSaid()
    {
        await using TestServer server = await TestServer.Start();
        server.Model.VolumesNow = [];
        Assert.Contains("'volume create' makes one", (await server.Command("volume list")).Text, StringComparison.Ordinal);
        Assert.Contains("There are no volumes.", (await server.Command("cluster status")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "", "actor,cluster,help,log,node,replica,session,target,volume,voter")]
    [InlineData("", "vo", "volume,voter")]
    [InlineData("help", "vol", "volume")]
    [InlineData("help volume", "de", "delete,detach")]
    [InlineData("volume", "re", "resize,resync")]
    [InlineData("volume show", "", "data")]
    [InlineData("volume handover data", "", "atlas,hera,zeus")]
    [InlineData("volume handover data", "z", "zeus")]
    [InlineData("volume create logs 1GiB --replicas", "atlas,", "atlas,hera;atlas,zeus")]
    [InlineData("volume create logs 1GiB --on-no-quorum", "", "fail,suspend")]
    [InlineData("volume promote data zeus --force", "--", "--discards,--may-lose,--voters")]
    [InlineData("target show", "iqn", Target)]
    [InlineData("target deny " + Target, "", "iqn.1993-08.org.debian:host")]
    [InlineData("session kick", "", "atlas/17")]
    [InlineData("nothing", "", "")]
    [InlineData("volume create", "", "")]
    public async Task WhatIsBegunIsCompleted(string words, string beginning, string expected)
    {
        await using TestServer server = await TestServer.Start();
        (_, System.Text.Json.JsonElement answer) = await server.Send("POST", "/api/v1/complete",
            System.Text.Json.JsonSerializer.Serialize(new { words = words.Split(' ', StringSplitOptions.RemoveEmptyEntries), beginning }));
        string[] candidates = [.. answer.EnumerateArray().Select(candidate => candidate.GetString()!).Order(StringComparer.Ordinal)];
        Assert.Equal(expected, string.Join(expected.Contains(';', StringComparison.Ordinal) ? ';' : ',', candidates));
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(10L << 30, "10 GiB")]
    [InlineData(123L << 40, "123 TiB")]
    [InlineData(long.MaxValue, "8 EiB")]
    public void SizesAreShort(long bytes, string text) => Assert.Equal(text, Human.Bytes(bytes));
}
