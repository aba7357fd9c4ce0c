using ActorSan.Node.Management.Api;

namespace ActorSan.Node.Management.Commands;

/// <summary>What a word of a command is: how it is checked, and what completes it.</summary>
public enum WordKind
{
    /// <summary>An option that stands alone.</summary>
    Switch,
    Text,
    NewName,
    Volume,
    Node,

    /// <summary>Several, with commas between.</summary>
    Nodes,
    Target,

    /// <summary>NODE/ID.</summary>
    Session,
    Initiator,
    Size,
    Number,
    Address,
    Lineages,

    /// <summary>One of a few.</summary>
    Choice,
}

/// <param name="Name">In capitals for a word at its place; <c>--name</c> for an option.</param>
/// <param name="Optional">A word at its place that may be left away; options always may.</param>
/// <param name="Choices">For <see cref="WordKind.Choice"/>.</param>
internal sealed record Parameter(string Name, WordKind Kind, string Help, bool Optional = false, IReadOnlyList<string>? Choices = null)
{
    public bool IsOption => Name.StartsWith("--", StringComparison.Ordinal);

    public string Usage => this switch
    {
        { IsOption: true, Kind: WordKind.Switch } => $"[{Name}]",
        { IsOption: true } => $"[{Name} {ValueName}]",
        { Optional: true } => $"[{Name}]",
        _ => Name,
    };

    private string ValueName => Kind switch
    {
        WordKind.Nodes => "NODE,…",
        WordKind.Lineages => "LINEAGE,…",
        WordKind.Choice => string.Join('|', Choices!),
        _ => Kind.ToString().ToUpperInvariant(),
    };
}

/// <summary>What a dangerous command would do, and the word that confirms it; null: this call of it is not dangerous.</summary>
internal delegate Confirmation? Danger(CommandCall call);

internal delegate Task<CommandAnswer> Run(CommandCall call);

internal delegate IAsyncEnumerable<StreamItem> Stream(CommandCall call);

/// <summary>One command: what it is called, what it takes, what it does.</summary>
internal sealed record CommandDefinition(string Name, string Help, IReadOnlyList<Parameter> Parameters)
{
    public Run? Run { get; init; }

    /// <summary>Instead of <see cref="Run"/>.</summary>
    public Stream? Stream { get; init; }

    public Danger? Danger { get; init; }

    /// <summary>It changes something: it is never repeated by itself.</summary>
    public bool IsChange { get; init; }

    public IEnumerable<Parameter> Words => Parameters.Where(parameter => !parameter.IsOption);

    public IEnumerable<Parameter> Options => Parameters.Where(parameter => parameter.IsOption);
}

internal sealed record Palette(string Name, string Help, IReadOnlyList<CommandDefinition> Commands)
{
    /// <summary>Without its options by name.</summary>
    public string ShortUsage(CommandDefinition command) =>
        string.Join(' ', [Name, command.Name, .. command.Words.Select(word => word.Usage), .. command.Options.Any() ? (string[])["[options]"] : []]);

    public string Usage(CommandDefinition command) => string.Join(' ', [Name, command.Name, .. command.Parameters.Select(parameter => parameter.Usage)]);
}

/// <summary>For <c>/api/v1/palettes</c>.</summary>
public sealed record PaletteDescription(string Name, string Help, IReadOnlyList<CommandDescription> Commands);

/// <param name="Dangerous">It may ask before it does something.</param>
/// <param name="Streams">It goes on until the reader ends it.</param>
public sealed record CommandDescription(string Name, string Usage, string Help, bool Dangerous, bool Streams, IReadOnlyList<ParameterDescription> Parameters);

public sealed record ParameterDescription(string Name, WordKind Kind, string Help, bool Optional, IReadOnlyList<string> Choices);
