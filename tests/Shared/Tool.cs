using System.Diagnostics;
using System.Text;

namespace ActorSan.Tests.Shared;

/// <summary>What a foreign program did.</summary>
internal sealed record ToolRun(string Output, int ExitCode, bool Late, TimeSpan Took);

/// <summary>Runs programs that this project did not write, each bounded in time.</summary>
internal static class Tool
{
    /// <summary>Standard output and error together, in the order in which they came.</summary>
    internal static async Task<ToolRun> RunAsync(string program, IReadOnlyList<string> arguments, TimeSpan limit, CancellationToken stop)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var output = new StringBuilder();
        var clock = Stopwatch.StartNew();
        using var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(output, line.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stop);
        timeout.CancelAfter(limit);
        bool late = false;
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            late = true;
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }

        stop.ThrowIfCancellationRequested();
        lock (output)
        {
            return new ToolRun(output.ToString(), process.ExitCode, late, clock.Elapsed);
        }
    }

    private static void Append(StringBuilder output, string? line)
    {
        if (line is not null)
        {
            lock (output)
            {
                _ = output.Append(line).Append('\n');
            }
        }
    }
}
