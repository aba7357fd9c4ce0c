namespace ActorSan.Node.Management.Commands;

/// <summary>All commands. <c>pbm</c> knows none of them: what stands here is what it can do.</summary>
internal sealed class PaletteTable(IReadOnlyList<Palette> palettes)
{
    public IReadOnlyList<Palette> Palettes => palettes;

    public static PaletteTable Create() => new(
    [
        ClusterPalette.Create(),
        VolumePalette.Create(),
        ReplicaPalette.CreateReplica(),
        ReplicaPalette.CreateVoter(),
        TargetPalette.Create(),
        SessionPalette.Create(),
        NodePalette.Create(),
        NodePalette.CreateLog(),
        NodePalette.CreateActor(),
    ]);

    public Palette? Find(string name) => palettes.FirstOrDefault(palette => palette.Name == name);

    public IReadOnlyList<PaletteDescription> Describe() =>
    [
        .. palettes.Select(palette => new PaletteDescription(palette.Name, palette.Help,
        [
            .. palette.Commands.Select(command => new CommandDescription(command.Name, palette.Usage(command), command.Help, command.Danger is not null, command.Stream is not null,
            [
                .. command.Parameters.Select(parameter => new ParameterDescription(parameter.Name, parameter.Kind, parameter.Help,
                    parameter.Optional || parameter.IsOption, parameter.Choices ?? [])),
            ])),
        ])),
    ];
}
