using ActorSan.Cluster.Management;

namespace ActorSan.Node.Management.Commands;

/// <summary>How volumes are shown.</summary>
internal static class VolumeView
{
    private const int DefaultHistory = 50;

    public static async Task<CommandAnswer> List(CommandCall call)
    {
        IReadOnlyList<VolumeReport> volumes = await call.Ask((management, limit) => management.Volumes(limit));
        return CommandAnswer.Of(volumes, volumes.Count == 0 ? new Part(Sentences: ["There are no volumes; 'volume create' makes one."]) : new Part(Table: new Table(
            [new("Volume"), new("Size", true), new("Condition"), new("Primary"), new("In sync"), new("To resync", true), new("LUNs")],
            [
                .. volumes.Select(volume => (IReadOnlyList<Cell>)
                [
                    volume.Name, Human.Bytes(volume.SizeBytes), Human.State(volume.Condition), volume.Primary ?? Human.Nothing, $"{volume.InSync.Count} of {volume.Replicas.Count}",
                    Human.Bytes(Sum(volume.Replicas.Select(replica => replica.ToResyncBytes))), Human.List(volume.Targets.Select(export => $"{export.Iqn} {export.Lun}")),
                ]),
            ])));
    }

    public static async Task<CommandAnswer> Show(CommandCall call)
    {
        VolumeReport volume = await call.One("volume", call.Text("NAME"), (management, limit) => management.Volume(call.Text("NAME"), limit));
        List<Part> parts = [new Part($"volume {volume.Name}", Facts: FactsOf(volume)), new Part(Table: ReplicasOf(volume))];
        Cell[] details = [.. volume.Replicas.Where(replica => replica.Detail is not null).Select(replica => new Cell($"{replica.Node}: {replica.Detail}", Human.State(replica.Condition).Tone))];
        if (details.Length > 0)
        {
            parts.Add(new Part(Sentences: details));
        }

        if (volume.Io is { } io)
        {
            parts.Add(new Part(Table: IoOf(io)));
        }

        return CommandAnswer.Of(volume, parts);
    }

    public static async Task<CommandAnswer> Why(CommandCall call)
    {
        VolumeWhy why = await call.One("volume", call.Text("NAME"), (management, limit) => management.Why(call.Text("NAME"), limit));
        List<Part> parts = [new Part("Who is primary", Sentences: [.. why.Primary.Select(sentence => new Cell(sentence))])];
        if (why.IfNodeDied.Count > 0)
        {
            parts.Add(new Part("If a node died now", Sentences: [.. why.IfNodeDied.Select(consequence => new Cell($"{consequence.Node}: {consequence.Sentence}"))]));
        }

        parts.Add(new Part("What is refused now", Sentences: why.Refused.Count == 0 ? ["Nothing."]
            : [.. why.Refused.Select(refused => new Cell($"{refused.Action}: {refused.Sentence} (rule {refused.Rule})"))]));
        return CommandAnswer.Of(why, parts);
    }

    public static async Task<CommandAnswer> History(CommandCall call)
    {
        long last = call.NumberOrNull("--last") ?? DefaultHistory;
        if (last is < 1 or > 10_000)
        {
            throw new UsageException($"--last is 1 to 10000, not {last}");
        }

        IReadOnlyList<VolumeEvent> events = await call.One("volume", call.Text("NAME"), (management, limit) => management.History(call.Text("NAME"), (int)last, limit));
        return CommandAnswer.Of(events, events.Count == 0 ? new Part(Sentences: ["Nothing is recorded."]) : new Part(Table: new Table(
            [new("Time"), new("Node"), new("Epoch", true), new("What"), new("How it came")],
            [.. events.Select(happened => (IReadOnlyList<Cell>)[Human.Precise(happened.Time), happened.Node, Human.Count(happened.Epoch), happened.What, happened.Sentence])])));
    }

    public static Table ReplicasOf(VolumeReport volume) => new(
        [new("Replica"), new("State"), new("To resync", true), new("Done", true), new("Speed", true), new("Protocol"), new("Mark", true), new("Path")],
        [
            .. volume.Replicas.Select(replica => (IReadOnlyList<Cell>)
            [
                replica.Node, Human.State(replica.Condition), Human.Bytes(replica.ToResyncBytes), Human.Percent(replica.ResyncPercent), Human.Rate(replica.ResyncBytesPerSecond),
                replica.Protocol.ToString(), replica.Mark is { } mark ? Human.Count(mark) : Human.Nothing, replica.Path ?? Human.Nothing,
            ]),
        ]);

    private static IReadOnlyList<Fact> FactsOf(VolumeReport volume) =>
    [
        new("condition", Human.State(volume.Condition)),
        new("state", volume.State),
        new("size", $"{Human.Bytes(volume.SizeBytes)} in blocks of {volume.BlockSizeBytes} bytes"),
        new("primary", $"{volume.Primary ?? "none"}, epoch {volume.Epoch}"),
        new("lease", volume.LeaseLeftMs switch { null => "not known here", < 0 => new Cell("has run out", Tone.Bad), var left => $"runs for {left} ms more" }),
        new("in sync", Human.List(volume.InSync)),
        new("voters", Human.List(volume.Voters) + (volume.OldVoters.Count == 0 ? "" : $" (until the change is done, {Human.List(volume.OldVoters)} too)")),
        new("preferred primary", volume.Settings.PreferredPrimary ?? "none"),
        new("without majority", volume.Settings.OnNoQuorum == OnNoQuorum.Suspend ? "requests wait" : "requests fail"),
        new("confirm reads", volume.Settings.ConfirmReads ? "on" : "off"),
        new("exported", volume.Targets.Count == 0 ? "nowhere" : string.Join(", ", volume.Targets.Select(export => $"{export.Iqn} LUN {export.Lun}"))),
        new("id", volume.Id.ToString()),
        new("lineage", volume.Lineage.ToString()),
    ];

    private static Table IoOf(IoReport io) => new(
        [new(""), new("Commands", true), new("Bytes", true), new("p50", true), new("p99", true), new("p99.9", true)],
        [
            ["reads", Human.Count(io.Reads), Human.Bytes(io.ReadBytes), .. Percentiles(io.ReadLatency)],
            ["writes", Human.Count(io.Writes), Human.Bytes(io.WrittenBytes), .. Percentiles(io.WriteLatency)],
        ]);

    private static IEnumerable<Cell> Percentiles(LatencyHistogram histogram) =>
        new[] { 0.5, 0.99, 0.999 }.Select(part => new Cell(histogram.PercentileUs(part) is { } bound ? "≤ " + Human.Latency(bound) : Human.Nothing));

    private static long? Sum(IEnumerable<long?> parts)
    {
        long?[] known = [.. parts.Where(part => part is not null)];
        return known.Length == 0 ? null : known.Sum();
    }
}
