using System.Globalization;
using ActorSan.Tests.Shared;

namespace ActorSan.Benchmarks.WholeSystem;

/// <summary>The daemon under measurement: one volume in memory and one on the disk that fio and tgt use too.</summary>
internal sealed class NodeSide : IAsyncDisposable
{
    // A target for each volume: its sessions live on the volume's own thread, as those of one disk for one host do.
    private const string TargetPrefix = "iqn.2026-01.org.actorsan:bench-";

    private readonly DaemonProcess _daemon;

    private NodeSide(DaemonProcess daemon) => _daemon = daemon;

    internal int ProcessId => _daemon.ProcessId;

    internal string Portal => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_daemon.Ports["main"]}");

    internal Side Ram => new("actorsan ram", Portal, TargetPrefix + "ram", 0, ProcessId);

    internal Side Disk => new("actorsan disk", Portal, TargetPrefix + "disk", 0, ProcessId);

    /// <summary>The disk with every write durable before it is answered.</summary>
    internal Side Durable => new("actorsan durable", Portal, TargetPrefix + "durable", 0, ProcessId);

    internal static async Task<NodeSide> Start(string daemon, string directory, bool spin, CancellationToken stop)
    {
        string configuration =
            $$"""
            actorsan {
              node { name = bench, state-directory = state }
              io.spin = {{(spin ? "50 us" : "0")}}
              portals.main { address = 127.0.0.1, port = 0 }
              defaults.volume.format = if-missing
              volumes {
                ram { store { kind = memory, size = 512 MiB } }
                disk { store { path = disk.store, size = 512 MiB } }
                durable { store { path = durable.store, size = 512 MiB }, write-cache = off }
              }
              # The first CPU; the raw client has the second.
              defaults.volume.thread = 0
              targets."{{TargetPrefix}}ram" { access = open, luns.0 = ram }
              targets."{{TargetPrefix}}disk" { access = open, luns.0 = disk }
              targets."{{TargetPrefix}}durable" { access = open, luns.0 = durable }
            }
            """;
        return new NodeSide(await DaemonProcess.StartAsync(daemon, directory, configuration, stop));
    }

    /// <summary>Resident bytes of the process now.</summary>
    internal long ResidentBytes()
    {
        foreach (string line in File.ReadLines($"/proc/{ProcessId.ToString(CultureInfo.InvariantCulture)}/status"))
        {
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
            {
                return long.Parse(line.AsSpan(6).Trim(" \tkB"), CultureInfo.InvariantCulture) * 1024;
            }
        }

        throw new BenchmarkException("the node's resident memory could not be read");
    }

    /// <summary>Managed bytes allocated and collections since the start, as the node itself counts them (SIGUSR1 makes it write them).</summary>
    internal async Task<(long AllocatedBytes, int Collections)> ReadStatistics(CancellationToken stop)
    {
        const string marker = "statistics: ";
        int seen = Count(_daemon.Log, marker);
        await _daemon.Signal("USR1");
        for (int i = 0; i < 200; i++)
        {
            string log = _daemon.Log;
            if (Count(log, marker) > seen)
            {
                int from = log.LastIndexOf(marker, StringComparison.Ordinal) + marker.Length;
                int end = log.IndexOf('\n', from);
                var pairs = Processes.LastLine(log[from..end]);
                return ((long)Processes.Number(pairs, "allocated"), (int)Processes.Number(pairs, "collections"));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), stop);
        }

        throw new BenchmarkException("the node wrote no statistics after SIGUSR1");
    }

    public ValueTask DisposeAsync() => _daemon.DisposeAsync();

    private static int Count(string text, string marker)
    {
        int count = 0;
        for (int at = text.IndexOf(marker, StringComparison.Ordinal); at >= 0; at = text.IndexOf(marker, at + 1, StringComparison.Ordinal))
        {
            count++;
        }

        return count;
    }
}
