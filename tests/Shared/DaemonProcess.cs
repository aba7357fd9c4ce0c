using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ActorSan.Tests.Shared;

/// <summary>A real daemon (<c>actorsan run</c>) in a directory of its own, from the generated configuration to the orderly end. Compiled into every program that needs one.</summary>
internal sealed class DaemonProcess : IAsyncDisposable
{
    // No measurement: a machine that does much else at the same time starts a node slowly.
    private static readonly TimeSpan s_start = TimeSpan.FromMinutes(4);
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private readonly List<(string Text, TaskCompletionSource Seen)> _awaited = [];
    private readonly string _readyFile;

    private DaemonProcess(Process process, string readyFile)
    {
        _process = process;
        _readyFile = readyFile;
    }

    /// <summary>Portal name to the port in use; empty until it serves.</summary>
    internal IReadOnlyDictionary<string, int> Ports { get; private set; } = new Dictionary<string, int>(StringComparer.Ordinal);

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
        DaemonProcess node = await LaunchAsync(daemon, directory, configuration, stop, environment);
        try
        {
            await node.Ready(stop);
            return node;
        }
        catch
        {
            await Kill(node._process);
            throw;
        }
    }

    /// <summary>Starts it and waits for nothing: for those that are not to come up.</summary>
    internal static async Task<DaemonProcess> LaunchAsync(string daemon, string directory, string configuration, CancellationToken stop, IReadOnlyDictionary<string, string>? environment = null)
    {
        Directory.CreateDirectory(directory);
        string file = Path.Combine(directory, "node.conf");
        string ready = Path.Combine(directory, "ready.json");
        File.Delete(ready);
        await File.WriteAllTextAsync(file, configuration, stop);
        var start = new ProcessStartInfo(daemon, ["run", "--config", file, "--ready-file", ready]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        var process = new Process { StartInfo = start };
        var node = new DaemonProcess(process, ready);
        process.OutputDataReceived += (_, line) => node.Append(line.Data);
        process.ErrorDataReceived += (_, line) => node.Append(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return node;
    }

    /// <summary>Runs another verb of the daemon to its end: its exit code, and standard output and error together.</summary>
    internal static async Task<(int Code, string Output)> Verb(string daemon, params string[] arguments)
    {
        using var process = new Process { StartInfo = new ProcessStartInfo(daemon, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true } };
        process.Start();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, output + await error);
    }

    /// <summary>libiscsi's address of a unit.</summary>
    internal string Url(string target, int lun = 0, string portal = "main", string credentials = "") =>
        string.Create(CultureInfo.InvariantCulture, $"iscsi://{credentials}127.0.0.1:{Ports[portal]}/{target}/{lun}");

    internal long ResidentBytes() => StatusNumber("VmRSS:") * 1024;

    internal int ThreadCount() => (int)StatusNumber("Threads:");

    internal int HandleCount() => Directory.GetFileSystemEntries(string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/fd")).Length;

    /// <summary>Completes when a line of the log has the text, one that came or one to come.</summary>
    internal async Task Logged(string text, TimeSpan limit)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_log)
        {
            if (_log.ToString().Contains(text, StringComparison.Ordinal))
            {
                return;
            }

            _awaited.Add((text, seen));
        }

        try
        {
            await seen.Task.WaitAsync(limit);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"the node did not log '{text}' within {limit.TotalSeconds:0} s:\n{Log}", late);
        }
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

    /// <summary>Waits until it serves.</summary>
    /// <exception cref="InvalidOperationException">It ended, or took too long; the message has its log.</exception>
    internal async Task Ready(CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        while (!File.Exists(_readyFile))
        {
            if (_process.HasExited || clock.Elapsed > s_start)
            {
                await Kill(_process);
                throw new InvalidOperationException($"the node did not start:\n{Log}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(25), stop);
        }

        using JsonDocument facts = JsonDocument.Parse(await File.ReadAllTextAsync(_readyFile, stop));
        Ports = facts.RootElement.GetProperty("portals").EnumerateArray()
            .ToDictionary(portal => portal.GetProperty("name").GetString()!, portal => portal.GetProperty("port").GetInt32(), StringComparer.Ordinal);
    }

    private long StatusNumber(string key)
    {
        string line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/status")).First(line => line.StartsWith(key, StringComparison.Ordinal));
        return long.Parse(line[key.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
    }

    private void Append(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_log)
        {
            _ = _log.Append(line).Append('\n');
            foreach ((string text, TaskCompletionSource seen) in _awaited)
            {
                if (line.Contains(text, StringComparison.Ordinal))
                {
                    seen.TrySetResult();
                }
            }
        }
    }
}
