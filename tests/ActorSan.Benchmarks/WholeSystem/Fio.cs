using System.Globalization;
using System.Text.Json;

namespace ActorSan.Benchmarks.WholeSystem;

/// <summary>Debian's fio on a plain file: what the disk gives when nothing stands in between.</summary>
internal sealed class Fio(string file, int seconds, CancellationToken stop)
{
    /// <summary>4 KiB random I/O a second at depth 32 through io_uring and O_DIRECT; <paramref name="durable"/>: every write is O_DSYNC.</summary>
    internal async Task<double> Run(bool write, bool durable)
    {
        List<string> arguments =
        [
            "--name=raw", "--filename=" + file, "--size=256m", "--bs=4k", "--iodepth=32", "--ioengine=io_uring", "--direct=1", "--time_based", "--ramp_time=1",
            "--runtime=" + seconds.ToString(CultureInfo.InvariantCulture), "--rw=" + (write ? "randwrite" : "randread"), "--output-format=json",
        ];
        if (durable)
        {
            arguments.Add("--sync=dsync");
        }

        string output = await Processes.Run("fio", arguments, TimeSpan.FromSeconds(seconds + 45), stop);
        using JsonDocument json = JsonDocument.Parse(output[output.IndexOf('{', StringComparison.Ordinal)..]);
        return json.RootElement.GetProperty("jobs")[0].GetProperty(write ? "write" : "read").GetProperty("iops").GetDouble();
    }

    /// <summary>Bytes a second, one 1 MiB write after the other at depth 4 over a file of 1 GiB that is there already, buffered.</summary>
    internal async Task<double> RewriteInOrder()
    {
        List<string> arguments =
        [
            "--name=raw", "--filename=" + file, "--size=1g", "--bs=1m", "--iodepth=4", "--ioengine=io_uring", "--rw=write", "--overwrite=1", "--time_based", "--ramp_time=1",
            "--runtime=" + seconds.ToString(CultureInfo.InvariantCulture), "--output-format=json",
        ];
        string output = await Processes.Run("fio", arguments, TimeSpan.FromSeconds(seconds + 60), stop);
        using JsonDocument json = JsonDocument.Parse(output[output.IndexOf('{', StringComparison.Ordinal)..]);
        return json.RootElement.GetProperty("jobs")[0].GetProperty("write").GetProperty("bw_bytes").GetDouble();
    }

    internal Task Fill() => Processes.Run(
        "fio",
        ["--name=fill", "--filename=" + file, "--size=256m", "--bs=1m", "--rw=write", "--ioengine=io_uring", "--direct=1", "--iodepth=4"],
        TimeSpan.FromSeconds(120),
        stop);
}
