using System.ComponentModel;
using System.Diagnostics;
using ActorSan.Cluster.Settings;

namespace ActorSan.Cluster.Control;

/// <summary>How a fencing command ended.</summary>
/// <param name="Killed">It exited with 0 in time: the other node has been killed (A3).</param>
/// <param name="Sentence">What happened, for the log.</param>
/// <param name="Output">The last lines that it printed, of both streams in the order in which they came.</param>
public sealed record FencingOutcome(bool Killed, string Sentence, IReadOnlyList<string> Output);

/// <summary>
/// Runs the fencing command of a node (P12): the program itself, no shell, with <c>{node}</c> in its arguments replaced; killed with its children when its time is over. Nothing here blocks the
/// caller; how it ended is posted. Anything but exit code 0 in time means that nothing was fenced.
/// </summary>
/// <param name="settings">What to run, and for how long.</param>
/// <param name="post">Brings the end to the thread that decides.</param>
public sealed class FencingCommand(FencingSettings settings, Action<Action> post)
{
    /// <summary>Lines of output that are kept, the last ones, and characters of each.</summary>
    public const int MaxLines = 20;
    public const int MaxLineLength = 400;

    private const string NodeMark = "{node}";

    // What was printed arrives after the exit is seen, as often as not; of one that left a child with its output behind, the end of it never does.
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(1);

    // Asked for often by several volumes at once, one node is fenced once: whoever asks while it runs waits for another run, for it promises nothing about what ran when the second asked.
    private readonly Dictionary<string, Run> _running = [];

    /// <summary>Starts it for that node; <paramref name="ended"/> is posted once. On the thread that decides.</summary>
    public void Fence(string node, Action<FencingOutcome> ended)
    {
        if (_running.TryGetValue(node, out Run? run))
        {
            run.Next.Add(ended);
            return;
        }

        Begin(node, [ended]);
    }

    private void Begin(string node, List<Action<FencingOutcome>> waiting)
    {
        var run = new Run(waiting);
        _running.Add(node, run);
        _ = Task.Run(async () =>
        {
            FencingOutcome outcome;
            try
            {
                outcome = await Execute(node).ConfigureAwait(false);
            }
            catch (Exception failure)
            {
                outcome = new FencingOutcome(false, $"the fencing command could not be watched: {failure.Message}", []);
            }

            post(() => End(node, run, outcome));
        });
    }

    private void End(string node, Run run, FencingOutcome outcome)
    {
        _ = _running.Remove(node);
        if (run.Next.Count > 0)
        {
            Begin(node, run.Next);
        }

        foreach (Action<FencingOutcome> ended in run.Waiting)
        {
            ended(outcome);
        }
    }

    private async Task<FencingOutcome> Execute(string node)
    {
        string program = settings.Command[0];
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string argument in settings.Command.Skip(1))
        {
            start.ArgumentList.Add(argument.Replace(NodeMark, node, StringComparison.Ordinal));
        }

        var output = new Queue<string>();
        using var process = new Process { StartInfo = start };
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var warned = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += (_, line) => Hear(output, line.Data, told);
        process.ErrorDataReceived += (_, line) => Hear(output, line.Data, warned);
        try
        {
            _ = process.Start();
        }
        catch (Exception failure) when (failure is Win32Exception or InvalidOperationException or IOException)
        {
            return new FencingOutcome(false, $"the fencing command {program} could not be started: {failure.Message}. Correct actorsan.cluster.fencing.command", []);
        }

        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var time = new CancellationTokenSource(settings.Timeout);
        bool inTime = await WaitFor(process, time.Token).ConfigureAwait(false);
        if (!inTime)
        {
            KillAll(process);
            return new FencingOutcome(false, $"the fencing command {program} has not ended within {settings.Timeout.TotalSeconds:0.###} s and was killed: nothing is known of {node}", Kept(output));
        }

        _ = await Task.WhenAny(Task.WhenAll(told.Task, warned.Task), Task.Delay(s_lastWords)).ConfigureAwait(false);
        return process.ExitCode == 0
            ? new FencingOutcome(true, $"the fencing command {program} says that {node} has been killed", Kept(output))
            : new FencingOutcome(false, $"the fencing command {program} failed for {node} with exit code {process.ExitCode}", Kept(output));
    }

    // Its exit counts, not the end of its output: something that it left behind may hold the pipe for ever.
    private static async Task<bool> WaitFor(Process process, CancellationToken time)
    {
        try
        {
            while (!process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10), time).ConfigureAwait(false);
            }

            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static void KillAll(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception failure) when (failure is Win32Exception or InvalidOperationException or AggregateException)
        {
            // It has ended by itself meanwhile, too late.
        }
    }

    private static void Hear(Queue<string> output, string? line, TaskCompletionSource ended)
    {
        Keep(output, line);
        if (line is null)
        {
            _ = ended.TrySetResult();
        }
    }

    private static void Keep(Queue<string> output, string? line)
    {
        if (string.IsNullOrWhiteSpace(line))
        {
            return;
        }

        lock (output)
        {
            output.Enqueue(line.Length > MaxLineLength ? line[..MaxLineLength] : line);
            if (output.Count > MaxLines)
            {
                _ = output.Dequeue();
            }
        }
    }

    private static string[] Kept(Queue<string> output)
    {
        lock (output)
        {
            return [.. output];
        }
    }

    private sealed class Run(List<Action<FencingOutcome>> waiting)
    {
        public List<Action<FencingOutcome>> Waiting { get; } = waiting;

        /// <summary>Who asked after it had begun.</summary>
        public List<Action<FencingOutcome>> Next { get; } = [];
    }
}
