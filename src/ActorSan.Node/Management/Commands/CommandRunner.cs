using System.Runtime.CompilerServices;
using ActorSan.Cluster.Management;
using ActorSan.Node.Management.Api;

namespace ActorSan.Node.Management.Commands;

/// <summary>Runs commands. Nothing that an administrator types ends in an exception: it ends in an answer.</summary>
internal sealed class CommandRunner(PaletteTable table, ManagementGate gate)
{
    private static readonly IReadOnlyDictionary<string, string> NoSecrets = new Dictionary<string, string>(StringComparer.Ordinal);

    public async Task<CommandAnswer> Run(CommandRequest request, CancellationToken cancellation)
    {
        try
        {
            if (request.Words.FirstOrDefault() == "help")
            {
                return CommandHelp.Of(table, [.. request.Words.Skip(1)]);
            }

            (_, CommandDefinition command, IReadOnlyDictionary<string, object> values) = CommandParser.Parse(table, request.Words);
            if (command.Run is null)
            {
                return new CommandAnswer(CommandExit.Done, [], null, Streams: true);
            }

            var call = new CommandCall(gate, values, request.Secrets ?? NoSecrets, cancellation);
            return !request.Yes && command.Danger?.Invoke(call) is { } confirmation
                ? new CommandAnswer(CommandExit.Failed, [new Part(Sentences: [new Cell(confirmation.Sentence, Tone.Warning)])], null, confirmation)
                : await command.Run(call);
        }
        catch (SecretWantedException wanted)
        {
            return new CommandAnswer(CommandExit.Failed, [], null, Ask: wanted.Question);
        }
        catch (Exception failure) when (Answer(failure, cancellation) is { } answer)
        {
            return answer;
        }
    }

    /// <summary>A stream of its own, or a command that is repeated. A fault before the first item is one answer, with its exit code.</summary>
    public async IAsyncEnumerable<StreamItem> Stream(CommandStreamRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        if (request.WatchSeconds is { } seconds)
        {
            await foreach (StreamItem item in Watch(request.Words, seconds, cancellation))
            {
                yield return item;
            }

            yield break;
        }

        IAsyncEnumerable<StreamItem>? items = null;
        CommandAnswer? fault = null;
        try
        {
            (Palette palette, CommandDefinition command, IReadOnlyDictionary<string, object> values) = CommandParser.Parse(table, request.Words);
            items = command.Stream?.Invoke(new CommandCall(gate, values, NoSecrets, cancellation))
                ?? throw new UsageException($"{palette.Name} {command.Name} is no stream; --watch repeats it");
        }
        catch (Exception failure) when (Answer(failure, cancellation) is { } answer)
        {
            fault = answer;
        }

        if (fault is not null)
        {
            yield return new StreamItem("answer", fault);
            yield break;
        }

        await foreach (StreamItem item in items!.WithCancellation(cancellation))
        {
            yield return item;
        }
    }

    private async IAsyncEnumerable<StreamItem> Watch(IReadOnlyList<string> words, double seconds, [EnumeratorCancellation] CancellationToken cancellation)
    {
        CommandAnswer? refusal = seconds is >= 0.2 and <= 3600 ? null : CommandAnswer.Sentence(CommandExit.Usage, $"--watch takes 0.2 to 3600 seconds, not {seconds}");
        if (refusal is null && IsChange(words))
        {
            refusal = CommandAnswer.Sentence(CommandExit.Usage, "a command that changes something is not repeated: leave --watch away");
        }

        if (refusal is not null)
        {
            yield return new StreamItem("answer", refusal);
            yield break;
        }

        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(seconds));
        do
        {
            CommandAnswer answer = await Run(new CommandRequest(words), cancellation);
            yield return new StreamItem("answer", answer.Streams ? CommandAnswer.Sentence(CommandExit.Usage, "this command is a stream already: leave --watch away") : answer);
            if (answer.ExitCode == CommandExit.Usage || answer.Streams)
            {
                yield break;
            }
        }
        while (await timer.WaitForNextTickAsync(cancellation));
    }

    private bool IsChange(IReadOnlyList<string> words) =>
        words.Count >= 2 && table.Find(words[0])?.Commands.FirstOrDefault(command => command.Name == words[1]) is { IsChange: true };

    private CommandAnswer? Answer(Exception failure, CancellationToken cancellation) => failure switch
    {
        UsageException or MalformedException => CommandAnswer.Sentence(CommandExit.Usage, failure.Message),
        NotThereException or ManagementUnavailableException => CommandAnswer.Sentence(CommandExit.Failed, failure.Message),
        OperationCanceledException when !cancellation.IsCancellationRequested =>
            CommandAnswer.Sentence(CommandExit.Failed, $"no answer in time. If this was a change: {ManagementGate.UnknownOutcome(gate.Options)}"),
        OperationCanceledException => null,
        _ => Fault(failure),
    };

    private CommandAnswer Fault(Exception failure)
    {
        gate.Options.Log?.Error(failure, "A command of the management API failed");
        return CommandAnswer.Sentence(CommandExit.Failed, $"the node failed at this ({failure.GetType().Name}: {failure.Message}); its log tells more");
    }
}
