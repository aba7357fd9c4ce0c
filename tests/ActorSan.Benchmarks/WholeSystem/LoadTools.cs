using System.Globalization;

namespace ActorSan.Benchmarks.WholeSystem;

/// <summary>A side of a comparison: where it listens, which target and LUN, whose CPU time counts.</summary>
internal sealed record Side(string Name, string Portal, string Target, int Lun, int ProcessId);

/// <summary>One load: the arguments that both sides get alike.</summary>
internal sealed record Load(bool IsRaw, string Mode, int BlockBytes, int Depth, int Sessions = 1);

internal sealed record LoadResult(double Iops, double MeanMicroseconds, double ServerCpuMicroseconds, double P50Microseconds, double P99Microseconds);

/// <summary>The C load tools beside this program, built when their source is newer than what was built.</summary>
internal sealed class LoadTools(string sources, string built, int seconds, CancellationToken stop)
{
    private static readonly bool s_pins = Environment.ProcessorCount >= 2;
    private static readonly TimeSpan s_buildLimit = TimeSpan.FromSeconds(60);

    internal async Task Build()
    {
        Directory.CreateDirectory(built);
        foreach ((string tool, string[] libraries) in new[] { ("iscsi-load", new[] { "-liscsi", "-lpthread" }), ("iscsi-raw", ["-liscsi"]), ("loopback-limit", []) })
        {
            string source = Path.Combine(sources, tool + ".c");
            string program = Path.Combine(built, tool);
            if (!File.Exists(program) || File.GetLastWriteTimeUtc(program) < File.GetLastWriteTimeUtc(source))
            {
                _ = await Processes.Run("cc", ["-O2", "-Wall", "-Wextra", "-o", program, source, .. libraries], s_buildLimit, stop);
            }
        }
    }

    internal Task<LoadResult> Run(Load load, Side side) => RunFor(load, side, seconds, warmUp: 1);

    /// <param name="seconds">Measured.</param>
    /// <param name="warmUp">Seconds before that.</param>
    internal async Task<LoadResult> RunFor(Load load, Side side, int seconds, int warmUp)
    {
        string program = Path.Combine(built, load.IsRaw ? "iscsi-raw" : "iscsi-load");
        List<string> arguments =
        [
            "-p", side.Portal, "-T", side.Target, "-l", Text(side.Lun), "-m", load.Mode, "-b", Text(load.BlockBytes), "-q", Text(load.Depth), "-s", Text(load.Sessions),
            "-t", Text(seconds), "-w", Text(warmUp), "-S", "256m", "-P", Text(side.ProcessId), "-n", side.Name,
        ];
        // The raw client has a CPU of its own, as the bare loopback's has: it would otherwise take turns with what it measures.
        string text = load.IsRaw && s_pins
            ? await Processes.Run("taskset", ["-c", "1", program, .. arguments], Limit, stop)
            : await Processes.Run(program, arguments, Limit, stop);
        IReadOnlyDictionary<string, string> result = Processes.LastLine(text);
        if (Processes.Number(result, "errors") > 0)
        {
            throw new BenchmarkException($"{side.Name}: the load had errors");
        }

        return new LoadResult(Processes.Number(result, "iops"), Processes.Number(result, "mean_us"), Processes.Number(result, "server_cpu_us_per_op"),
            Processes.Number(result, "p50_us"), Processes.Number(result, "p99_us"));
    }

    /// <summary>Writes the region once, so that no hole and no untouched page is measured.</summary>
    internal Task Fill(Side side, string region = "256m") => Processes.Run(
        Path.Combine(built, "iscsi-load"),
        ["-p", side.Portal, "-T", side.Target, "-l", Text(side.Lun), "-b", "256k", "-q", "8", "-a", "seq", "-S", region, "--verify", "-n", side.Name],
        TimeSpan.FromSeconds(120),
        stop);

    internal async Task<double> LoopbackLimit(int requestBytes, int answerBytes, int depth)
    {
        string[] arguments = ["-q", Text(depth), "-r", Text(requestBytes), "-b", Text(answerBytes), "-t", Text(seconds), "-w", "1", .. s_pins ? (string[])["-c", "1", "-C", "0"] : []];
        return Processes.Number(Processes.LastLine(await Processes.Run(Path.Combine(built, "loopback-limit"), arguments, Limit, stop)), "iops");
    }

    private TimeSpan Limit => TimeSpan.FromSeconds(seconds + 45);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
