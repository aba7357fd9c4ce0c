namespace ActorSan.Node.Management.Commands;

/// <summary><c>help</c>, <c>help PALETTE</c>, <c>help PALETTE COMMAND</c>.</summary>
internal static class CommandHelp
{
    private static readonly Column[] TwoColumns = [new Column("Command"), new Column("What it does")];

    /// <exception cref="UsageException">There is no such command.</exception>
    public static CommandAnswer Of(PaletteTable table, IReadOnlyList<string> about)
    {
        if (about.Count == 0)
        {
            return CommandAnswer.Of(table.Describe(),
                [
                    .. table.Palettes.Select(palette => new Part(palette.Help, Commands(palette))),
                    new Part(Sentences: ["'help volume create' tells all about one command. --json answers for programs, --watch [SECONDS] repeats, --yes does not ask."]),
                ]);
        }

        Palette palette = CommandParser.PaletteOf(table, about);
        if (about.Count == 1)
        {
            return CommandAnswer.Of(table.Describe().Single(description => description.Name == palette.Name), new Part(palette.Help, Commands(palette)));
        }

        CommandDefinition command = CommandParser.CommandOf(palette, about);
        CommandDescription described = table.Describe().Single(description => description.Name == palette.Name).Commands.Single(description => description.Name == command.Name);
        List<Part> parts = [new Part(Sentences: [new Cell(palette.Usage(command)), new Cell(command.Help)])];
        if (command.Parameters.Count > 0)
        {
            parts.Add(new Part(Table: new Table([new Column("Word"), new Column("Meaning")], [.. command.Parameters.Select(Row)])));
        }

        if (command.Danger is not null)
        {
            parts.Add(new Part(Sentences: [new Cell("It asks before it does what can't be undone, unless --yes is given.", Tone.Warning)]));
        }

        return CommandAnswer.Of(described, parts);
    }

    private static Table Commands(Palette palette) => new(TwoColumns, [.. palette.Commands.Select(command => (IReadOnlyList<Cell>)[palette.ShortUsage(command), command.Help])]);

    private static IReadOnlyList<Cell> Row(Parameter parameter) =>
        [parameter.Name, parameter.Choices is null ? parameter.Help : $"{parameter.Help} ({string.Join(", ", parameter.Choices)})"];
}
