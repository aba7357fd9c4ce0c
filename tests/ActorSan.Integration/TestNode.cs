using System.Globalization;
using System.Runtime.CompilerServices;
using ActorSan.Tests.Shared;

namespace ActorSan.Integration;

/// <summary>A directory of a test's own under artifacts/integration (a file system with O_DIRECT), and the real daemon in it.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    internal const string Target = "iqn.2026-01.org.actorsan:test";

    private static int s_count;
    private readonly Stack<IAsyncDisposable> _owned = new();
    private bool _ended;

    private TestNode(string directory) => Directory = directory;

    internal string Directory { get; }

    internal DaemonProcess Daemon { get; private set; } = null!;

    internal int Port => Daemon.Ports["main"];

    internal string Portal => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <summary>The repository that the tests were built in.</summary>
    internal static string Root { get; } = FindRoot();

    internal string PathOf(string name) => Path.Combine(Directory, name);

    internal string Url(int lun = 0) => Daemon.Url(Target, lun);

    /// <summary>An empty directory; nothing runs in it yet.</summary>
    internal static TestNode Prepare([CallerMemberName] string test = "")
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{test}-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}");
        string directory = Path.Combine(Root, "artifacts", "integration", name);
        System.IO.Directory.CreateDirectory(directory);
        return new TestNode(directory);
    }

    /// <summary>A node with one thin file volume of that size as LUN 0, and whatever <paramref name="more"/> says.</summary>
    internal static async Task<TestNode> Start(string size = "64 MiB", string more = "", [CallerMemberName] string test = "")
    {
        TestNode node = Prepare(test);
        await node.Run(Configuration(size, more));
        return node;
    }

    /// <summary>HOCON for one portal, one thin file volume <c>disk</c> as LUN 0 of <see cref="Target"/> for everyone.</summary>
    internal static string Configuration(string size = "64 MiB", string more = "") =>
        $$"""
        actorsan {
          node { name = test, state-directory = state }
          portals.main { address = 127.0.0.1, port = 0 }
          volumes.disk { store { path = disk.store, size = {{size}} }, format = if-missing }
          targets."{{Target}}" { access = open, luns.0 = disk }
          {{more}}
        }
        """;

    internal async Task Run(string configuration, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        _ended = false;
        Daemon = await DaemonProcess.StartAsync(DaemonProcess.FindBuilt(), Directory, configuration, limit.Token, environment);
    }

    /// <summary>Starts one that is expected to end by itself; its exit code and its log.</summary>
    internal async Task<(int Code, string Log)> RunToEnd(string configuration)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        DaemonProcess daemon = await DaemonProcess.LaunchAsync(DaemonProcess.FindBuilt(), Directory, configuration, limit.Token);
        try
        {
            int code = await daemon.WaitForEnd(TimeSpan.FromSeconds(60));
            return (code, daemon.Log);
        }
        finally
        {
            // One that serves although it should not must not outlive its test.
            if (daemon.IsRunning)
            {
                await daemon.KillAsync();
            }

            await daemon.DisposeAsync();
        }
    }

    /// <summary>One of the other verbs, with a configuration in this directory.</summary>
    internal async Task<(int Code, string Output)> Verb(string configuration, string verb, params string[] arguments)
    {
        string file = PathOf("verb.conf");
        await File.WriteAllTextAsync(file, configuration);
        return await DaemonProcess.Verb(DaemonProcess.FindBuilt(), [verb, "--config", file, .. arguments]);
    }

    /// <summary>A session whose first unit attention, that of every new nexus, has been taken.</summary>
    internal RawInitiator LogIn(ulong isid = 0x8000_0000_0001, string initiator = "iqn.2026-01.org.actorsan:raw-initiator")
    {
        RawInitiator session = RawInitiator.LogIn(Port, new RawLoginOptions { TargetName = Target, Isid = isid, InitiatorName = initiator });
        _ = session.Execute(Cdb.TestUnitReady);
        return session;
    }

    /// <summary>Something that the daemon uses: it goes when the daemon has gone.</summary>
    internal T Own<T>(T resource)
        where T : IAsyncDisposable
    {
        _owned.Push(resource);
        return resource;
    }

    /// <summary>Stops it in order; the directory stays. One that does not stop in order fails the test.</summary>
    internal async Task Stop()
    {
        _ended = true;
        await Daemon.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (Daemon is not null && !_ended)
        {
            await Stop();
        }

        while (_owned.TryPop(out IAsyncDisposable? resource))
        {
            await resource.DisposeAsync();
        }

        System.IO.Directory.Delete(Directory, recursive: true);
    }

    /// <summary>SIGKILL; the directory stays as it is.</summary>
    internal async Task Kill()
    {
        _ended = true;
        await Daemon.KillAsync();
        await Daemon.DisposeAsync();
    }

    private static string FindRoot()
    {
        string directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "ActorSan.sln")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("the tests do not run inside the repository");
        }

        return directory;
    }
}
