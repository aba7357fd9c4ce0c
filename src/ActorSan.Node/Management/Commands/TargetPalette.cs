using ActorSan.Cluster.Management;

namespace ActorSan.Node.Management.Commands;

/// <summary><c>target …</c>.</summary>
internal static class TargetPalette
{
    private static readonly Parameter Iqn = new("TARGET", WordKind.Target, "its iSCSI name");
    private static readonly Parameter Initiator = new("INITIATOR", WordKind.Initiator, "an iSCSI name, or a pattern with *");

    public static Palette Create() => new("target", "Targets: what initiators see",
    [
        new("list", "All targets", []) { Run = List },
        new("show", "One target with its LUNs, portals and sessions", [Iqn]) { Run = Show },
        new("create", "A new target, exported by every node with stores",
        [
            Iqn,
            new("--alias", WordKind.Text, "a name for people"),
            new("--open", WordKind.Switch, "everybody may log in; otherwise nobody, until 'target allow'"),
        ])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.CreateTarget(call.Text("TARGET"), call.TextOrNull("--alias") ?? "", call.Has("--open"))),
        },
        new("delete", "Deletes a target; volumes stay", [Iqn])
        {
            IsChange = true,
            Danger = call => new(call.Text("TARGET"), $"{call.Text("TARGET")} is gone for every initiator, and its sessions end. Volumes stay."),
            Run = call => call.Do(new ManagementOperation.DeleteTarget(call.Text("TARGET"))),
        },
        new("map", "Exports a volume",
        [
            Iqn,
            new("VOLUME", WordKind.Volume, "the volume"),
            new("LUN", WordKind.Number, "its number; without it, the lowest that is free", Optional: true),
            new("--read-only", WordKind.Switch, "nobody writes by this LUN"),
        ])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.MapLun(call.Text("TARGET"), (ulong?)call.NumberOrNull("LUN"), call.Text("VOLUME"), call.Has("--read-only"))),
        },
        new("unmap", "Exports it no more", [Iqn, new("LUN", WordKind.Number, "its number")])
        {
            IsChange = true,
            Danger = call => new(call.Number("LUN").ToString(System.Globalization.CultureInfo.InvariantCulture),
                $"LUN {call.Number("LUN")} of {call.Text("TARGET")} is gone for every initiator at once. The volume stays."),
            Run = call => call.Do(new ManagementOperation.UnmapLun(call.Text("TARGET"), (ulong)call.Number("LUN"))),
        },
        new("allow", "Lets an initiator in", [Iqn, Initiator])
        {
            IsChange = true,
            Run = call => call.Do(new ManagementOperation.AllowInitiator(call.Text("TARGET"), call.Text("INITIATOR"))),
        },
        new("deny", "Lets it in no more", [Iqn, Initiator])
        {
            IsChange = true,
            Danger = call => new(call.Text("INITIATOR"), $"{call.Text("INITIATOR")} may no longer log in at {call.Text("TARGET")}, and its sessions there end."),
            Run = call => call.Do(new ManagementOperation.DenyInitiator(call.Text("TARGET"), call.Text("INITIATOR"))),
        },
        new("chap", "How initiators prove who they are, from the next login on; secrets are asked for, or read from standard input",
        [
            Iqn,
            new("--user", WordKind.Text, "the initiator's name"),
            new("--mutual-user", WordKind.Text, "what the target proves to the initiator"),
            new("--off", WordKind.Switch, "no proof is asked for"),
        ])
        {
            IsChange = true,
            Run = Chap,
        },
    ]);

    private static Task<CommandAnswer> Chap(CommandCall call)
    {
        string target = call.Text("TARGET");
        if (call.Has("--off") == call.Has("--user") || (call.Has("--off") && call.Has("--mutual-user")))
        {
            throw new UsageException("either --user NAME, perhaps with --mutual-user NAME, or --off");
        }

        if (call.Has("--off"))
        {
            return call.Do(new ManagementOperation.SetChap(target, null, null, null, null));
        }

        string user = call.Text("--user");
        string? mutual = call.TextOrNull("--mutual-user");
        return call.Do(new ManagementOperation.SetChap(target, user, call.Secret("secret", $"Secret of {user}"), mutual, mutual is null ? null : call.Secret("mutual-secret", $"Secret of {mutual}")));
    }

    private static async Task<CommandAnswer> List(CommandCall call)
    {
        Gathered<TargetReport> targets = await call.Ask((management, limit) => management.Targets(limit));
        return CommandAnswer.Of(targets, Silence.With(targets.Silent, targets.Items.Count == 0 ? new Part(Sentences: ["There are no targets; 'target create' makes one."])
            : new Part(Table: new Table([new("Target"), new("Alias"), new("LUNs"), new("Initiators"), new("CHAP"), new("Sessions", true)],
            [
                .. targets.Items.Select(target => (IReadOnlyList<Cell>)
                [
                    target.Iqn, target.Alias.Length == 0 ? Human.Nothing : target.Alias, Human.List(target.Luns.Select(lun => $"{lun.Lun} {lun.Volume}")),
                    target.Open ? "everybody" : target.Initiators.Count == 0 ? new Cell("nobody", Tone.Warning) : Human.List(target.Initiators),
                    target.ChapUser ?? Human.Nothing, Human.Count(target.Sessions.Count),
                ]),
            ]))));
    }

    private static async Task<CommandAnswer> Show(CommandCall call)
    {
        TargetReport target = await call.One("target", call.Text("TARGET"), (management, limit) => management.Target(call.Text("TARGET"), limit));
        List<Part> parts =
        [
            new Part($"target {target.Iqn}", Facts:
            [
                new("alias", target.Alias.Length == 0 ? Human.Nothing : target.Alias),
                new("initiators", target.Open ? "everybody" : target.Initiators.Count == 0 ? new Cell("nobody; 'target allow' lets one in", Tone.Warning) : Human.List(target.Initiators)),
                new("chap", target.ChapUser is null ? "off" : target.MutualChapUser is null ? target.ChapUser : $"{target.ChapUser}, mutual {target.MutualChapUser}"),
            ]),
            target.Luns.Count == 0 ? new Part(Sentences: ["No LUNs; 'target map' exports a volume."])
                : new Part(Table: new Table([new("LUN", true), new("Volume"), new("Access")],
                    [.. target.Luns.Select(lun => (IReadOnlyList<Cell>)[Human.Count((long)lun.Lun), lun.Volume, lun.ReadOnly ? "read only" : "read and write"])])),
            new Part(Table: new Table([new("Portal"), new("Node"), new("Group", true), new("State")],
                [.. target.Portals.Select(portal => (IReadOnlyList<Cell>)[portal.Address, portal.Node, Human.Count(portal.GroupTag), portal.State])])),
        ];
        if (target.Sessions.Count > 0)
        {
            parts.Add(new Part(Table: SessionPalette.TableOf(target.Sessions)));
        }

        return CommandAnswer.Of(target, parts);
    }
}

/// <summary>Nodes that did not answer are named under what the others said.</summary>
internal static class Silence
{
    public static IReadOnlyList<Part> With(IReadOnlyList<string> silent, params IReadOnlyList<Part> parts) =>
        silent.Count == 0 ? parts : [.. parts, new Part(Sentences: [new Cell($"Not answered in time: {Human.List(silent)}. What only they know is missing.", Tone.Warning)])];
}
