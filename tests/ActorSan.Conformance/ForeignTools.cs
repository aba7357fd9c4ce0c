using System.Globalization;
using ActorSan.Tests.Shared;

namespace ActorSan.Conformance;

/// <summary>Initiators besides iscsi-test-cu that we did not write; each row is one thing that their user does.</summary>
internal sealed class ForeignTools(NodeUnderTest node, string directory, CancellationToken stop)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(120);

    internal static IReadOnlyList<string> Names =>
        ["iscsi-ls", "iscsi-inq", "iscsi-readcapacity16", "iscsi-swp", "iscsi-perf", "chap", "chap-wrong-secret", "qemu-io", "qemu-img-out", "qemu-img-in"];

    internal Task<TestOutcome> Run(string name) => name switch
    {
        "iscsi-ls" => Expect(name, "iscsi-ls", [node.Portal], output => Enum.GetValues<Unit>().All(unit => output.Contains(NodeUnderTest.TargetOf(unit), StringComparison.Ordinal))),
        "iscsi-inq" => Expect(name, "iscsi-inq", [node.Url(Unit.Thin)], output => output.Contains("ACTORSAN", StringComparison.OrdinalIgnoreCase)),
        "iscsi-readcapacity16" => Expect(name, "iscsi-readcapacity16", [node.Url(Unit.Thin)], output => output.Contains("512", StringComparison.Ordinal)),
        "iscsi-swp" => SoftwareWriteProtect(name),
        "iscsi-perf" => Expect(name, "iscsi-perf", ["-t", "2", node.Url(Unit.Thin)], output => output.Contains("iops", StringComparison.OrdinalIgnoreCase)),
        "chap" => Expect(name, "iscsi-inq", [node.ChapUrl(NodeUnderTest.ChapSecret)], output => output.Contains("ACTORSAN", StringComparison.OrdinalIgnoreCase)),
        "chap-wrong-secret" => Refused(name, "iscsi-inq", [node.ChapUrl("not-the-secret-at-all")]),
        "qemu-io" => Expect(
            name,
            "qemu-io",
            ["-f", "raw", "-c", "write -P 0x5a 1M 3M", "-c", "write -z 2M 64k", "-c", "read -P 0x5a 1M 1M", "-c", "read -P 0 2M 64k", "-c", "flush", node.Url(Unit.Thin)],
            output => !output.Contains("Pattern verification failed", StringComparison.Ordinal)),
        "qemu-img-out" => ImageOut(name),
        "qemu-img-in" => ImageIn(name),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "no such row"),
    };

    private async Task<TestOutcome> SoftwareWriteProtect(string name)
    {
        string url = node.Url(Unit.Thin);
        // It prints what it found before it changes it.
        TestOutcome on = await Expect(name, "iscsi-swp", ["-s", "on", url], output => output.Contains("SWP:0", StringComparison.Ordinal));
        TestOutcome refused = await Refused(name, "qemu-io", ["-f", "raw", "-c", "write 0 4k", url]);
        TestOutcome off = await Expect(name, "iscsi-swp", ["-s", "off", url], output => output.Contains("SWP:1", StringComparison.Ordinal));
        TestOutcome again = await Expect(name, "qemu-io", ["-f", "raw", "-c", "write 0 4k", url], _ => true);
        return new[] { on, refused, off }.FirstOrDefault(outcome => outcome.Result != TestResult.Pass) ?? again;
    }

    /// <summary>An image written in through qemu and read back through qemu is the same, byte for byte.</summary>
    private async Task<TestOutcome> ImageIn(string name)
    {
        string image = Path.Combine(directory, "in.raw");
        string copy = Path.Combine(directory, "in-back.raw");
        await WriteImage(image);
        TestOutcome into = await Expect(name, "qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", image, node.Url(Unit.Flat)], _ => true);
        if (into.Result != TestResult.Pass)
        {
            return into;
        }

        TestOutcome back = await Expect(name, "qemu-img", ["convert", "-f", "raw", "-O", "raw", node.Url(Unit.Flat), copy], _ => true);
        return back.Result == TestResult.Pass && !await SameBytes(image, copy) ? back with { Result = TestResult.Fail, Reason = "the image came back with other bytes" } : back;
    }

    /// <summary>A volume read out as qcow2 compares equal, by qemu's own eyes, with the volume.</summary>
    private async Task<TestOutcome> ImageOut(string name)
    {
        string image = Path.Combine(directory, "out.qcow2");
        TestOutcome filled = await Expect(name, "qemu-io", ["-f", "raw", "-c", "write -P 0xa7 5M 7M", node.Url(Unit.Flat)], _ => true);
        if (filled.Result != TestResult.Pass)
        {
            return filled;
        }

        TestOutcome outward = await Expect(name, "qemu-img", ["convert", "-f", "raw", "-O", "qcow2", node.Url(Unit.Flat), image], _ => true);
        return outward.Result != TestResult.Pass
            ? outward
            : await Expect(name, "qemu-img", ["compare", "-f", "qcow2", "-F", "raw", image, node.Url(Unit.Flat)], output => output.Contains("identical", StringComparison.Ordinal));
    }

    private static async Task WriteImage(string path)
    {
        const int size = 24 << 20;
        await using FileStream file = File.Create(path);
        var random = new Random(20260101);
        byte[] block = new byte[1 << 20];
        for (int i = 0; i < size / block.Length; i++)
        {
            if (i % 4 == 3)
            {
                Array.Clear(block);
            }
            else
            {
                random.NextBytes(block);
            }

            await file.WriteAsync(block);
        }
    }

    private static async Task<bool> SameBytes(string first, string second)
    {
        byte[] a = await File.ReadAllBytesAsync(first);
        byte[] b = await File.ReadAllBytesAsync(second);
        return a.AsSpan().SequenceEqual(b);
    }

    private async Task<TestOutcome> Expect(string name, string program, IReadOnlyList<string> arguments, Func<string, bool> holds)
    {
        ToolRun run = await Tool.RunAsync(program, arguments, s_limit, stop);
        bool passed = !run.Late && run.ExitCode == 0 && holds(run.Output);
        string reason = passed ? "" : string.Create(CultureInfo.InvariantCulture, $"{program} ended with {run.ExitCode}{(run.Late ? " (too late)" : "")}: {LastWords(run.Output)}");
        return new TestOutcome(name, passed ? TestResult.Pass : TestResult.Fail, reason, Hollow: false, run.Took);
    }

    private async Task<TestOutcome> Refused(string name, string program, IReadOnlyList<string> arguments)
    {
        ToolRun run = await Tool.RunAsync(program, arguments, s_limit, stop);
        bool refused = !run.Late && run.ExitCode != 0 && node.IsRunning;
        return new TestOutcome(name, refused ? TestResult.Pass : TestResult.Fail, refused ? "" : $"was not refused: {LastWords(run.Output)}", Hollow: false, run.Took);
    }

    private static string LastWords(string output)
    {
        string trimmed = output.Trim().ReplaceLineEndings(" / ");
        return trimmed.Length <= 200 ? trimmed : "… " + trimmed[^200..];
    }
}
