using ActorSan.Cluster.Management;
using ActorSan.Node.Management.Api;

namespace ActorSan.Node.Management.Commands;

/// <summary>What may stand where somebody is typing: commands, options, and the names of what there is.</summary>
internal static class Completion
{
    public static async Task<IReadOnlyList<string>> Of(PaletteTable table, ManagementGate gate, CompletionRequest request, CancellationToken cancellation)
    {
        IEnumerable<string> candidates = await Candidates(table, gate, request, cancellation);
        return [.. candidates.Where(candidate => candidate.StartsWith(request.Beginning, StringComparison.Ordinal)).Distinct(StringComparer.Ordinal)];
    }

    private static async Task<IEnumerable<string>> Candidates(PaletteTable table, ManagementGate gate, CompletionRequest request, CancellationToken cancellation)
    {
        IReadOnlyList<string> words = request.Words;
        bool isHelp = words.FirstOrDefault() == "help";
        if (isHelp)
        {
            words = [.. words.Skip(1)];
        }

        if (words.Count == 0)
        {
            IEnumerable<string> names = table.Palettes.Select(palette => palette.Name);
            return isHelp ? names : names.Append("help");
        }

        if (table.Find(words[0]) is not { } palette)
        {
            return [];
        }

        if (words.Count == 1)
        {
            return palette.Commands.Select(command => command.Name);
        }

        return isHelp || palette.Commands.FirstOrDefault(command => command.Name == words[1]) is not { } found ? [] : await Arguments(found, gate, request, cancellation);
    }

    private static async Task<IEnumerable<string>> Arguments(CommandDefinition command, ManagementGate gate, CompletionRequest request, CancellationToken cancellation)
    {
        int place = 0;
        for (int i = 2; i < request.Words.Count; i++)
        {
            string word = request.Words[i];
            if (!word.StartsWith("--", StringComparison.Ordinal))
            {
                place++;
            }
            else if (command.Options.FirstOrDefault(option => option.Name == word) is { Kind: not WordKind.Switch } option && ++i == request.Words.Count)
            {
                return await Values(option, gate, request.Beginning, cancellation);
            }
        }

        IEnumerable<string> options = command.Options.Select(option => option.Name).Where(name => !request.Words.Contains(name, StringComparer.Ordinal));
        return request.Beginning.StartsWith('-') || command.Words.Skip(place).FirstOrDefault() is not { } parameter ? options : await Values(parameter, gate, request.Beginning, cancellation);
    }

    private static async Task<IEnumerable<string>> Values(Parameter parameter, ManagementGate gate, string beginning, CancellationToken cancellation)
    {
        switch (parameter.Kind)
        {
            case WordKind.Volume:
                return (await gate.Ask((management, limit) => management.Volumes(limit), cancellation)).Select(volume => volume.Name);
            case WordKind.Node:
                return await Nodes(gate, cancellation);
            case WordKind.Nodes:
                string before = beginning[..(beginning.LastIndexOf(',') + 1)];
                string[] named = before.Split(',');
                return (await Nodes(gate, cancellation)).Where(node => !named.Contains(node, StringComparer.Ordinal)).Select(node => before + node);
            case WordKind.Target:
                return (await gate.Ask((management, limit) => management.Targets(limit), cancellation)).Items.Select(target => target.Iqn);
            case WordKind.Session:
                return (await Sessions(gate, cancellation)).Select(session => $"{session.Node}/{session.Id}");
            case WordKind.Initiator:
                return (await Sessions(gate, cancellation)).Select(session => session.Initiator);
            case WordKind.Choice:
                return parameter.Choices!;
            case WordKind.Switch or WordKind.Text or WordKind.NewName or WordKind.Size or WordKind.Number or WordKind.Address or WordKind.Lineages:
                return [];
            default:
                throw new ArgumentOutOfRangeException(nameof(parameter), parameter.Kind, null);
        }
    }

    private static async Task<IEnumerable<string>> Nodes(ManagementGate gate, CancellationToken cancellation) =>
        (await gate.Ask((management, limit) => management.Cluster(limit), cancellation)).Members.Select(member => member.Name);

    private static async Task<IReadOnlyList<SessionReport>> Sessions(ManagementGate gate, CancellationToken cancellation) =>
        (await gate.Ask((management, limit) => management.Sessions(limit), cancellation)).Items;
}
