using System.Globalization;

namespace ActorSan.Benchmarks.WholeSystem;

internal sealed record SingleOptions(string Daemon, string Sources, string Directory, int Seconds, int Rounds);

/// <summary>
/// Every figure of one node, beside its peer in the same run: the sides take turns (A B A B …) and the medians are compared, because a small machine drifts by
/// more than most differences.
/// </summary>
internal sealed class SingleBenchmark(SingleOptions options, TextWriter progress, CancellationToken stop)
{
    private readonly List<Row> _rows = [];
    private readonly LoadTools _tools = new(options.Sources, Path.Combine(options.Directory, "tools"), options.Seconds, stop);

    internal async Task<IReadOnlyList<Row>> Run()
    {
        await _tools.Build();
        string fioFile = Path.Combine(options.Directory, "fio.img");
        var fio = new Fio(fioFile, options.Seconds, stop);
        await using (NodeSide node = await NodeSide.Start(options.Daemon, Path.Combine(options.Directory, "node"), spin: false, stop))
        {
            long idleBytes = node.ResidentBytes();
            progress.WriteLine("Filling the volumes …");
            foreach (Side side in new[] { node.Ram, node.Disk, node.Durable })
            {
                await _tools.Fill(side);
            }

            await RawRows(node);
            await AllocationRows(node);
            await DigestRow(node);
            await using (PeerTgt tgt = await PeerTgt.Start(Path.Combine(options.Sources, "peer-tgt.sh"), Path.Combine(options.Directory, "tgt"), 3262, stop))
            {
                await TgtRows(node, tgt);
            }

            await fio.Fill();
            await FioRows(node, fio);
            await MemoryRows(node, idleBytes);
        }

        File.Delete(fioFile);
        await SpinRow();
        return _rows;
    }

    private async Task RawRows(NodeSide node)
    {
        Side? spdk = SpdkSide();
        foreach (string mode in (string[])["read", "write"])
        {
            var load = new Load(IsRaw: true, mode, 4096, 32);
            int request = mode == "write" ? 4096 : 0;
            (double ours, double limit) = await Interleave(
                async () => (await _tools.Run(load, node.Ram)).Iops,
                () => _tools.LoopbackLimit(request, 4096 - request, 32));
            Add(new Row($"4k QD32 {mode}, RAM, raw", Round(ours), "IOPS", "loopback limit", Ratio(ours, limit), ">= 0.85"));
            if (spdk is null)
            {
                Add(new Row($"4k QD32 {mode}, RAM, raw, beside SPDK", Round(ours), "IOPS"));
                continue;
            }

            (double again, double theirs) = await Interleave(async () => (await _tools.Run(load, node.Ram)).Iops, async () => (await _tools.Run(load, spdk)).Iops);
            Add(new Row($"4k QD32 {mode}, RAM, raw, beside SPDK", Round(again), "IOPS", "SPDK malloc", Ratio(again, theirs), ">= 1.2"));
        }

        LoadResult cpu = await _tools.Run(new Load(IsRaw: false, "read", 4096, 32), node.Ram);
        Add(new Row("server CPU, 4k QD32 read, RAM, libiscsi", Math.Round(cpu.ServerCpuMicroseconds, 2), "us/op"));
    }

    private async Task TgtRows(NodeSide node, PeerTgt tgt)
    {
        foreach (string store in (string[])["ram", "null", "aio"])
        {
            await _tools.Run(new Load(IsRaw: false, "write", 65536, 16), tgt.Side(store));
        }

        await Compare("4k QD32 read, RAM, libiscsi", new Load(false, "read", 4096, 32), node.Ram, tgt.Side("ram"), ">= 5");
        await Compare("4k QD32 write, RAM, libiscsi", new Load(false, "write", 4096, 32), node.Ram, tgt.Side("ram"), ">= 3");
        await Compare("4k QD32 read, 4 sessions, RAM, libiscsi", new Load(false, "read", 4096, 32, 4), node.Ram, tgt.Side("ram"), null);
        await Compare("4k QD1 read, RAM, libiscsi, no spin", new Load(false, "read", 4096, 1), node.Ram, tgt.Side("null"), ">= 1.3");
        await Compare("256k QD8 read, RAM, libiscsi", new Load(false, "read", 262144, 8), node.Ram, tgt.Side("ram"), ">= 2.7");
        await Compare("256k QD8 write, RAM, libiscsi", new Load(false, "write", 262144, 8), node.Ram, tgt.Side("ram"), ">= 1.3");
        await Compare("4k QD32 read, disk, direct, libiscsi", new Load(false, "read", 4096, 32), node.Disk, tgt.Side("aio"), ">= 7");
        await Compare("4k QD32 write, disk, direct, libiscsi", new Load(false, "write", 4096, 32), node.Disk, tgt.Side("aio"), ">= 3.5");
    }

    private async Task FioRows(NodeSide node, Fio fio)
    {
        foreach (bool write in (bool[])[false, true])
        {
            string mode = write ? "write" : "read";
            (double ours, double raw) = await Interleave(async () => (await _tools.Run(new Load(true, mode, 4096, 32), node.Disk)).Iops, () => fio.Run(write, durable: false));
            Add(new Row($"4k QD32 {mode}, disk, direct, beside the bare disk", Round(ours), "IOPS", "fio io_uring", Ratio(ours, raw), ">= 0.6"));
        }

        (double durable, double dsync) = await Interleave(async () => (await _tools.Run(new Load(true, "write", 4096, 32), node.Durable)).Iops, () => fio.Run(write: true, durable: true));
        Add(new Row("4k QD32 durable write, disk", Round(durable), "IOPS", "fio O_DSYNC", Ratio(durable, dsync), ">= 1.0"));
    }

    private async Task AllocationRows(NodeSide node)
    {
        long login = await LoginAllocates(node);
        foreach ((string name, Load load, Side side) in new[]
        {
            ("4k mixed, RAM", new Load(true, "mixed", 4096, 32), node.Ram),
            ("4k mixed, disk", new Load(true, "mixed", 4096, 32), node.Disk),
            ("256k write, RAM", new Load(false, "write", 262144, 8), node.Ram),
        })
        {
            _ = await _tools.Run(load, side);
            var before = await node.ReadStatistics(stop);
            LoadResult result = await _tools.Run(load, side);
            var after = await node.ReadStatistics(stop);
            double commands = Math.Max(1, result.Iops * options.Seconds);

            // What a login, its end and the statistics themselves allocate is no command's; an object per command would show as 24 bytes at least.
            double each = Math.Max(0, Math.Floor((after.AllocatedBytes - before.AllocatedBytes - login) / commands));
            Add(new Row($"managed bytes allocated a command, {name}", each, "B", Goal: "<= 0"));
            Add(new Row($"collections under load, {name}", after.Collections - before.Collections, "", Goal: "<= 0"));
        }
    }

    /// <summary>The most of five: logins grow tables now and then.</summary>
    private async Task<long> LoginAllocates(NodeSide node)
    {
        long most = 0;
        for (int i = 0; i < 5; i++)
        {
            var before = await node.ReadStatistics(stop);
            await using (await IdleSessions.Open(node.Portal, node.Ram.Target, 1, stop))
            {
            }

            most = Math.Max(most, (await node.ReadStatistics(stop)).AllocatedBytes - before.AllocatedBytes);
        }

        return most;
    }

    private async Task DigestRow(NodeSide node)
    {
        foreach (bool write in (bool[])[false, true])
        {
            var with = new DigestClient(node.Ram, digests: true, options.Seconds, stop);
            var without = new DigestClient(node.Ram, digests: false, options.Seconds, stop);
            (double on, double off) = await Interleave(() => with.Run(write), () => without.Run(write));
            Add(new Row($"64k QD8 {(write ? "write" : "read")}, both digests on", Round(on), "IOPS", "digests off", Ratio(on, off), ">= 0.9"));
        }
    }

    private async Task MemoryRows(NodeSide node, long idleBytes)
    {
        // The configured pools: one of 64 MiB for each I/O thread, touched at start.
        long pools = (long)Environment.ProcessorCount * (64L << 20);
        Add(new Row("resident memory, idle, beside the buffer pools", Math.Round((idleBytes - pools) / 1048576.0, 1), "MiB", Goal: "<= 180"));
        const int sessions = 200;
        long before = node.ResidentBytes();
        await using (await IdleSessions.Open(node.Portal, node.Ram.Target, sessions, stop))
        {
            double each = Math.Max(0, node.ResidentBytes() - before) / 1024.0 / sessions;
            Add(new Row("resident memory a session", Math.Round(each, 1), "KiB", Goal: "<= 256"));
        }
    }

    private async Task SpinRow()
    {
        await using NodeSide node = await NodeSide.Start(options.Daemon, Path.Combine(options.Directory, "node-spin"), spin: true, stop);
        await using PeerTgt tgt = await PeerTgt.Start(Path.Combine(options.Sources, "peer-tgt.sh"), Path.Combine(options.Directory, "tgt"), 3262, stop);
        await _tools.Fill(node.Ram);
        await Compare("4k QD1 read, RAM, libiscsi, spin 50 us", new Load(false, "read", 4096, 1), node.Ram, tgt.Side("null"), ">= 1.7");
    }

    private async Task Compare(string name, Load load, Side ours, Side theirs, string? goal)
    {
        (double a, double b) = await Interleave(async () => (await _tools.Run(load, ours)).Iops, async () => (await _tools.Run(load, theirs)).Iops);
        Add(new Row(name, Round(a), "IOPS", theirs.Name, Ratio(a, b), goal));
    }

    private async Task<(double Ours, double Theirs)> Interleave(Func<Task<double>> ours, Func<Task<double>> theirs)
    {
        var a = new List<double>();
        var b = new List<double>();
        for (int round = 0; round < options.Rounds; round++)
        {
            a.Add(await ours());
            b.Add(await theirs());
        }

        return (Row.Median(a), Row.Median(b));
    }

    /// <summary>SPDK's target runs when SPDK_ISCSI_TGT says where: <c>PORTAL,TARGET,LUN,PID</c> of a running one (Debian has none).</summary>
    private static Side? SpdkSide()
    {
        string[] parts = Environment.GetEnvironmentVariable("SPDK_ISCSI_TGT")?.Split(',') ?? [];
        return parts.Length == 4
            ? new Side("SPDK malloc", parts[0], parts[1], int.Parse(parts[2], CultureInfo.InvariantCulture), int.Parse(parts[3], CultureInfo.InvariantCulture))
            : null;
    }

    private void Add(Row row)
    {
        _rows.Add(row);
        progress.WriteLine(row);
    }

    private static double Round(double value) => Math.Round(value, value < 100 ? 2 : 0);

    private static double Ratio(double ours, double theirs) => Math.Round(ours / theirs, 2);
}
