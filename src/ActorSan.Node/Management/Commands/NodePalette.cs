using System.Runtime.CompilerServices;
using ActorSan.Cluster.Management;
using ActorSan.Node.Management.Api;

namespace ActorSan.Node.Management.Commands;

/// <summary><c>node …</c>, <c>log …</c> and <c>actor …</c>.</summary>
internal static class NodePalette
{
    private static readonly Parameter Node = new("NODE", WordKind.Node, "the node");
    private static readonly Parameter ThisOrNode = new("NODE", WordKind.Node, "the node; without it, the one that you talk to", Optional: true);

    public static Palette Create() => new("node", "Nodes: their stores, threads and links",
    [
        new("list", "All nodes", []) { Run = List },
        new("show", "One node with its stores, threads and links", [ThisOrNode]) { Run = Show },
        new("drain", "A node hands over its volumes and serves none, for maintenance", [Node])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.DrainNode(call.Text("NODE"))),
        },
        new("undrain", "Lets it serve again", [Node])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.UndrainNode(call.Text("NODE"))),
        },
        new("forget", "Gives up a node that never returns, with its replicas and votes", [Node])
        {
            IsChange = true,
            Danger = call => new(call.Text("NODE"), $"{call.Text("NODE")} never returns: its replicas and votes are given up, and a machine of that name begins anew."),
            Run = call => call.Do(new ManagementOperation.ForgetNode(call.Text("NODE"))),
        },
    ]);

    public static Palette CreateLog() => new("log", "The log of the node that you talk to",
    [
        new("tail", "The newest lines, then what is written from now on",
        [
            new("--level", WordKind.Choice, "the least that is shown; information without it", Choices: ["debug", "information", "warning", "error", "fatal"]),
            new("--last", WordKind.Number, "lines of before, at most; 10 without it"),
        ])
        {
            Stream = Tail,
        },
    ]);

    public static Palette CreateActor() => new("actor", "What runs inside a node",
    [
        new("hierarchy", "The actors of a node, as a tree", [ThisOrNode]) { Run = Hierarchy },
    ]);

    private static async Task<CommandAnswer> List(CommandCall call)
    {
        Gathered<NodeReport> nodes = await call.Ask((management, limit) => management.Nodes(limit));
        return CommandAnswer.Of(nodes, Silence.With(nodes.Silent, new Part(Table: new Table(
            [new("Node"), new("Role"), new("Status"), new("Primary of"), new("Stores", true), new("Links"), new("Version")],
            [
                .. nodes.Items.Select(node => (IReadOnlyList<Cell>)
                [
                    node.Member.Name, Human.Words(node.Member.Role), Human.State(node.Member), node.Answered ? Human.List(node.Volumes) : Human.Nothing,
                    node.Answered ? Human.Count(node.Stores.Count) : Human.Nothing, LinksOf(node), node.Member.Version ?? Human.Nothing,
                ]),
            ]))));
    }

    private static async Task<CommandAnswer> Show(CommandCall call)
    {
        string name = call.TextOrNull("NODE") ?? call.Gate.Management.Node;
        NodeReport node = await call.One("node", name, (management, limit) => management.NodeNamed(name, limit));
        List<Part> parts =
        [
            new Part($"node {node.Member.Name}", Facts:
            [
                new("status", Human.State(node.Member)),
                new("role", Human.Words(node.Member.Role)),
                new("address", node.Member.Address ?? Human.Nothing),
                new("up since", Human.Time(node.Member.UpSince)),
                new("version", node.Member.Version ?? Human.Nothing),
                .. node.Versions is { } versions
                    ? (Fact[])[new("runs on", $"{versions.Runtime}, {versions.System}"), new("speaks", $"link frames of version {versions.Wire}, control messages of version {versions.Control}")] : [],
                new("primary of", Human.List(node.Volumes)),
            ]),
        ];
        if (!node.Answered)
        {
            parts.Add(new Part(Sentences: [new Cell($"{node.Member.Name} did not answer: what only it knows is missing.", Tone.Warning)]));
            return CommandAnswer.Of(node, parts);
        }

        parts.AddRange(PartsOf(node));
        return CommandAnswer.Of(node, parts);
    }

    private static IEnumerable<Part> PartsOf(NodeReport node)
    {
        if (node.Stores.Count > 0)
        {
            yield return new Part("stores", new Table([new("Volume"), new("Kind"), new("Size", true), new("Allocated", true), new("Encrypted"), new("State"), new("Path")],
                [
                    .. node.Stores.Select(store => (IReadOnlyList<Cell>)
                    [
                        store.Volume, store.Kind, Human.Bytes(store.SizeBytes), Human.Bytes(store.AllocatedBytes), Human.YesNo(store.Encrypted),
                        store.Fault is null ? new Cell("works", Tone.Good) : new Cell(store.Fault, Tone.Bad), store.Path,
                    ]),
                ]));
        }

        if (node.Links.Count > 0)
        {
            yield return new Part("links", new Table([new("Peer"), new("State"), new("Address"), new("Since"), new("Queued", true), new("Sent", true), new("Received", true), new("Lost", true), new("Round trip", true)],
                [
                    .. node.Links.Select(link => (IReadOnlyList<Cell>)
                    [
                        link.Peer, link.Detail is null ? (link.Encrypted ? new Cell($"{Human.Words(link.Condition)}, TLS", Human.State(link.Condition).Tone) : Human.State(link.Condition)) : new Cell($"{Human.Words(link.Condition)}: {link.Detail}", Human.State(link.Condition).Tone),
                        link.Address ?? Human.Nothing, Human.Time(link.Since), Human.Bytes(link.QueuedBytes), Human.Bytes(link.SentBytes), Human.Bytes(link.ReceivedBytes), Human.Count(link.Losses),
                        link.RoundTrip?.PercentileUs(0.5) is { } bound ? "≤ " + Human.Latency(bound) : Human.Nothing,
                    ]),
                ]));
        }

        if (node.Links.Any(link => link.Paths.Count > 1))
        {
            yield return new Part("paths", new Table([new("Peer"), new("Address"), new("State")],
                [
                    .. node.Links.Where(link => link.Paths.Count > 1).SelectMany(link => link.Paths.Select(path => (IReadOnlyList<Cell>)[link.Peer, path.Address, Human.State(path.Condition)])),
                ]));
        }

        if (node.Threads.Count > 0)
        {
            yield return new Part("I/O threads", new Table([new("Thread"), new("Engine"), new("CPU", true), new("State"), new("Turns", true), new("Waits", true), new("Operations", true), new("Connections", true)],
                [
                    .. node.Threads.Select(thread => (IReadOnlyList<Cell>)
                    [
                        thread.Name, thread.Engine, thread.Cpu is { } cpu ? Human.Count(cpu) : Human.Nothing, thread.Running ? new Cell("runs", Tone.Good) : new Cell("stands still", Tone.Bad),
                        Human.Count(thread.Turns), Human.Count(thread.Waits), Human.Count(thread.Operations), Human.Count(thread.Connections),
                    ]),
                ]));
        }
    }

    private static Cell LinksOf(NodeReport node)
    {
        int up = node.Links.Count(link => link.Condition == LinkCondition.Up);
        return !node.Answered || node.Links.Count == 0 ? Human.Nothing : new Cell($"{up} of {node.Links.Count} up", up == node.Links.Count ? Tone.Good : Tone.Bad);
    }

    private static async Task<CommandAnswer> Hierarchy(CommandCall call)
    {
        string name = call.TextOrNull("NODE") ?? call.Gate.Management.Node;
        ActorTree tree = await call.One("node", name, (management, limit) => management.Actors(name, limit));
        return CommandAnswer.Of(tree, new Part(Tree: TreeOf(tree)));
    }

    private static Tree TreeOf(ActorTree tree) =>
        new($"{tree.Name} ({tree.Type}{(tree.Mailbox is > 0 and var waiting ? $", {waiting} waiting" : "")})", [.. tree.Children.Select(TreeOf)]);

    private static IAsyncEnumerable<StreamItem> Tail(CommandCall call)
    {
        long last = call.NumberOrNull("--last") ?? 10;
        return last > 100_000 ? throw new UsageException($"--last is 0 to 100000, not {last}")
            : Lines(call.Gate.Management.Log(Enum.Parse<LogSeverity>(call.TextOrNull("--level") ?? "information", ignoreCase: true), (int)last, call.Gate.Options.StreamCapacity));
    }

    private static async IAsyncEnumerable<StreamItem> Lines(ISubscription<LogLine> log, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (StreamItem item in EventStream.Of(log, "line", cancellation))
        {
            yield return item.Data switch
            {
                LogLine line => new StreamItem("line", new CommandLineItem(
                    new Cell($"{Human.Precise(line.Time)} {line.Node} {Level(line.Severity)} {line.Source}: {line.Text}{(line.Exception is null ? "" : "\n" + line.Exception)}", line.Severity switch
                    {
                        LogSeverity.Debug => Tone.Dim,
                        LogSeverity.Information => Tone.Plain,
                        LogSeverity.Warning => Tone.Warning,
                        LogSeverity.Error or LogSeverity.Fatal => Tone.Bad,
                        _ => throw new InvalidOperationException($"no colour for {line.Severity}"),
                    }), line)),
                LostReport lost => ClusterPalette.Lost(lost),
                _ => throw new InvalidOperationException($"no line for {item.Data}"),
            };
        }
    }

    private static string Level(LogSeverity severity) => severity.ToString()[..4].ToLowerInvariant();
}
