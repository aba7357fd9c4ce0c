using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Node.Hocon;
using ActorSan.Storage.Threads;

namespace ActorSan.Node.Settings;

/// <summary>A configuration that was read: the checked settings, what Akka gets, and what deserves a word.</summary>
public sealed record NodeConfiguration(NodeSettings Settings, string AkkaHocon, IReadOnlyList<SettingsIssue> Warnings);

/// <summary>
/// Turns HOCON into checked settings. Everything under <c>actorsan</c> and <c>petabridge.cmd</c> is ours: what is unknown or ill-typed there stops the start, all of it
/// told at once. <c>akka</c> goes on to Akka as it is. What the user leaves out stands in reference.conf, and only there.
/// </summary>
public static class SettingsReader
{
    private const string Root = "actorsan";

    /// <exception cref="SettingsException">With every issue.</exception>
    public static NodeConfiguration ReadFile(string path, HostFacts host)
    {
        try
        {
            return Read(HoconParser.ParseFile(path), host with { WorkingDirectory = BaseOf(path) });
        }
        catch (HoconException failure)
        {
            throw new SettingsException([new SettingsIssue(SettingsFault.Syntax, "", failure.Origin, failure.Reason)]);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException([new SettingsIssue(SettingsFault.Syntax, "", new HoconOrigin(path, 0), $"cannot be read: {failure.Message}")]);
        }
    }

    /// <summary>Reads a text; <paramref name="name"/> stands for its file in messages.</summary>
    /// <exception cref="SettingsException">With every issue.</exception>
    public static NodeConfiguration ReadText(string name, string text, HostFacts host)
    {
        try
        {
            return Read(HoconParser.ParseText(name, text), host);
        }
        catch (HoconException failure)
        {
            throw new SettingsException([new SettingsIssue(SettingsFault.Syntax, "", failure.Origin, failure.Reason)]);
        }
    }

    private static NodeConfiguration Read(HoconTable document, HostFacts host)
    {
        var findings = new SettingsFindings();
        NodeSettings settings = Read(document, host, findings);
        if (findings.Issues.Count > 0)
        {
            throw new SettingsException([.. findings.Issues
                .OrderBy(issue => issue.Origin.File, StringComparer.Ordinal).ThenBy(issue => issue.Origin.Line).ThenBy(issue => issue.Path, StringComparer.Ordinal)]);
        }

        return new NodeConfiguration(settings, AkkaPart(document), findings.Warnings);
    }

    /// <summary>Reads on over every mistake and leaves them in <paramref name="findings"/>; the result means something only when there are none.</summary>
    internal static NodeSettings Read(HoconTable document, HostFacts host, SettingsFindings findings)
    {
        RefuseMisspelledRoots(document, findings);
        Section root = Open(document, findings, Root);
        Section command = Open(document, findings, "petabridge", "cmd");
        NodeSettings settings = ReadNode(root, command, host);
        root.Close();
        command.Close();
        new CrossChecks(root, findings).Check(settings);
        new ListeningChecks(root, command, document, findings).Check(settings);
        return settings;
    }

    // What the user wrote at a path, and below it what reference.conf has there.
    private static Section Open(HoconTable document, SettingsFindings findings, params string[] path)
    {
        string name = string.Join('.', path);
        var layers = new List<HoconTable>();
        foreach (HoconTable source in new[] { document, ReferenceConf.Table })
        {
            switch (source.Find(path))
            {
                case HoconTable table:
                    layers.Add(table);
                    break;
                case null:
                    break;
                case var other:
                    findings.Add(new SettingsIssue(SettingsFault.IllTyped, name, other.Origin, $"must be a section {{ … }}, not {other.KindName}"));
                    break;
            }
        }

        return new Section(layers, name, name, layers.Count > 1 ? layers[0].Origin : document.Origin, findings, isTemplate: false);
    }

    private static NodeSettings ReadNode(Section root, Section command, HostFacts host)
    {
        Section defaults = root.Sub("defaults", isTemplate: true);
        Section node = root.Sub("node");
        IoSettings io = ReadIo(root.Sub("io"), host);
        IReadOnlyList<PortalConfiguration> portals = PortalReader.ReadPortals(root, defaults.Sub("portal"));
        IReadOnlyList<PortalGroupSettings> groups = PortalReader.ReadGroups(root, defaults.Sub("portal-group"), portals);
        var targets = new TargetReader(host, defaults, groups, portals);
        string stateDirectory = Absolute(node.Required("state-directory", "the directory for the node's own state"), host);
        string name = node.Text("name") is { Length: > 0 } written ? written : host.HostName;
        ClusterSettings? cluster = new ClusterReader(host).Read(root.Sub("cluster"), node, name);
        return new NodeSettings
        {
            Name = name,
            StateDirectory = stateDirectory,
            StopTimeout = node.Duration("stop-timeout", TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)),
            OpenFiles = node.Integer("open-files", 256, 1 << 30),
            Io = io,
            Journal = new JournalReader(host).Read(root.Sub("journal"), stateDirectory),
            Log = ReadLog(root.Sub("log")),
            Iscsi = ReadIscsi(root.Sub("iscsi")),
            Scsi = ReadScsi(root.Sub("scsi")),
            Portals = portals,
            PortalGroups = groups,
            Volumes = VolumeReader.Read(root, defaults.Sub("volume"), host, io.Cpus.Count),
            Targets = targets.Read(root),
            Cluster = cluster,
            Links = LinkReader.Read(root.Sub("links"), cluster),
            Management = new ManagementReader(host).Read(command),
        };
    }

    private static LogSettings ReadLog(Section log) => new(
        log.Word("format", ("human", LogFormat.Human), ("json", LogFormat.Json)),
        log.Word("level", ("info", LogLevel.Info), ("debug", LogLevel.Debug), ("warning", LogLevel.Warning), ("error", LogLevel.Error)));

    private static IscsiSettings ReadIscsi(Section iscsi) => new()
    {
        MaxConnections = (int)iscsi.Integer("max-connections", 1, 1 << 20),
        MaxUnauthenticatedConnections = (int)iscsi.Integer("max-unauthenticated", 1, 1 << 20),
        MaxSessions = (int)iscsi.Integer("max-sessions", 1, 65535),
        Backlog = (int)iscsi.Integer("backlog", 1, 65535),
        LoginTimeout = iscsi.Duration("login-timeout", TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)),
        TcpUserTimeout = iscsi.Duration("tcp-user-timeout", TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
        BufferPatience = iscsi.Duration("buffer-patience", TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1)),
    };

    private static ScsiSettings ReadScsi(Section scsi)
    {
        Section copy = scsi.Sub("copy");
        return new ScsiSettings
        {
            SanitizeMaxRateBytes = scsi.Sub("sanitize").Size("max-rate", 0, 1L << 40),
            MaxTasks = (int)scsi.Integer("max-tasks", 1, 1 << 16),
            MaxTransferBytes = (int)scsi.Size("max-transfer", 64 << 10, Storage.Buffers.BufferPool.MaxBufferBytes),
            MaxUnmapBytes = scsi.Size("max-unmap", 1 << 20, 1L << 40),
            MaxRegistrations = (int)scsi.Integer("max-registrations", 1, 512),
            MaxConcurrentCopies = (int)copy.Integer("max-concurrent", 1, 255),
            MaxCopySegmentBytes = (int)copy.Size("max-segment", 1 << 20, 1 << 30),
        };
    }

    private static IoSettings ReadIo(Section io, HostFacts host)
    {
        IReadOnlyList<int> cpus = host.AllowedCpus;
        int threads = io.Text("threads") == "auto" ? Math.Min(cpus.Count, 64) : (int)io.Integer("threads", 1, 256);
        return new IoSettings
        {
            Cpus = ReadCpus(io, host, threads),
            Engine = io.Word("engine", ("auto", IoEngineKind.Auto), ("io_uring", IoEngineKind.IoUring), ("epoll", IoEngineKind.Epoll)),
            QueueDepth = (int)io.Integer("queue-depth", 64, 32768),
            BufferPoolBytes = io.Size("buffer-pool", 16L << 20, 1L << 40),
            Spin = io.Duration("spin", TimeSpan.Zero, TimeSpan.FromMilliseconds(1)),
            BlockingThreads = (int)io.Integer("blocking-threads", 1, 256),
        };
    }

    // More threads than CPUs go round; a CPU that the process may not use is refused.
    private static IReadOnlyList<int?> ReadCpus(Section io, HostFacts host, int threads)
    {
        IReadOnlyList<(string Text, HoconOrigin Origin)> words = io.Texts("cpus");
        if (words is [("none", _)])
        {
            return new int?[threads];
        }

        IReadOnlyList<int> cpus = host.AllowedCpus;
        if (words is not [("auto", _)])
        {
            var chosen = new List<int>();
            foreach ((string text, _) in words)
            {
                if (HostFacts.ParseCpuList(text) is { } some)
                {
                    chosen.AddRange(some);
                }
                else
                {
                    io.Report(SettingsFault.IllTyped, "cpus", $"'{text}' is neither auto, none, a CPU number nor a range like 0-3");
                }
            }

            foreach (int cpu in chosen.Except(cpus))
            {
                io.Report(SettingsFault.OutOfRange, "cpus", $"CPU {cpu} is not one this process may run on ({string.Join(',', cpus)})");
            }

            cpus = chosen.Count > 0 ? chosen : cpus;
        }

        return [.. Enumerable.Range(0, threads).Select(index => (int?)cpus[index % cpus.Count])];
    }

    private static void RefuseMisspelledRoots(HoconTable document, SettingsFindings findings)
    {
        foreach (string key in document.Keys)
        {
            string? near = Suggestion.For(key, [Root, "akka", "petabridge"]);
            if (key != near && near is not null)
            {
                findings.Add(new SettingsIssue(SettingsFault.UnknownKey, Section.Quote(key), document.Find(key)!.Origin, $"unknown key; did you mean '{near}'?"));
            }
        }
    }

    private static string AkkaPart(HoconTable document)
    {
        var akka = new HoconTable(document.Origin);
        foreach (HoconTable source in new[] { ReferenceConf.Table, document })
        {
            if (source.Find("akka") is { } node)
            {
                var layer = new HoconTable(node.Origin);
                layer.Put("akka", node);
                HoconParser.Merge(akka, layer);
            }
        }

        return HoconWriter.Write(HoconResolver.Resolve(akka));
    }

    internal static string Absolute(string path, HostFacts host) => path.Length == 0 ? path : Path.GetFullPath(path, host.WorkingDirectory);

    // Relative paths in a configuration begin where the configuration file is.
    private static string BaseOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
}
