using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Integration;

/// <summary>From start to end as an administrator or a supervisor sees it: exit codes, signals, what is refused.</summary>
public sealed class LifeTests
{
    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    [InlineData("HUP")]
    public async Task ASignalStopsTheNodeInOrderWhileASessionIsOpen(string signal)
    {
        await using TestNode node = await TestNode.Start();
        using RawInitiator initiator = node.LogIn();
        Assert.True(initiator.Execute(Cdb.Write16(0, 8), dataOut: Bytes(8, 0x11)).IsGood);
        await node.Daemon.Signal(signal);
        Assert.Equal(0, await node.Daemon.WaitForEnd(TimeSpan.FromSeconds(40)));
        Assert.Contains("Stopped in order", node.Daemon.Log, StringComparison.Ordinal);
        Assert.False(File.Exists(node.PathOf("ready.json")));
    }

    [Fact]
    public async Task WhatWasWrittenIsThereAfterAnOrderlyStop()
    {
        await using TestNode node = await TestNode.Start();
        using (RawInitiator initiator = node.LogIn())
        {
            Assert.True(initiator.Execute(Cdb.Write16(1000, 64), dataOut: Bytes(64, 0x5A)).IsGood);
        }

        await node.Stop();
        (int code, string inspected) = await node.Verb(TestNode.Configuration(), "inspect", "disk");
        Assert.True(code == 0, inspected);
        Assert.Contains("closed in order", inspected, StringComparison.OrdinalIgnoreCase);
        await node.Run(TestNode.Configuration());
        using RawInitiator again = node.LogIn();
        Assert.Equal(Bytes(64, 0x5A), again.Execute(Cdb.Read16(1000, 64), dataInBytes: 64 * 512).Data);
    }

    [Fact]
    public async Task TheIdentityIsTheSameAfterARestartAndAMoveOfTheFile()
    {
        await using TestNode node = await TestNode.Start();
        byte[] before = Identification(node);
        await node.Stop();
        File.Move(node.PathOf("disk.store"), node.PathOf("elsewhere.store"));
        await node.Run(TestNode.Configuration().Replace("disk.store", "elsewhere.store", StringComparison.Ordinal));
        Assert.Equal(before, Identification(node));
    }

    [Fact]
    public async Task ASecondNodeOnTheSameStateDirectoryEndsWithThree()
    {
        await using TestNode node = await TestNode.Start();
        (int code, string log) = await node.RunToEnd(TestNode.Configuration());
        Assert.Equal(3, code);
        Assert.Contains("in use", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ASecondNodeOnTheSameStoreIsRefusedAndTheFirstGoesOn()
    {
        await using TestNode node = await TestNode.Start();
        (int code, string log) = await node.RunToEnd(TestNode.Configuration().Replace("state-directory = state", "state-directory = other", StringComparison.Ordinal));
        Assert.NotEqual(0, code);
        Assert.Contains("in use", log, StringComparison.Ordinal);
        using RawInitiator initiator = node.LogIn();
        Assert.True(initiator.Execute(Cdb.Read16(0, 8), dataInBytes: 4096).IsGood);
    }

    [Fact]
    public async Task AnUnknownKeyStopsTheStartWithItsLineAndASuggestion()
    {
        await using TestNode node = TestNode.Prepare();
        (int code, string log) = await node.RunToEnd(TestNode.Configuration(more: "node.stop-timeuot = 3 s"));
        Assert.Equal(2, code);
        Assert.Contains("stop-timeuot", log, StringComparison.Ordinal);
        Assert.Contains("stop-timeout", log, StringComparison.Ordinal);
        Assert.Contains("node.conf:6", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AFileThatIsNotAStoreIsRefusedAndLeftAsItIs()
    {
        await using TestNode node = TestNode.Prepare();
        byte[] foreign = new byte[8 << 20];
        new Random(1).NextBytes(foreign);
        await File.WriteAllBytesAsync(node.PathOf("disk.store"), foreign);
        (int code, string log) = await node.RunToEnd(TestNode.Configuration());
        Assert.Equal(1, code);
        Assert.Contains("disk.store", log, StringComparison.Ordinal);
        (int formatted, string output) = await node.Verb(TestNode.Configuration(), "format", "disk");
        Assert.NotEqual(0, formatted);
        Assert.Contains("--force", output, StringComparison.Ordinal);
        Assert.Equal(foreign, await File.ReadAllBytesAsync(node.PathOf("disk.store")));
    }

    [Fact]
    public async Task ASuperblockThatIsDamagedTwiceIsRefusedWithWhatToDo()
    {
        await using TestNode node = await TestNode.Start();
        await node.Stop();
        Damage(node.PathOf("disk.store"), 24, 4096 + 24);
        byte[] damaged = await File.ReadAllBytesAsync(node.PathOf("disk.store"));
        (int code, string log) = await node.RunToEnd(TestNode.Configuration());
        Assert.Equal(1, code);
        Assert.Contains("damaged", log, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("actorsan inspect", log, StringComparison.Ordinal);
        Assert.True((await File.ReadAllBytesAsync(node.PathOf("disk.store"))).AsSpan().SequenceEqual(damaged));
    }

    [Fact]
    public async Task ASuperblockThatIsDamagedOnceServesAndIsWholeAgain()
    {
        await using TestNode node = await TestNode.Start();
        await node.Stop();
        byte[] before = (await File.ReadAllBytesAsync(node.PathOf("disk.store")))[..8192];
        Damage(node.PathOf("disk.store"), 24);
        await node.Run(TestNode.Configuration());
        await node.Stop();
        Assert.Equal(before, (await File.ReadAllBytesAsync(node.PathOf("disk.store")))[..8192]);
    }

    [Fact]
    public async Task ASizeThatDiffersFromTheStoresIsRefused()
    {
        await using TestNode node = await TestNode.Start();
        await node.Stop();
        (int code, string log) = await node.RunToEnd(TestNode.Configuration(size: "128 MiB"));
        Assert.Equal(1, code);
        Assert.Contains("size", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AVolumeThatIsMissingDoesNotKeepTheOthersFromServing()
    {
        await using TestNode node = await TestNode.Start(more: """
            volumes.gone { store { kind = device, path = /dev/actorsan-test-no-such-device } }
            targets."iqn.2026-01.org.actorsan:test".luns.1 = gone
            """);
        using RawInitiator initiator = node.LogIn();
        Assert.True(initiator.Execute(Cdb.Read16(0, 8), dataInBytes: 4096).IsGood);
        Assert.Contains("no-such-device", node.Daemon.Log, StringComparison.Ordinal);
    }

    private static void Damage(string path, params int[] places)
    {
        using FileStream file = File.OpenWrite(path);
        foreach (int place in places)
        {
            file.Position = place;
            file.Write("damaged by a test"u8);
        }
    }

    private static byte[] Identification(TestNode node)
    {
        using RawInitiator initiator = node.LogIn();
        RawResult page = initiator.Execute(Cdb.Inquiry(0x83, vital: true, length: 1024), dataInBytes: 1024);
        Assert.True(page.IsGood);
        return page.Data;
    }

    internal static byte[] Bytes(int blocks, byte fill)
    {
        byte[] bytes = new byte[blocks * 512];
        Array.Fill(bytes, fill);
        return bytes;
    }
}
