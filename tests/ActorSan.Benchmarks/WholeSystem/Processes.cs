using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace ActorSan.Benchmarks.WholeSystem;

/// <summary>Runs a program to its end and gives what it printed; every run is bounded in time.</summary>
internal static class Processes
{
    internal static async Task<string> Run(string program, IReadOnlyList<string> arguments, TimeSpan limit, CancellationToken stop, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string name, string value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start) ?? throw new BenchmarkException($"{program} did not start");
        Task<string> output = process.StandardOutput.ReadToEndAsync(stop);
        Task<string> errors = process.StandardError.ReadToEndAsync(stop);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stop);
        timeout.CancelAfter(limit);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            stop.ThrowIfCancellationRequested();
            throw new BenchmarkException($"{program} did not end within {limit.TotalSeconds:0} s");
        }

        string both = await output;
        string said = await errors;
        if (process.ExitCode != 0)
        {
            throw new BenchmarkException(string.Create(CultureInfo.InvariantCulture, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {Tail(both + said)}"));
        }

        return both;
    }

    /// <summary>The tools' last line: <c>key=value</c> pairs.</summary>
    internal static IReadOnlyDictionary<string, string> LastLine(string output)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (string pair in lines.Length == 0 ? [] : lines[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                pairs[pair[..equals]] = pair[(equals + 1)..];
            }
        }

        return pairs;
    }

    internal static double Number(IReadOnlyDictionary<string, string> pairs, string key) =>
        pairs.TryGetValue(key, out string? text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            ? value
            : throw new BenchmarkException($"a load tool printed no '{key}'");

    private static string Tail(string text)
    {
        var tail = new StringBuilder();
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(5))
        {
            _ = tail.Append(line.Trim()).Append(" / ");
        }

        return tail.ToString();
    }
}

/// <summary>A measurement that could not be made; the message says why.</summary>
internal sealed class BenchmarkException(string message) : Exception(message);
