using System.Globalization;
using ActorSan.Node.Management.Api;
using ActorSan.Node.Settings;

namespace ActorSan.Node.Management.Commands;

/// <summary>From words to a command and its values. Every fault says what would be right.</summary>
internal static class CommandParser
{
    /// <exception cref="UsageException">The words are wrong.</exception>
    public static (Palette Palette, CommandDefinition Command, IReadOnlyDictionary<string, object> Values) Parse(PaletteTable table, IReadOnlyList<string> words)
    {
        Palette palette = PaletteOf(table, words);
        CommandDefinition command = CommandOf(palette, words);
        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        var places = new Queue<Parameter>(command.Words);
        string usage = $"usage: {palette.Usage(command)}";
        bool optionsEnded = false;
        for (int i = 2; i < words.Count; i++)
        {
            string word = words[i];
            if (!optionsEnded && word == "--")
            {
                optionsEnded = true;
            }
            else if (!optionsEnded && word.StartsWith("--", StringComparison.Ordinal))
            {
                i = ReadOption(command, words, i, values, usage);
            }
            else if (places.TryDequeue(out Parameter? place))
            {
                values[place.Name] = Value(place, word);
            }
            else
            {
                throw new UsageException($"'{word}' is one word too many; {usage}");
            }
        }

        if (places.FirstOrDefault(place => !place.Optional) is { } missing)
        {
            throw new UsageException($"{missing.Name} is missing: {missing.Help}; {usage}");
        }

        return (palette, command, values);
    }

    public static Palette PaletteOf(PaletteTable table, IReadOnlyList<string> words)
    {
        if (words.Count == 0 || words[0].Length == 0)
        {
            throw new UsageException("no command; 'help' lists all");
        }

        return table.Find(words[0]) ?? throw new UsageException(Unknown(words[0], "command", table.Palettes.Select(palette => palette.Name), "'help' lists all"));
    }

    public static CommandDefinition CommandOf(Palette palette, IReadOnlyList<string> words)
    {
        IEnumerable<string> known = palette.Commands.Select(command => command.Name);
        if (words.Count < 2)
        {
            throw new UsageException($"{palette.Name} what? There are {string.Join(", ", known)}; 'help {palette.Name}' tells more");
        }

        return palette.Commands.FirstOrDefault(command => command.Name == words[1])
            ?? throw new UsageException(Unknown($"{palette.Name} {words[1]}", "command", known.Select(name => $"{palette.Name} {name}"), $"there are {string.Join(", ", known)}"));
    }

    private static string Unknown(string word, string what, IEnumerable<string> known, string otherwise) =>
        Suggestion.For(word, known) is { } meant ? $"there is no {what} '{word}'; did you mean '{meant}'?" : $"there is no {what} '{word}'; {otherwise}";

    private static int ReadOption(CommandDefinition command, IReadOnlyList<string> words, int at, Dictionary<string, object> values, string usage)
    {
        string[] parts = words[at].Split('=', 2);
        Parameter option = command.Options.FirstOrDefault(option => option.Name == parts[0])
            ?? throw new UsageException(Suggestion.For(parts[0], command.Options.Select(option => option.Name)) is { } meant
                ? $"there is no option {parts[0]}; did you mean {meant}?" : $"there is no option {parts[0]}; {usage}");
        if (values.ContainsKey(option.Name))
        {
            throw new UsageException($"{option.Name} stands there twice");
        }

        if (option.Kind == WordKind.Switch)
        {
            values[option.Name] = parts.Length == 1 ? true : throw new UsageException($"{option.Name} takes no value");
            return at;
        }

        if (parts.Length == 2)
        {
            values[option.Name] = Value(option, parts[1]);
            return at;
        }

        values[option.Name] = at + 1 < words.Count ? Value(option, words[at + 1]) : throw new UsageException($"{option.Name} wants a value: {option.Help}");
        return at + 1;
    }

    private static object Value(Parameter parameter, string word)
    {
        string? fault = null;
        object? value = word;
        switch (parameter.Kind)
        {
            case WordKind.Text:
                break;
            case WordKind.NewName or WordKind.Volume:
                fault = OperationForm.Volume(word) is { } bad ? $"'{word}': {bad}" : null;
                break;
            case WordKind.Node:
                fault = OperationForm.Node(word);
                break;
            case WordKind.Nodes:
                value = word.Split(',', StringSplitOptions.TrimEntries);
                fault = ((string[])value).Select(OperationForm.Node).FirstOrDefault(bad => bad is not null);
                break;
            case WordKind.Target:
                value = word.ToLowerInvariant();
                fault = OperationForm.Iqn((string)value);
                break;
            case WordKind.Initiator:
                value = word.ToLowerInvariant();
                fault = IscsiName.PatternFault((string)value) is { } wrong ? $"'{word}' is not the name of an initiator: {wrong}" : null;
                break;
            case WordKind.Session:
                string[] parts = word.Split('/');
                value = parts.Length == 2 && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long id) ? (parts[0], id) : null;
                fault = value is null ? $"'{word}' is not a session, like atlas/17; 'session list' names them" : OperationForm.Node(parts[0]);
                break;
            case WordKind.Size:
                value = Quantity.TryParseBytes(word, out long bytes) && bytes > 0 ? bytes : null;
                fault = value is null ? $"'{word}' is not a size, like 10GiB, 512MiB or 1.5TiB" : null;
                break;
            case WordKind.Number:
                value = long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
                fault = value is null ? $"{parameter.Name} is a whole number, not '{word}'" : null;
                break;
            case WordKind.Address:
                fault = OperationForm.Address(word);
                break;
            case WordKind.Lineages:
                Guid?[] lineages = [.. word.Split(',', StringSplitOptions.TrimEntries).Select(text => Guid.TryParse(text, out Guid lineage) ? lineage : (Guid?)null)];
                value = lineages.All(lineage => lineage is not null) ? lineages.Select(lineage => lineage!.Value).ToArray() : null;
                fault = value is null ? $"'{word}' is not a lineage, as 'volume show' prints it" : null;
                break;
            case WordKind.Choice:
                fault = parameter.Choices!.Contains(word, StringComparer.Ordinal) ? null : $"{parameter.Name} is {string.Join(" or ", parameter.Choices!)}, not '{word}'";
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(parameter), parameter.Kind, null);
        }

        return fault is null ? value! : throw new UsageException(fault);
    }
}
