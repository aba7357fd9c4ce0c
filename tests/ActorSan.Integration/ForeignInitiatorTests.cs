using System.Globalization;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Integration;

/// <summary>Initiators that this project did not write, on both I/O engines.</summary>
public sealed class ForeignInitiatorTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(120);
    private static readonly Lazy<Task<string>> s_loadTool = new(BuildLoadTool);

    [Theory]
    [InlineData("io_uring")]
    [InlineData("epoll")]
    public async Task WhatWasWrittenComesBackOverDepthsSizesAndDigests(string engine)
    {
        string load = await s_loadTool.Value;
        await using TestNode node = await TestNode.Start("64 MiB", Engine(engine));
        int seed = 1;
        foreach (int depth in (int[])[1, 8, 32])
        {
            foreach (string block in (string[])["512", "4k", "64k", "1m"])
            {
                foreach (string digest in (string[])["none", "crc32c"])
                {
                    ToolRun run = await Tool.RunAsync(
                        load,
                        ["-p", node.Portal, "-T", TestNode.Target, "-b", block, "-q", Text(depth), "-s", "2", "-S", block == "512" ? "2m" : "16m", "-H", digest, "-e", Text(seed++), "-a", "rand", "--verify"],
                        s_limit,
                        CancellationToken.None);
                    Assert.True(run is { ExitCode: 0, Late: false }, $"depth {depth}, {block}, {digest}: {run.Output}");
                }
            }
        }
    }

    [Theory]
    [InlineData("io_uring")]
    [InlineData("epoll")]
    public async Task AnImageGoesInAndComesOutTheSame(string engine)
    {
        await using TestNode node = await TestNode.Start("64 MiB", Engine(engine));
        string image = node.PathOf("image.raw");
        string copy = node.PathOf("copy.raw");
        byte[] bytes = new byte[64 << 20];
        new Random(7).NextBytes(bytes.AsSpan(3 << 20, 20 << 20));
        await File.WriteAllBytesAsync(image, bytes);
        await Succeed("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, node.Url());
        await Succeed("qemu-img", "convert", "-f", "raw", "-O", "raw", node.Url(), copy);
        Assert.True((await File.ReadAllBytesAsync(copy)).AsSpan().SequenceEqual(bytes));
    }

    [Fact]
    public async Task DiscoveryShowsTheTargetWithItsUnit()
    {
        await using TestNode node = await TestNode.Start();
        ToolRun run = await Succeed("iscsi-ls", "-s", $"iscsi://{node.Portal}");
        Assert.Contains(TestNode.Target, run.Output, StringComparison.Ordinal);
        Assert.Contains("Lun:0", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ChapLetsInWhoKnowsTheSecretAndNobodyElse()
    {
        await using TestNode node = TestNode.Prepare();
        await node.Run(TestNode.Configuration().Replace("access = open,", "chap { user = alice, secret = correct-horse-1 },", StringComparison.Ordinal));
        await Succeed("iscsi-inq", node.Daemon.Url(TestNode.Target, credentials: "alice%correct-horse-1@"));
        foreach (string credentials in (string[])["alice%wrong-horse-123@", "bob%correct-horse-1@", ""])
        {
            ToolRun refused = await Tool.RunAsync("iscsi-inq", [node.Daemon.Url(TestNode.Target, credentials: credentials)], s_limit, CancellationToken.None);
            Assert.NotEqual(0, refused.ExitCode);
        }
    }

    [Fact]
    public async Task UnmappedSpaceGoesBackToTheFileSystem()
    {
        await using TestNode node = await TestNode.Start("64 MiB");
        await Succeed("qemu-io", "-f", "raw", "-c", "write -P 0x5a 0 32M", "-c", "flush", node.Url());
        long full = await AllocatedBytes(node.PathOf("disk.store"));
        Assert.True(full >= 32 << 20);
        await Succeed("qemu-io", "-d", "unmap", "-f", "raw", "-c", "discard 0 32M", "-c", "read -P 0 0 32M", node.Url());
        Assert.True(await AllocatedBytes(node.PathOf("disk.store")) <= full - (31 << 20));
    }

    internal static async Task<ToolRun> Succeed(string program, params string[] arguments)
    {
        ToolRun run = await Tool.RunAsync(program, arguments, s_limit, CancellationToken.None);
        Assert.True(run is { ExitCode: 0, Late: false }, $"{program} {string.Join(' ', arguments)}: {run.Output}");
        return run;
    }

    private static string Engine(string name) => $"io.engine = {name}";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<long> AllocatedBytes(string path)
    {
        ToolRun stat = await Succeed("stat", "-c", "%b %B", path);
        string[] parts = stat.Output.Split(' ', StringSplitOptions.TrimEntries);
        return long.Parse(parts[0], CultureInfo.InvariantCulture) * long.Parse(parts[1], CultureInfo.InvariantCulture);
    }

    private static async Task<string> BuildLoadTool()
    {
        string source = Path.Combine(TestNode.Root, "tests", "ActorSan.Benchmarks", "tools", "iscsi-load.c");
        string program = Path.Combine(TestNode.Root, "artifacts", "integration", "iscsi-load");
        Directory.CreateDirectory(Path.GetDirectoryName(program)!);
        await Succeed("cc", "-O2", "-o", program, source, "-liscsi", "-lpthread");
        return program;
    }
}
