using System.Diagnostics;
using System.Globalization;
using System.Net;
using ActorSan.Benchmarks.WholeSystem;
using ActorSan.Iscsi;
using ActorSan.Scsi;
using ActorSan.Storage;
using ActorSan.Storage.Threads;

namespace ActorSan.Benchmarks.Transport;

/// <summary>
/// The transport by itself: a server in this process with one I/O thread and a unit of memory, beside what the bare loopback carries, in turns. With
/// <c>serve</c> it only stands there, for a profiler and any load tool.
/// </summary>
internal sealed class TransportBenchmark : IIscsiEvents
{
    private const string Target = "iqn.2026-01.org.actorsan:transport";
    private const int UnitBytes = 256 << 20;

    public static async Task<IReadOnlyList<Row>> Run(string sources, string directory, int seconds, int rounds, bool serve, CancellationToken stop)
    {
        using IoThread thread = IoThreadFactory.Create(new IoThreadOptions { Name = "transport", Index = 0, BufferPoolBytes = 64 << 20, QueueDepth = 1024, Cpu = 0 });
        thread.Start();
        using var unit = new RamUnit(thread, UnitBytes / 512);
        var server = new IscsiServer([thread], new IscsiServerOptions(), new TransportBenchmark(), new CommonUnits(new NoSuchUnit(), new ReportLunsUnit()));
        await server.SetTarget(new TargetSettings
        {
            Name = Target,
            Open = true,
            PortalGroups = [new PortalGroupSettings { GroupTag = 1, RelativePortId = 1, PortGroupId = 1 }],
            Luns = new Dictionary<ulong, LogicalUnit> { [0] = unit },
        });
        IPEndPoint portal = await server.Listen(new PortalSettings { Address = new IPEndPoint(IPAddress.Loopback, 0), GroupTag = 1 });
        try
        {
            if (serve)
            {
                Console.WriteLine($"-p {portal} -T {Target} -l 0 -P {Environment.ProcessId}");
                await Task.Delay(Timeout.Infinite, stop);
            }

            return await Measure(new LoadTools(sources, Path.Combine(directory, "tools"), seconds, stop), new Side("transport", portal.ToString(), Target, 0, Environment.ProcessId), thread, rounds);
        }
        finally
        {
            await server.Stop(TimeSpan.Zero);
            thread.Stop();
        }
    }

    public void SessionStarted(SessionInfo session)
    {
    }

    public void SessionEnded(SessionInfo session, SessionEnd reason, string detail)
    {
    }

    public void LoginRefused(string initiatorName, string targetName, string peerAddress, LoginRefusal refusal, string detail) => Console.Error.WriteLine($"refused: {detail}");

    public void Warning(string peerAddress, string text) => Console.Error.WriteLine(text);

    /// <summary>What the digest of a segment costs: the best of many short runs, for on a busy machine the others tell of the machine.</summary>
    private static unsafe Row DigestRow(int lengthBytes, string? goal)
    {
        byte[] bytes = new byte[lengthBytes];
        new Random(1).NextBytes(bytes);
        double best = double.MaxValue;
        int calls = (4 << 20) / lengthBytes;
        uint crc = 0;
        fixed (byte* at = bytes)
        {
            for (int run = 0; run < 200; run++)
            {
                long began = Stopwatch.GetTimestamp();
                for (int call = 0; call < calls; call++)
                {
                    crc = Crc32C.Append(crc, at, lengthBytes);
                }

                best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalMicroseconds / calls);
            }
        }

        GC.KeepAlive(crc);
        return new Row(string.Create(CultureInfo.InvariantCulture, $"CRC32C of {lengthBytes} bytes"), Math.Round(best, 3), "us", Goal: goal);
    }

    private static async Task<IReadOnlyList<Row>> Measure(LoadTools tools, Side side, IoThread thread, int rounds)
    {
        await tools.Build();
        var rows = new List<Row> { DigestRow(512, null), DigestRow(4096, "<= 0.29"), DigestRow(65536, null) };
        foreach ((string mode, int blockBytes, int depth) in new[] { ("read", 4096, 32), ("write", 4096, 32), ("read", 65536, 8), ("write", 65536, 8), ("read", 4096, 1) })
        {
            var load = new Load(IsRaw: true, mode, blockBytes, depth);
            List<double> ours = [], limits = [], cpu = [];
            for (int round = 0; round < rounds; round++)
            {
                IoThreadCounters before = thread.ReadCounters();
                LoadResult result = await tools.Run(load, side);
                IoThreadCounters after = thread.ReadCounters();
                ours.Add(result.Iops);
                cpu.Add(result.ServerCpuMicroseconds);
                limits.Add(await tools.LoopbackLimit(mode == "write" ? blockBytes : 0, mode == "write" ? 0 : blockBytes, depth));
                double passes = after.Passes - before.Passes;
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"  {mode} {blockBytes} QD{depth}: {result.Iops:0} IOPS, {result.ServerCpuMicroseconds:0.00} us CPU, {(after.Operations - before.Operations) / passes:0.00} kernel operations a pass"));
            }

            double median = Row.Median(ours), limit = Row.Median(limits);
            string name = string.Create(CultureInfo.InvariantCulture, $"transport, {mode} {blockBytes >> 10}k QD{depth}, raw");
            rows.Add(new Row(name, Math.Round(median), "IOPS", "loopback limit", Math.Round(median / limit, 2), blockBytes == 4096 && depth == 32 ? ">= 0.85" : null));
            rows.Add(new Row(name + ", server CPU", Math.Round(Row.Median(cpu), 2), "us/op"));
        }

        return rows;
    }
}
