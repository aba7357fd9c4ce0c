using System.Runtime.CompilerServices;
using ActorSan.Cluster.Management;
using ActorSan.Node.Management.Api;

namespace ActorSan.Node.Management.Commands;

/// <summary><c>cluster …</c>: who belongs to it.</summary>
internal static class ClusterPalette
{
    public static Palette Create() => new("cluster", "Members of the cluster",
    [
        new("show", "The cluster as this node sees it, with its members", []) { Run = Show },
        new("status", "In one sentence each: members, volumes, what is wrong", []) { Run = Status },
        new("leader", "The leader of the membership", []) { Run = Leader },
        new("members", "All members", []) { Run = call => Members(call, _ => true) },
        new("unreachable", "Members that this node does not reach", []) { Run = call => Members(call, member => !member.Reachable) },
        new("join", "This node joins the cluster of a member", [new("ADDRESS", WordKind.Address, "HOST:PORT of the control messages of a member")])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.JoinCluster(call.Text("ADDRESS"))),
        },
        new("leave", "A node hands over its volumes and leaves", [new("NODE", WordKind.Node, "the node; without it, the one that you talk to", Optional: true)])
        {
            IsChange = true,
            Danger = call => new(NodeOf(call), $"{NodeOf(call)} hands over its volumes and leaves the cluster; its replicas fall behind until it joins again."),
            Run = call => call.Do(new ManagementOperation.LeaveCluster(NodeOf(call))),
        },
        new("down", "A node is taken for gone, whatever it does", [new("NODE", WordKind.Node, "the node")])
        {
            IsChange = true,
            Danger = call => new(call.Text("NODE"), $"{call.Text("NODE")} is taken for gone: it stops if it still runs, and rejoins when it is started again."),
            Run = call => call.Do(new ManagementOperation.DownNode(call.Text("NODE"))),
        },
        new("down-unreachable", "All nodes that this one does not reach are taken for gone", [])
        {
            IsChange = true,
            Danger = _ => new("down-unreachable", "All nodes that this one does not reach are taken for gone. See 'cluster unreachable' for which these are."),
            Run = call => call.Do(new ManagementOperation.DownUnreachable()),
        },
        new("tail", "What happens in the cluster, as it happens", []) { Stream = Tail },
    ]);

    private static string NodeOf(CommandCall call) => call.TextOrNull("NODE") ?? call.Gate.Management.Node;

    private static async Task<CommandAnswer> Show(CommandCall call)
    {
        ClusterReport cluster = await call.Ask((management, limit) => management.Cluster(limit));
        return CommandAnswer.Of(cluster,
            new Part($"cluster {cluster.Name}", Facts:
            [
                new("id", cluster.Id?.ToString() ?? "not founded"),
                new("asked", cluster.Node),
                new("leader", cluster.Leader ?? "none"),
                new("catalog version", Human.Count(cluster.CatalogVersion)),
                new("voters", Human.List(cluster.Voters)),
                new("majority", cluster.MajorityReachable ? new Cell("reachable", Tone.Good) : new Cell("not reachable: nothing can be changed", Tone.Bad)),
            ]),
            new Part(Table: TableOf(cluster.Members, cluster.Leader)));
    }

    private static async Task<CommandAnswer> Status(CommandCall call)
    {
        HealthReport health = call.Gate.Management.Health();
        ClusterReport cluster = await call.Ask((management, limit) => management.Cluster(limit));
        IReadOnlyList<VolumeReport> volumes = await call.Ask((management, limit) => management.Volumes(limit));
        string[] away = [.. cluster.Members.Where(member => !member.Reachable || member.Status != MemberStatus.Up).Select(member => member.Name)];
        VolumeReport[] ill = [.. volumes.Where(volume => volume.Condition != VolumeCondition.Healthy)];
        List<Cell> sentences =
        [
            away.Length == 0 ? new($"All {cluster.Members.Count} members are up.", Tone.Good)
                : new($"{cluster.Members.Count - away.Length} of {cluster.Members.Count} members are up; not {Human.List(away)}.", Tone.Bad),
            cluster.MajorityReachable ? new("A majority of the catalog's voters is reachable.", Tone.Good)
                : new("No majority of the catalog's voters is reachable: nothing can be changed.", Tone.Bad),
            ill.Length == 0 ? new(volumes.Count == 0 ? "There are no volumes." : $"All {volumes.Count} volumes are healthy.", Tone.Good)
                : new($"{volumes.Count - ill.Length} of {volumes.Count} volumes are healthy.", Tone.Warning),
        ];
        sentences.AddRange(ill.Select(volume => new Cell($"{volume.Name} is {Human.Words(volume.Condition)}: {volume.State}", Human.State(volume.Condition).Tone)));
        sentences.AddRange(health.Reasons.Select(reason => new Cell($"{health.Node}: {reason}", health.Healthy ? Tone.Warning : Tone.Bad)));
        return CommandAnswer.Of(new { health, cluster, volumes }, new Part(Sentences: sentences));
    }

    private static async Task<CommandAnswer> Leader(CommandCall call)
    {
        ClusterReport cluster = await call.Ask((management, limit) => management.Cluster(limit));
        return cluster.Leader is null ? throw new NotThereException("there is no leader, as far as this node sees")
            : CommandAnswer.Sentence(CommandExit.Done, cluster.Leader, new { cluster.Leader });
    }

    private static async Task<CommandAnswer> Members(CommandCall call, Func<MemberReport, bool> which)
    {
        ClusterReport cluster = await call.Ask((management, limit) => management.Cluster(limit));
        MemberReport[] members = [.. cluster.Members.Where(which)];
        return CommandAnswer.Of(members, members.Length == 0 ? new Part(Sentences: ["None."]) : new Part(Table: TableOf(members, cluster.Leader)));
    }

    private static Table TableOf(IReadOnlyList<MemberReport> members, string? leader) => new(
        [new("Member"), new("Role"), new("Status"), new("Address"), new("Up since"), new("Version")],
        [
            .. members.Select(member => (IReadOnlyList<Cell>)
            [
                member.Name + (member.Name == leader ? " (leader)" : ""), Human.Words(member.Role), Human.State(member), member.Address ?? Human.Nothing,
                Human.Time(member.UpSince), member.Version ?? Human.Nothing,
            ]),
        ]);

    private static IAsyncEnumerable<StreamItem> Tail(CommandCall call) => TailOf(call.Gate);

    private static async IAsyncEnumerable<StreamItem> TailOf(ManagementGate gate, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (StreamItem item in EventStream.Of(gate.Management.Events(gate.Options.StreamCapacity), "event", cancellation))
        {
            yield return item.Data switch
            {
                ManagementEvent happened => new StreamItem("line", new CommandLineItem(
                    new Cell($"{Human.Precise(happened.Time)} {happened.Node} {happened.Subject}: {happened.Sentence}", happened.Severity switch
                    {
                        EventSeverity.Information => Tone.Plain,
                        EventSeverity.Warning => Tone.Warning,
                        EventSeverity.Error => Tone.Bad,
                        _ => throw new InvalidOperationException($"no colour for {happened.Severity}"),
                    }), happened)),
                LostReport lost => Lost(lost),
                _ => throw new InvalidOperationException($"no line for {item.Data}"),
            };
        }
    }

    /// <summary>A line that says what a slow reader has lost.</summary>
    internal static StreamItem Lost(LostReport lost) => new("line", new CommandLineItem(new Cell($"{lost.Total} lines were lost so far: this reader is too slow", Tone.Warning), lost));
}
