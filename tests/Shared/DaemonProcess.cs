using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ActorSan.Tests.Shared;

/// <summary>A real daemon (<c>actorsan run</c>) in a directory of its own, from the generated configuration to the orderly end. Compiled into every program that needs one.</summary>
internal sealed class DaemonProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log;

    private DaemonProcess(Process process, StringBuilder log, IReadOnlyDictionary<string, int> ports)
    {
        _process = process;
        _log = log;
        Ports = ports;
    }

    /// <summary>Portal name to the port in use.</summary>
    internal IReadOnlyDictionary<string, int> Ports { get; }

    internal int ProcessId => _process.Id;

    internal bool IsRunning => !_process.HasExited;

    /// <summary>What it has logged so far.</summary>
    internal string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>The daemon that was built beside the caller: same configuration, in the same checkout.</summary>
    internal static string FindBuilt()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "ActorSan.sln")))
        {
            directory = Path.GetDirectoryName(directory);
        }

        string configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        string daemon = Path.Combine(directory ?? ".", "src", "ActorSan.Node", "bin", configuration, "net10.0", "actorsan");
        return File.Exists(daemon) ? daemon : throw new FileNotFoundException($"the daemon has not been built: {daemon}", daemon);
    }

    /// <summary>Starts it and waits until it serves.</summary>
    /// <exception cref="InvalidOperationException">It did not start; the message has its log.</exception>
    internal static async Task<DaemonProcess> StartAsync(string daemon, string directory, string configuration, CancellationToken stop, IReadOnlyDictionary<string, string>? environment = null)
    {
        Directory.CreateDirectory(directory);
        string file = Path.Combine(directory, "node.conf");
        string ready = Path.Combine(directory, "ready.json");
        File.Delete(ready);
        await File.WriteAllTextAsync(file, configuration, stop);
        var start = new ProcessStartInfo(daemon) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["run", "--config", file, "--ready-file", ready])
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string name, string value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        var log = new StringBuilder();
        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Append(log, line.Data);
        process.ErrorDataReceived += (_, line) => Append(log, line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var clock = Stopwatch.StartNew();
        while (!File.Exists(ready))
        {
            if (process.HasExited || clock.Elapsed > TimeSpan.FromSeconds(60))
            {
                await Kill(process);
                lock (log)
                {
                    throw new InvalidOperationException($"the node did not start:\n{log}");
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(25), stop);
        }

        using JsonDocument facts = JsonDocument.Parse(await File.ReadAllTextAsync(ready, stop));
        var ports = facts.RootElement.GetProperty("portals").EnumerateArray()
            .ToDictionary(portal => portal.GetProperty("name").GetString()!, portal => portal.GetProperty("port").GetInt32(), StringComparer.Ordinal);
        return new DaemonProcess(process, log, ports);
    }

    /// <summary>Sends a signal by its name, like TERM, INT or USR1.</summary>
    internal async Task Signal(string name)
    {
        using Process? kill = Process.Start("kill", [$"-{name}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill!.WaitForExitAsync();
    }

    /// <summary>SIGKILL: what a crash is to the outside.</summary>
    internal Task KillAsync() => Kill(_process);

    /// <summary>Waits for its end; the exit code.</summary>
    internal async Task<int> WaitForEnd(TimeSpan limit)
    {
        using var timeout = new CancellationTokenSource(limit);
        await _process.WaitForExitAsync(timeout.Token);
        return _process.ExitCode;
    }

    /// <summary>Ends it in order; a node that does not stop, or stops with an error, is a failure of whoever ran it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_process.HasExited)
        {
            _process.Dispose();
            return;
        }

        await Signal("TERM");
        int code;
        try
        {
            code = await WaitForEnd(TimeSpan.FromSeconds(40));
        }
        catch (OperationCanceledException late)
        {
            await Kill(_process);
            throw new InvalidOperationException($"the node did not stop within 40 s of SIGTERM:\n{Log}", late);
        }

        _process.Dispose();
        if (code != 0)
        {
            throw new InvalidOperationException($"the node ended with exit code {code}:\n{Log}");
        }
    }

    private static async Task Kill(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill();
        }

        await process.WaitForExitAsync();
    }

    private static void Append(StringBuilder log, string? line)
    {
        if (line is not null)
        {
            lock (log)
            {
                _ = log.Append(line).Append('\n');
            }
        }
    }
}
