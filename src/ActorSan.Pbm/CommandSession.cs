namespace ActorSan.Pbm;

/// <summary>One command from its words to its exit code: asks what the node wants to know, shows what it answers.</summary>
internal sealed class CommandSession(NodeClient node, Screen screen, bool mayAsk)
{
    /// <exception cref="PbmException">It could not be run.</exception>
    public async Task<int> Run(ClientOptions options, CancellationToken cancellation)
    {
        if (options.WatchSeconds is { } seconds)
        {
            return await Stream(options, seconds, cancellation);
        }

        bool yes = options.Yes;
        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        while (true)
        {
            Answer answer = await node.Run(options.Words, yes, secrets, cancellation);
            if (answer.Streams)
            {
                return await Stream(options, null, cancellation);
            }

            if (answer.Confirm is { } confirmation && !yes)
            {
                Confirm(confirmation);
                yes = true;
            }
            else if (answer.Ask is { } question && !secrets.ContainsKey(question.Name))
            {
                secrets[question.Name] = SecretPrompt.Read(question.Prompt);
            }
            else
            {
                screen.Show(answer, options.Json);
                return answer.ExitCode;
            }
        }
    }

    private async Task<int> Stream(ClientOptions options, double? watchSeconds, CancellationToken cancellation)
    {
        // The end that is asked for by Ctrl-C is the ordinary end of a stream.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        ConsoleCancelEventHandler onCancel = (_, pressed) =>
        {
            pressed.Cancel = true;
            end.Cancel();
        };
        Console.CancelKeyPress += onCancel;
        int code = ExitCode.Done;
        try
        {
            await foreach (object item in node.Stream(options.Words, watchSeconds, end.Token))
            {
                if (item is StreamedLine line)
                {
                    screen.Show(line, options.Json);
                    continue;
                }

                var answer = (Answer)item;
                if (watchSeconds is not null && answer.ExitCode != ExitCode.Usage)
                {
                    screen.BeginRepetition($"{node.Name}: {string.Join(' ', options.Words)}", options.Json);
                }

                screen.Show(answer, options.Json);
                code = answer.ExitCode;
            }

            return code;
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            return code;
        }
        finally
        {
            Console.CancelKeyPress -= onCancel;
        }
    }

    private void Confirm(Confirmation confirmation)
    {
        screen.Warn(confirmation.Sentence, "warning");
        if (!mayAsk)
        {
            throw new PbmException(ExitCode.Failed, "this wants to be confirmed: nothing was done; add --yes");
        }

        Console.Error.Write($"Type '{confirmation.Word}' to confirm: ");
        if (Console.ReadLine()?.Trim() != confirmation.Word)
        {
            throw new PbmException(ExitCode.Failed, "not confirmed: nothing was done");
        }
    }
}
