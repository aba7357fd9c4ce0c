using ActorSan.Cluster.Management;
using ActorSan.Node.Management.Api;

namespace ActorSan.Node.Management.Commands;

/// <summary><c>volume …</c>.</summary>
internal static class VolumePalette
{
    private static readonly Parameter Name = new("NAME", WordKind.Volume, "the volume");
    private static readonly Parameter Node = new("NODE", WordKind.Node, "the node");
    private static readonly Parameter OnNoQuorumOption = new("--on-no-quorum", WordKind.Choice, "what requests meet while the volume can't decide", Choices: ["suspend", "fail"]);

    public static Palette Create() => new("volume", "Volumes", [.. Shown(), .. Changed(), .. Repaired()]);

    private static IEnumerable<CommandDefinition> Shown() =>
    [
        new("list", "All volumes", []) { Run = VolumeView.List },
        new("show", "One volume with its replicas", [Name]) { Run = VolumeView.Show },
        new("why", "Who is primary and why, what would happen if each node died now, what is refused", [Name]) { Run = VolumeView.Why },
        new("history", "What happened to it, oldest first", [Name, new("--last", WordKind.Number, "how many events at most; 50 without it")]) { Run = VolumeView.History },
    ];

    private static IEnumerable<CommandDefinition> Changed() =>
    [
        new("create", "A new volume, with a replica on each of some nodes",
        [
            new("NAME", WordKind.NewName, "its name"),
            new("SIZE", WordKind.Size, "like 10GiB"),
            new("--replicas", WordKind.Nodes, "nodes with a replica; without it, all that have stores"),
            new("--block-size", WordKind.Choice, "bytes of a logical block; 512 without it", Choices: ["512", "4096"]),
            new("--voters", WordKind.Nodes, "nodes with a vote; without it, those with a replica and the witness"),
            new("--preferred", WordKind.Node, "the node that is primary when it can"),
            OnNoQuorumOption,
            new("--confirm-reads", WordKind.Switch, "no clock is trusted: each read asks the other replicas first"),
        ])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.CreateVolume(
                call.Text("NAME"), call.Number("SIZE"), call.List("--replicas"), call.TextOrNull("--block-size") == "4096" ? 4096 : VolumeCreation.DefaultBlockSizeBytes,
                call.List("--voters"), call.TextOrNull("--preferred"), Policy(call) ?? OnNoQuorum.Suspend, call.Has("--confirm-reads"))),
        },
        new("delete", "Deletes a volume and what it holds, for ever", [Name])
        {
            IsChange = true,
            Danger = call => new(call.Text("NAME"), $"Volume {call.Text("NAME")} and all that it holds will be lost on every node."),
            Run = call => call.Do(new ManagementOperation.DeleteVolume(call.Text("NAME"))),
        },
        new("resize", "Makes it larger while it is served", [Name, new("SIZE", WordKind.Size, "the new size; a volume never becomes smaller")])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.ResizeVolume(call.Text("NAME"), call.Number("SIZE"))),
        },
        new("set", "Changes settings",
        [
            Name,
            new("--preferred", WordKind.Node, "the node that is primary when it can; none: no preference"),
            OnNoQuorumOption,
            new("--confirm-reads", WordKind.Choice, "each read asks the other replicas first", Choices: ["on", "off"]),
        ])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.SetVolumeSettings(
                call.Text("NAME"), call.TextOrNull("--preferred") is "none" ? "" : call.TextOrNull("--preferred"), Policy(call),
                call.TextOrNull("--confirm-reads") is { } word ? word == "on" : null)),
        },
        new("promote", "Makes a node primary, by the rules; by --force, against them",
        [
            Name,
            Node,
            new("--force", WordKind.Switch, "what the other nodes have and this one has not may be lost"),
            new("--voters", WordKind.Nodes, "with --force: nodes that vote from then on; without it, the node itself"),
            new("--may-lose", WordKind.Nodes, "with --force: members of the last in-sync set that can't be asked"),
            new("--discards", WordKind.Lineages, "with --force: lineages that are given up, beside the node's own"),
        ])
        {
            IsChange = true,
            Danger = call => !call.Has("--force") ? null : new(call.Text("NAME"),
                $"{call.Text("NODE")} will serve {call.Text("NAME")} with what it has. Writes that were answered without it may be lost; see 'volume why {call.Text("NAME")}'."),
            Run = Promote,
        },
        new("handover", "The primary hands over to another in-sync replica", [Name, new("NODE", WordKind.Node, "who takes it; without it, the preferred primary, else any", Optional: true)])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.HandOverVolume(call.Text("NAME"), call.TextOrNull("NODE"))),
        },
    ];

    private static IEnumerable<CommandDefinition> Repaired() =>
    [
        new("attach", "Takes a detached replica back into service", [Name, Node])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.AttachReplica(call.Text("NAME"), call.Text("NODE"))),
        },
        new("detach", "Takes a replica out of service; what it misses is kept for it", [Name, Node])
        {
            IsChange = true,
            Danger = call => new(call.Text("NODE"), $"The replica of {call.Text("NAME")} on {call.Text("NODE")} is out of service until 'volume attach', and protects nothing until then."),
            Run = call => call.Do(new ManagementOperation.DetachReplica(call.Text("NAME"), call.Text("NODE"))),
        },
        new("discard", "Gives up what a replica has and the volume has not, after a promotion by force", [Name, Node])
        {
            IsChange = true,
            Danger = call => new(call.Text("NODE"), $"What {call.Text("NODE")} wrote to {call.Text("NAME")} on its own is given up, and the replica resynced."),
            Run = call => call.Do(new ManagementOperation.DiscardReplica(call.Text("NAME"), call.Text("NODE"))),
        },
        new("verify", "Compares all replicas while the volume is served", [Name])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.VerifyVolume(call.Text("NAME"))),
        },
        new("resync", "Sends now what a replica misses",
        [
            Name,
            new("NODE", WordKind.Node, "the replica; without it, all that are out", Optional: true),
            new("--whole", WordKind.Switch, "all is compared, not only what is known to be missing"),
        ])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.ResyncVolume(call.Text("NAME"), call.TextOrNull("NODE"), call.Has("--whole"))),
        },
    ];

    private static Task<CommandAnswer> Promote(CommandCall call)
    {
        bool force = call.Has("--force");
        if (!force && new[] { "--voters", "--may-lose", "--discards" }.FirstOrDefault(call.Has) is { } option)
        {
            throw new UsageException($"{option} goes with --force only");
        }

        return call.Do(new ManagementOperation.PromoteVolume(call.Text("NAME"), call.Text("NODE"),
            force ? new ForceOptions(call.List("--voters"), call.List("--may-lose"), call.Lineages("--discards")) : null));
    }

    private static OnNoQuorum? Policy(CommandCall call) => call.TextOrNull("--on-no-quorum") switch
    {
        null => null,
        "suspend" => OnNoQuorum.Suspend,
        "fail" => OnNoQuorum.Fail,
        var word => throw new UsageException($"--on-no-quorum is suspend or fail, not '{word}'"),
    };
}
