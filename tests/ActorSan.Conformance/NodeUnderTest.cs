using System.Globalization;
using System.Security.Cryptography;
using ActorSan.Tests.Shared;

namespace ActorSan.Conformance;

/// <summary>One real daemon with the targets of the board, in a directory of its own, on ports that the kernel chose.</summary>
internal sealed class NodeUnderTest : IAsyncDisposable
{
    internal const string TargetPrefix = "iqn.2026-01.org.actorsan:conformance-";
    internal const string ChapTarget = TargetPrefix + "chap";
    internal const string ChapUser = "conformance";
    internal const string ChapSecret = "conformance-secret";

    /// <summary>The default names of iscsi-test-cu (two) and libiscsi's other tools, of iscsi-perf, and of qemu.</summary>
    private const string Admitted =
        "initiators = [\"iqn.2007-10.com.github:sahlberg:libiscsi:*\", \"iqn.2010-11.libiscsi:iscsi-perf\", \"iqn.2008-11.org.linux-kvm*\"]";

    private readonly DaemonProcess _daemon;

    private readonly string _directory;

    private NodeUnderTest(DaemonProcess daemon, string directory)
    {
        _daemon = daemon;
        _directory = directory;
    }

    internal int FirstPort => _daemon.Ports["first"];

    internal int SecondPort => _daemon.Ports["second"];

    internal static string TargetOf(Unit unit) => TargetPrefix + unit switch
    {
        Unit.Thin => "thin",
        Unit.Flat => "flat",
        Unit.Removable => "removable",
        Unit.WriteProtected => "protected",
        Unit.Encrypted => "vault",
        _ => throw new ArgumentOutOfRangeException(nameof(unit), unit, "no such unit"),
    };

    /// <summary>libiscsi's address of a unit by one of the two portals.</summary>
    internal string Url(Unit unit, bool secondPath = false) =>
        string.Create(CultureInfo.InvariantCulture, $"iscsi://127.0.0.1:{(secondPath ? SecondPort : FirstPort)}/{TargetOf(unit)}/0");

    internal string Portal => string.Create(CultureInfo.InvariantCulture, $"iscsi://127.0.0.1:{FirstPort}");

    internal string ChapUrl(string secret) =>
        string.Create(CultureInfo.InvariantCulture, $"iscsi://{ChapUser}%{secret}@127.0.0.1:{FirstPort}/{ChapTarget}/0");

    internal bool IsRunning => _daemon.IsRunning;

    internal static async Task<NodeUnderTest> StartAsync(string daemon, string directory, string engine, CancellationToken stop)
    {
        Directory.CreateDirectory(directory);
        string key = Path.Combine(directory, "node.key");
        await File.WriteAllTextAsync(key, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) + "\n", stop);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new NodeUnderTest(await DaemonProcess.StartAsync(daemon, directory, Configuration(engine), stop), directory);
    }

    /// <summary>Ends the node in order and leaves its log beside its stores; a node that does not stop in order is a failure of the board.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _daemon.DisposeAsync();
        }
        finally
        {
            await File.WriteAllTextAsync(Path.Combine(_directory, "actorsan.log"), _daemon.Log);
        }
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
            # Below 65,536 blocks: from there on WriteSame16.Unmap writes 32 MiB with one command, more than a transfer may have.
            thin { store { path = thin.store, size = 24 MiB, logical-block = 512, physical-block = 4096 } }
            flat { store { path = flat.store, size = 24 MiB, logical-block = 512, physical-block = 512 } }
            removable { store { path = removable.store, size = 64 MiB } }
            protected { store { path = protected.store, size = 64 MiB } }
            vault { store { path = vault.store, size = 64 MiB }, encryption { mode = aes-256-xts, key-file = node.key } }
            guarded { store { path = guarded.store, size = 64 MiB } }
          }
          targets."{{TargetOf(Unit.Thin)}}" { {{Admitted}}, luns.0 = thin }
          targets."{{TargetOf(Unit.Flat)}}" { {{Admitted}}, luns.0 = flat }
          targets."{{TargetOf(Unit.Removable)}}" { {{Admitted}}, luns.0 { volume = removable, removable = on } }
          targets."{{TargetOf(Unit.WriteProtected)}}" { {{Admitted}}, luns.0 { volume = protected, read-only = on } }
          # Sanitize.Reset sleeps a minute without serving its connection: a target that asks whether it lives would close it, and the test would find a unit attention for ever.
          targets."{{TargetOf(Unit.Encrypted)}}" { {{Admitted}}, luns.0 = vault, session.nop-interval = 0 s }
          targets."{{ChapTarget}}" {
            chap { user = {{ChapUser}}, secret = {{ChapSecret}} }
            luns.0 = guarded
          }
        }
        """;
}
