using RadLine;
using Spectre.Console;

namespace ActorSan.Pbm;

/// <summary><c>pbm HOST:PORT</c> alone: line after line, from a terminal or, as a script, from standard input.</summary>
internal sealed class Prompt(NodeClient node, Screen screen)
{
    /// <summary>The exit code of a script is that of the first command that failed, which ends it; a terminal goes on.</summary>
    public async Task<int> Run()
    {
        if (Console.IsInputRedirected)
        {
            return await RunScript();
        }

        screen.Output.WriteLine($"ActorSan at {node.Name}. 'help' lists all commands, Tab completes, 'exit' ends.");
        LineEditor editor = CreateEditor();
        while (true)
        {
            string? line = await editor.ReadLine(CancellationToken.None);
            if (line is null || line.Trim() is "exit" or "quit")
            {
                return ExitCode.Done;
            }

            if (line.Trim().Length > 0)
            {
                History.Add(line.Trim());
                _ = await RunLine(line, mayAsk: true);
            }
        }
    }

    private async Task<int> RunScript()
    {
        while (Console.ReadLine() is { } line && line.Trim() is not ("exit" or "quit"))
        {
            if (line.Trim().Length > 0 && !line.TrimStart().StartsWith('#') && await RunLine(line, mayAsk: false) is var code and not ExitCode.Done)
            {
                return code;
            }
        }

        return ExitCode.Done;
    }

    private async Task<int> RunLine(string line, bool mayAsk)
    {
        try
        {
            return await new CommandSession(node, screen, mayAsk).Run(ClientOptions.ParseLine(WordSplitter.Split(line)), CancellationToken.None);
        }
        catch (PbmException failure)
        {
            screen.Fail(failure.Message);
            return failure.ExitCode;
        }
    }

    private LineEditor CreateEditor()
    {
        var editor = new LineEditor
        {
            MultiLine = false,
            Prompt = new LineEditorPrompt($"[bold][[{Markup.Escape(node.Name)}]] pbm>[/]"),
        };
        var complete = new CompleteCommand(node);
        editor.KeyBindings.Add(ConsoleKey.Tab, () => complete);
        editor.KeyBindings.Add(ConsoleKey.UpArrow, () => new PreviousHistoryCommand());
        editor.KeyBindings.Add(ConsoleKey.DownArrow, () => new NextHistoryCommand());
        editor.KeyBindings.Add(ConsoleKey.A, ConsoleModifiers.Control, () => new MoveHomeCommand());
        editor.KeyBindings.Add(ConsoleKey.E, ConsoleModifiers.Control, () => new MoveEndCommand());
        editor.KeyBindings.Add(ConsoleKey.U, ConsoleModifiers.Control, () => new ClearBeforeCommand());
        editor.KeyBindings.Add(ConsoleKey.D, ConsoleModifiers.Control, () => new EndCommand());
        foreach (string line in History.Load())
        {
            editor.History.Add(line);
        }

        return editor;
    }
}
