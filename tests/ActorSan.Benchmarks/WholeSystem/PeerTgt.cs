using System.Globalization;

namespace ActorSan.Benchmarks.WholeSystem;

/// <summary>tgt from Debian, set up fairly by tools/peer-tgt.sh, on 127.0.0.1 only.</summary>
internal sealed class PeerTgt : IAsyncDisposable
{
    private readonly string _script;
    private readonly string _directory;
    private readonly string _port;

    private PeerTgt(string script, string directory, string port, int processId)
    {
        _script = script;
        _directory = directory;
        _port = port;
        ProcessId = processId;
    }

    private int ProcessId { get; }

    internal static async Task<PeerTgt> Start(string script, string directory, int port, CancellationToken stop)
    {
        Directory.CreateDirectory(directory);
        string portText = port.ToString(CultureInfo.InvariantCulture);
        _ = await Processes.Run(script, ["start", directory, portText], TimeSpan.FromMinutes(5), stop);
        string pid = await File.ReadAllTextAsync(Path.Combine(directory, $"tgtd-{portText}.pid"), stop);
        return new PeerTgt(script, directory, portText, int.Parse(pid, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture));
    }

    /// <summary>One of null, ram, rdwr, aio, rdwr-sync, rdwr-direct.</summary>
    internal Side Side(string store) => new("tgt " + store, "127.0.0.1:" + _port, "iqn.2026-01.peer:" + store, 1, ProcessId);

    public async ValueTask DisposeAsync() => _ = await Processes.Run(_script, ["stop", _directory, _port], TimeSpan.FromSeconds(30), CancellationToken.None);
}
