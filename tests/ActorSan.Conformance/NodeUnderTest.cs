using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace ActorSan.Conformance;

/// <summary>One real daemon with the targets of the board, in a directory of its own, on ports that the kernel chose.</summary>
internal sealed class NodeUnderTest : IAsyncDisposable
{
    internal const string Target = "iqn.2026-01.org.actorsan:conformance";
    internal const string ChapTarget = "iqn.2026-01.org.actorsan:conformance-chap";
    internal const string ChapUser = "conformance";
    internal const string ChapSecret = "conformance-secret";

    private readonly Process _process;
    private readonly Task<string> _log;

    private NodeUnderTest(Process process, Task<string> log, int firstPort, int secondPort)
    {
        _process = process;
        _log = log;
        FirstPort = firstPort;
        SecondPort = secondPort;
    }

    internal int FirstPort { get; }

    internal int SecondPort { get; }

    /// <summary>libiscsi's address of a unit by one of the two portals.</summary>
    internal string Url(Unit unit, bool secondPath = false) =>
        string.Create(CultureInfo.InvariantCulture, $"iscsi://127.0.0.1:{(secondPath ? SecondPort : FirstPort)}/{Target}/{(int)unit}");

    internal string Portal => string.Create(CultureInfo.InvariantCulture, $"iscsi://127.0.0.1:{FirstPort}");

    internal string ChapUrl(string secret) =>
        string.Create(CultureInfo.InvariantCulture, $"iscsi://{ChapUser}%{secret}@127.0.0.1:{FirstPort}/{ChapTarget}/0");

    internal bool IsRunning => !_process.HasExited;

    internal static async Task<NodeUnderTest> StartAsync(string daemon, string directory, string engine, CancellationToken stop)
    {
        Directory.CreateDirectory(directory);
        string configuration = Path.Combine(directory, "conformance.conf");
        string ready = Path.Combine(directory, "ready.json");
        string key = Path.Combine(directory, "node.key");
        await File.WriteAllTextAsync(key, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) + "\n", stop);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllTextAsync(configuration, Configuration(engine), stop);

        var start = new ProcessStartInfo(daemon) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["run", "--config", configuration, "--ready-file", ready])
        {
            start.ArgumentList.Add(argument);
        }

        Process process = Process.Start(start)!;
        Task<string> log = CollectLog(process, Path.Combine(directory, "actorsan.log"));
        var clock = Stopwatch.StartNew();
        while (!File.Exists(ready))
        {
            if (process.HasExited || clock.Elapsed > TimeSpan.FromSeconds(60))
            {
                if (!process.HasExited)
                {
                    process.Kill();
                }

                throw new InvalidOperationException($"the node did not start:\n{await log}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), stop);
        }

        using JsonDocument facts = JsonDocument.Parse(await File.ReadAllTextAsync(ready, stop));
        var ports = facts.RootElement.GetProperty("portals").EnumerateArray()
            .ToDictionary(portal => portal.GetProperty("name").GetString()!, portal => portal.GetProperty("port").GetInt32(), StringComparer.Ordinal);
        return new NodeUnderTest(process, log, ports["first"], ports["second"]);
    }

    /// <summary>Ends the node in order; a node that does not stop is a failure of the board.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using Process? kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill!.WaitForExitAsync();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(40));
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException late)
            {
                _process.Kill();
                throw new InvalidOperationException("the node did not stop within 40 s of SIGTERM", late);
            }
        }

        _ = await _log;
        int code = _process.ExitCode;
        _process.Dispose();
        if (code != 0)
        {
            throw new InvalidOperationException($"the node ended with exit code {code}");
        }
    }

    private static async Task<string> CollectLog(Process process, string file)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string both = await output + await errors;
        await File.WriteAllTextAsync(file, both);
        return both;
    }

    private static string Configuration(string engine) =>
        $$"""
        actorsan {
          node { name = conformance, state-directory = state }
          io { engine = {{engine}} }
          # A sanitize of the encrypted unit lasts about 8 s: Sanitize.Reset looks whether it outlives a reset 5 s later.
          scsi.sanitize.max-rate = 8 MiB
          portals.first { address = 127.0.0.1, port = 0, group = 1 }
          portals.second { address = 127.0.0.1, port = 0, group = 2 }
          defaults.volume.format = if-missing
          volumes {
            thin { store { path = thin.store, size = 256 MiB, logical-block = 512, physical-block = 4096 } }
            flat { store { path = flat.store, size = 64 MiB, logical-block = 4096, physical-block = 4096 } }
            removable { store { path = removable.store, size = 64 MiB } }
            protected { store { path = protected.store, size = 64 MiB } }
            vault { store { path = vault.store, size = 64 MiB }, encryption { mode = aes-256-xts, key-file = node.key } }
            guarded { store { path = guarded.store, size = 64 MiB } }
          }
          targets."{{Target}}" {
            initiators = ["iqn.2007-10.com.github:sahlberg:libiscsi:*", "iqn.2008-11.org.linux-kvm*"]
            luns {
              0 = thin
              1 = flat
              2 { volume = removable, removable = on }
              3 { volume = protected, read-only = on }
              4 = vault
            }
          }
          targets."{{ChapTarget}}" {
            chap { user = {{ChapUser}}, secret = {{ChapSecret}} }
            luns.0 = guarded
          }
        }
        """;
}
