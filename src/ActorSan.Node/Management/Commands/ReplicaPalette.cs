using ActorSan.Cluster.Management;

namespace ActorSan.Node.Management.Commands;

/// <summary><c>replica …</c> and <c>voter …</c>: which nodes keep a volume, and which decide about it.</summary>
internal static class ReplicaPalette
{
    private static readonly Parameter Volume = new("VOLUME", WordKind.Volume, "the volume");
    private static readonly Parameter Node = new("NODE", WordKind.Node, "the node");

    public static Palette CreateReplica() => new("replica", "Which nodes keep a volume",
    [
        new("list", "The replicas of a volume", [Volume]) { Run = ListReplicas },
        new("add", "Gives a node a replica, which is then resynced", [Volume, Node])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.AddReplica(call.Text("VOLUME"), call.Text("NODE"))),
        },
        new("remove", "Takes a node's replica away, with its vote", [Volume, Node])
        {
            IsChange = true,
            Danger = call => new(call.Text("NODE"), $"{call.Text("NODE")} no longer belongs to {call.Text("VOLUME")}: its bytes stay where they are and are worth nothing."),
            Run = call => call.Do(new ManagementOperation.RemoveReplica(call.Text("VOLUME"), call.Text("NODE"))),
        },
        new("replace", "Gives a replica and its vote to another node", [Volume, Node, new("BY", WordKind.Node, "the node that takes it")])
        {
            IsChange = true,
            Danger = call => new(call.Text("NODE"), $"{call.Text("BY")} takes the place of {call.Text("NODE")} in {call.Text("VOLUME")}, and is resynced whole."),
            Run = call => call.Do(new ManagementOperation.ReplaceReplica(call.Text("VOLUME"), call.Text("NODE"), call.Text("BY"))),
        },
    ]);

    public static Palette CreateVoter() => new("voter", "Which nodes decide about a volume",
    [
        new("list", "The voters of a volume", [Volume]) { Run = ListVoters },
        new("add", "Gives a node a vote", [Volume, Node])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.AddVoter(call.Text("VOLUME"), call.Text("NODE"))),
        },
        new("remove", "Takes a node's vote away", [Volume, Node])
        {
            IsChange = true,
            Danger = call => new(call.Text("NODE"), $"{call.Text("NODE")} no longer votes about {call.Text("VOLUME")}: fewer nodes may die before it stops being served."),
            Run = call => call.Do(new ManagementOperation.RemoveVoter(call.Text("VOLUME"), call.Text("NODE"))),
        },
    ]);

    private static async Task<CommandAnswer> ListReplicas(CommandCall call)
    {
        VolumeReport volume = await Find(call);
        return CommandAnswer.Of(volume.Replicas, new Part(Table: VolumeView.ReplicasOf(volume)));
    }

    private static async Task<CommandAnswer> ListVoters(CommandCall call)
    {
        VolumeReport volume = await Find(call);
        string[] all = [.. volume.Voters.Union(volume.OldVoters, StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return CommandAnswer.Of(new { volume.Voters, volume.OldVoters }, new Part(Table: new Table([new("Voter"), new("Replica"), new("Vote")],
            [
                .. all.Select(node => (IReadOnlyList<Cell>)
                [
                    node,
                    volume.Replicas.FirstOrDefault(replica => replica.Node == node) is { } replica ? Human.State(replica.Condition) : new Cell("none", Tone.Dim),
                    !volume.Voters.Contains(node, StringComparer.Ordinal) ? "until the change is done"
                        : volume.OldVoters.Count > 0 && !volume.OldVoters.Contains(node, StringComparer.Ordinal) ? "from now on" : "yes",
                ]),
            ])));
    }

    private static Task<VolumeReport> Find(CommandCall call) => call.One("volume", call.Text("VOLUME"), (management, limit) => management.Volume(call.Text("VOLUME"), limit));
}
