using System.Net;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Node.Hocon;
using ActorSan.Node.Settings;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Node.Settings;

public sealed class SettingsReaderTests
{
    private const string Minimal = """
        actorsan {
          portals.main { address = 127.0.0.1 }
          volumes.disk0 { store { path = disk0.store, size = 1 GiB }, format = if-missing }
          targets."iqn.2026-01.org.example:disks" { luns { 0 = disk0 } }
        }
        """;

    private static readonly HostFacts Host = new("atlas", [0, 1, 5], "/srv/san");

    [Fact]
    public void WhatIsNotWrittenComesFromReferenceConf()
    {
        NodeSettings settings = Read(Minimal).Settings;
        Assert.Equal("atlas", settings.Name);
        Assert.Equal("/srv/san/state", settings.StateDirectory);
        Assert.Equal(TimeSpan.FromSeconds(20), settings.StopTimeout);
        Assert.Equal([0, 1, 5], settings.Io.Cpus);
        Assert.Equal(IoEngineKind.Auto, settings.Io.Engine);
        Assert.Equal(64L << 20, settings.Io.BufferPoolBytes);
        PortalConfiguration portal = Assert.Single(settings.Portals);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 3260), portal.Address);
        VolumeSettings volume = Assert.Single(settings.Volumes);
        Assert.Equal(("disk0", "/srv/san/disk0.store", 1L << 30), (volume.Name, volume.Path, volume.SizeBytes));
        Assert.Equal((512, 4096, true, false, false), (volume.LogicalBlockBytes, volume.PhysicalBlockBytes, volume.WriteCache, volume.Thick, volume.Encrypted));
        TargetConfiguration target = Assert.Single(settings.Targets);
        Assert.Equal("iqn.2026-01.org.example:disks", target.Iqn);
        Assert.Equal(new LunConfiguration { Number = 0, Volume = "disk0", Removable = false, ReadOnly = false }, Assert.Single(target.Luns));
        Assert.Equal(new PortalGroupSettings { GroupTag = 1, RelativePortId = 1, PortGroupId = 1 }, Assert.Single(target.PortalGroups));
        Assert.True(target.Open, "a loopback target without initiators and chap admits who is on this machine");
    }

    [Fact]
    public void DefaultsOfAnEmptySessionAreThoseOfTheEngine()
    {
        // One truth: the records' own defaults are what reference.conf says.
        SessionSettings read = Assert.Single(Read(Minimal).Settings.Targets).Session;
        Assert.Equal(new SessionSettings(), read);
    }

    [Fact]
    public void AnEmptyConfigurationIsANodeThatServesNothing()
    {
        NodeSettings settings = Read("").Settings;
        Assert.Empty(settings.Portals);
        Assert.Empty(settings.Volumes);
        Assert.Empty(settings.Targets);
    }

    [Fact]
    public void EveryKindOfValueIsRead()
    {
        using var directory = new TemporaryDirectory();
        string secret = directory.Write("secret", "file secret 12345\n");
        NodeSettings settings = Read($$"""
            actorsan {
              node { name = zeus, state-directory = /var/lib/actorsan, stop-timeout = 1.5 minutes, open-files = 1000 }
              log { format = json, level = debug }
              io { threads = 4, cpus = [0, "5"], engine = epoll, queue-depth = 128, buffer-pool = 32MiB, spin = 50us, blocking-threads = 2 }
              portals {
                a { address = "::1", port = 3261, group = 7, advertised = "[2001:db8::7]:3262" }
                b { address = 127.0.0.1, group = 9 }
              }
              portal-groups.7 { relative-port = 70, port-group = 71 }
              scsi.sanitize.max-rate = 10 MiB
              volumes {
                m { store { kind = memory, size = 64 MiB, logical-block = 4096 }, write-cache = off, thread = 2 }
                d { store { kind = device, path = /dev/null0, grow-limit = 1 TiB, direct = off }, read-only = on }
              }
              targets.t {
                iqn = "IQN.2026-01.org.example:T", alias = "A target", access = list, portal-groups = [7]
                initiators = ["iqn.1993-08.org.debian:*", { name = "iqn.2026-01.org.example:one", luns = [3], chap { user = u, secret-file = "{{secret}}" } }]
                chap { user = all, secret = "twelve bytes", algorithms = [md5], mutual { user = me, secret = "other twelve" } }
                luns { 0 = m, 3 { volume = d, removable = on, read-only = on } }
                redirect { address = "192.0.2.1:3260", permanent = on }
                session { max-burst = 2 MiB, initial-r2t = on, nop-interval = 0 }
              }
            }
            """).Settings;
        Assert.Equal(("zeus", "/var/lib/actorsan", TimeSpan.FromSeconds(90), 1000), (settings.Name, settings.StateDirectory, settings.StopTimeout, settings.OpenFiles));
        Assert.Equal(new LogSettings(LogFormat.Json, LogLevel.Debug), settings.Log);
        Assert.Equal([0, 5, 0, 5], settings.Io.Cpus);
        Assert.Equal((IoEngineKind.Epoll, 128, 32L << 20, TimeSpan.FromMicroseconds(50), 2), (settings.Io.Engine, settings.Io.QueueDepth, settings.Io.BufferPoolBytes, settings.Io.Spin, settings.Io.BlockingThreads));
        Assert.Equal(IPEndPoint.Parse("[2001:db8::7]:3262"), settings.Portals[0].Advertised);
        Assert.Equal(10 << 20, settings.Scsi.SanitizeMaxRateBytes);
        Assert.Equal([(7, 70, 71), (9, 9, 9)], settings.PortalGroups.Select(group => ((int)group.GroupTag, (int)group.RelativePortId, (int)group.PortGroupId)));
        Assert.Equal((StoreKind.Device, true, 1L << 40), (settings.Volumes[0].Kind, settings.Volumes[0].ReadOnly, settings.Volumes[0].GrowLimitBytes));
        Assert.Equal((StoreKind.Memory, false, 2), (settings.Volumes[1].Kind, settings.Volumes[1].WriteCache, settings.Volumes[1].Thread));
        TargetConfiguration target = Assert.Single(settings.Targets);
        Assert.Equal("iqn.2026-01.org.example:t", target.Iqn);
        Assert.False(target.Open);
        Assert.Equal([70], target.PortalGroups.Select(group => (int)group.RelativePortId));
        Assert.Equal("iqn.1993-08.org.debian:* iqn.2026-01.org.example:one", string.Join(' ', target.Initiators.Select(initiator => initiator.Pattern)));
        Assert.Null(target.Initiators[0].Luns);
        Assert.Equal([3UL], target.Initiators[1].Luns!);
        Assert.Equal("file secret 12345", target.Initiators[1].Chap!.Secret);
        Assert.Equal(("all", "twelve bytes", "me", "other twelve"), (target.Chap!.UserName, target.Chap.Secret, target.Chap.MutualUserName, target.Chap.MutualSecret));
        Assert.Equal([(byte)5], target.Chap.Algorithms);
        Assert.Equal((true, true), (target.Luns[1].Removable, target.Luns[1].ReadOnly));
        Assert.Equal(new RedirectSettings("192.0.2.1:3260", true), target.Redirect);
        Assert.Equal((2 << 20, true, TimeSpan.Zero, 128), (target.Session.MaxBurstLength, target.Session.InitialR2T, target.Session.NopInterval, target.Session.CommandWindow));
    }

    [Fact]
    public void DefaultsMayBeChangedForAll()
    {
        NodeSettings settings = Read(Minimal + "\nactorsan.defaults { volume.write-cache = off, target.session.command-window = 7, portal.port = 3999 }").Settings;
        Assert.False(settings.Volumes[0].WriteCache);
        Assert.Equal(7, settings.Targets[0].Session.CommandWindow);
        Assert.Equal(3999, settings.Portals[0].Address.Port);
    }

    [Fact]
    public void TheJournalIsInTheStateDirectoryUnlessToldOtherwise()
    {
        JournalSettings journal = Read(Minimal).Settings.Journal;
        Assert.Equal((JournalProvider.Sqlite, "/srv/san/state", "", 1000), (journal.Provider, journal.Directory, journal.ConnectionString, journal.SnapshotInterval));
        Assert.Equal("/var/lib/votes", Read("actorsan.journal.directory = /var/lib/votes").Settings.Journal.Directory);
    }

    [Fact]
    public void AConnectionStringComesFromAFileAndIsNeverPrinted()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("connection", "Host=db;Password=hush\n");
        JournalSettings journal = Read($"actorsan.journal {{ provider = postgresql, connection-string-file = \"{file}\", snapshot-interval = 20 }}").Settings.Journal;
        Assert.Equal((JournalProvider.PostgreSql, "Host=db;Password=hush", 20), (journal.Provider, journal.ConnectionString, journal.SnapshotInterval));
        Assert.DoesNotContain("hush", journal.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AkkaPassesThrough()
    {
        NodeConfiguration configuration = Read(Minimal + "\nakka { loglevel = DEBUG, no.such.key = 1 }");
        Akka.Configuration.Config akka = Akka.Configuration.ConfigurationFactory.ParseString(configuration.AkkaHocon);
        Assert.Equal("DEBUG", akka.GetString("akka.loglevel", null));
        Assert.Equal("1", akka.GetString("akka.no.such.key", null));
        Assert.Equal("off", akka.GetString("akka.coordinated-shutdown.exit-clr", null));
    }

    [Theory]
    [InlineData("actorsan {\n  io {\n    thraeds = 4\n  }\n}", 3, "actorsan.io.thraeds", SettingsFault.UnknownKey, "did you mean 'threads'?")]
    [InlineData("actorsan.volums.x = 1", 1, "actorsan.volums", SettingsFault.UnknownKey, "did you mean 'volumes'?")]
    [InlineData("\nactorsam.io.threads = 4", 2, "actorsam", SettingsFault.UnknownKey, "did you mean 'actorsan'?")]
    [InlineData("actorsan.defaults.volume.write-cahce = off", 1, "actorsan.defaults.volume.write-cahce", SettingsFault.UnknownKey, "did you mean 'write-cache'?")]
    [InlineData("actorsan.io.threads = many", 1, "actorsan.io.threads", SettingsFault.IllTyped, "no whole number")]
    [InlineData("actorsan.io.threads = 0", 1, "actorsan.io.threads", SettingsFault.OutOfRange, "between 1 and 256")]
    [InlineData("actorsan.io.engine = iouring", 1, "actorsan.io.engine", SettingsFault.IllTyped, "auto, io_uring, epoll; did you mean 'io_uring'?")]
    [InlineData("actorsan.io.buffer-pool = 1 GB2", 1, "actorsan.io.buffer-pool", SettingsFault.IllTyped, "no size")]
    [InlineData("actorsan.io.buffer-pool = 1 KiB", 1, "actorsan.io.buffer-pool", SettingsFault.OutOfRange, "between 16 MiB")]
    [InlineData("actorsan.io.spin = 5", 1, "actorsan.io.spin", SettingsFault.IllTyped, "no duration")]
    [InlineData("actorsan.io.cpus = [77]", 1, "actorsan.io.cpus", SettingsFault.OutOfRange, "CPU 77")]
    [InlineData("actorsan.io = 5", 1, "actorsan.io", SettingsFault.IllTyped, "must be a section")]
    [InlineData("actorsan.io.threads { a = 1 }", 1, "actorsan.io.threads", SettingsFault.IllTyped, "a single value")]
    [InlineData("actorsan.defaults.volume.write-cache = perhaps", 1, "actorsan.defaults.volume.write-cache", SettingsFault.IllTyped, "neither on nor off")]
    [InlineData("actorsan.portals.p {\n}", 1, "actorsan.portals.p.address", SettingsFault.Missing, "must be given")]
    [InlineData("actorsan.portals.p.address = nowhere", 1, "actorsan.portals.p.address", SettingsFault.IllTyped, "no IPv4 or IPv6")]
    [InlineData("actorsan.portals { a.address = 0.0.0.0\n b.address = 127.0.0.1 }", 2, "actorsan.portals.b", SettingsFault.Conflict, "already the address of portal 'a'")]
    [InlineData("actorsan.volumes.v.store {}", 1, "actorsan.volumes.v.store.path", SettingsFault.Missing, "must be given")]
    [InlineData("actorsan.volumes.v {\n store { path = a }\n format = if-missing }", 2, "actorsan.volumes.v.store.size", SettingsFault.Missing, "must have a size")]
    [InlineData("actorsan.volumes.v.store { path = a, size = 1000 }", 1, "actorsan.volumes.v.store.size", SettingsFault.OutOfRange, "multiple")]
    [InlineData("actorsan.volumes.v.store { path = a, logical-block = 1024 }", 1, "actorsan.volumes.v.store.logical-block", SettingsFault.OutOfRange, "512 or 4096")]
    [InlineData("actorsan.volumes.v.store { path = a, logical-block = 4096, physical-block = 512 }", 1, "actorsan.volumes.v.store.physical-block", SettingsFault.OutOfRange, "no smaller")]
    [InlineData("actorsan.volumes { v.store.path = a\n w.store.path = ./a }", 2, "actorsan.volumes.w.store.path", SettingsFault.Conflict, "already the store of volume 'v'")]
    [InlineData("actorsan.volumes.v { store.path = a, encryption.mode = aes-256-xts }", 1, "actorsan.volumes.v.encryption.key-file", SettingsFault.Missing, "node key")]
    [InlineData("actorsan.volumes.v { store.path = a, encryption { mode = aes-256-xts, key-file = /no/such/key } }", 1, "actorsan.volumes.v.encryption.key-file", SettingsFault.Unsafe, "does not exist")]
    [InlineData("actorsan.targets.t {}", 1, "actorsan.targets.t.iqn", SettingsFault.IllTyped, "must be given")]
    [InlineData("actorsan.targets.t.iqn = \"iqn.26-01.x:y\"", 1, "actorsan.targets.t.iqn", SettingsFault.IllTyped, "iqn.yyyy-mm")]
    [InlineData("actorsan.targets.\"iqn.2026-01.org.x:t\" {\n luns { 0 = ghost } }", 2, "actorsan.targets.\"iqn.2026-01.org.x:t\".luns.0", SettingsFault.Conflict, "no volume 'ghost'")]
    [InlineData("actorsan.targets.\"iqn.2026-01.org.x:t\".luns.x = v", 1, "actorsan.targets.\"iqn.2026-01.org.x:t\".luns.x", SettingsFault.IllTyped, "named by its LUN")]
    [InlineData("actorsan.targets.\"iqn.2026-01.org.x:t\".initiators = [{ nam = x }]", 1, "actorsan.targets.\"iqn.2026-01.org.x:t\".initiators[0].nam", SettingsFault.UnknownKey, "did you mean 'name'?")]
    [InlineData("actorsan.targets.\"iqn.2026-01.org.x:t\".chap { user = u, secret = short }", 1, "actorsan.targets.\"iqn.2026-01.org.x:t\".chap.secret", SettingsFault.OutOfRange, "12 to 128 bytes")]
    [InlineData("actorsan.targets.\"iqn.2026-01.org.x:t\".chap { secret = twelve-bytes }", 1, "actorsan.targets.\"iqn.2026-01.org.x:t\".chap.user", SettingsFault.Missing, "user name")]
    [InlineData("actorsan.targets.\"iqn.2026-01.org.x:t\".portal-groups = [4]", 1, "actorsan.targets.\"iqn.2026-01.org.x:t\".portal-groups", SettingsFault.Conflict, "no portal is in group 4")]
    [InlineData("actorsan.targets.\"iqn.2026-01.org.x:t\".session { max-burst = 1 KiB }", 1, "actorsan.targets.\"iqn.2026-01.org.x:t\".session.first-burst", SettingsFault.Conflict, "larger than max-burst")]
    [InlineData("actorsan.journal.provider = postgres", 1, "actorsan.journal.provider", SettingsFault.IllTyped, "did you mean 'postgresql'?")]
    [InlineData("actorsan.journal.provider = postgresql", 1, "actorsan.journal.connection-string", SettingsFault.Missing, "must have a connection-string")]
    [InlineData("actorsan.journal {\n provider = postgresql\n connection-string-file = /no/such/file }", 3, "actorsan.journal.connection-string-file", SettingsFault.Unsafe, "does not exist")]
    [InlineData("actorsan.journal { provider = postgresql, connection-string = a,\n connection-string-file = b }", 2, "actorsan.journal.connection-string-file", SettingsFault.Conflict, "give either")]
    [InlineData("actorsan.journal { provider = postgresql, connection-string = a,\n directory = b }", 2, "actorsan.journal.directory", SettingsFault.Conflict, "is of sqlite")]
    [InlineData("actorsan.journal.connection-string = \"Host=db\"", 1, "actorsan.journal.connection-string", SettingsFault.Conflict, "is of postgresql")]
    [InlineData("actorsan.journal.snapshot-interval = 9", 1, "actorsan.journal.snapshot-interval", SettingsFault.OutOfRange, "between 10 and 1000000")]
    [InlineData("actorsan { io { threads = 1", 1, "", SettingsFault.Syntax, "has no '}'")]
    public void RefusesWithPathFileAndLine(string text, int line, string path, SettingsFault fault, string reason)
    {
        SettingsException failure = Assert.Throws<SettingsException>(() => Read(text));
        Assert.Contains(failure.Issues, issue => issue.Path == path && issue.Fault == fault && issue.Reason.Contains(reason, StringComparison.Ordinal)
            && (issue.Origin == new HoconOrigin("node.conf", line) || issue.Origin.File == ReferenceConf.FileName));
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("192.0.2.1")]
    [InlineData("\"::\"")]
    public void AnUnguardedTargetIsRefusedOutsideLoopback(string address)
    {
        string text = Minimal.Replace("127.0.0.1", address, StringComparison.Ordinal);
        SettingsIssue issue = Assert.Single(Assert.Throws<SettingsException>(() => Read(text)).Issues);
        Assert.Equal((SettingsFault.Unsafe, "actorsan.targets.\"iqn.2026-01.org.example:disks\".access"), (issue.Fault, issue.Path));
        Assert.True(Read(text + "\nactorsan.targets.\"iqn.2026-01.org.example:disks\".access = open").Settings.Targets[0].Open);
        Assert.False(Read(text + "\nactorsan.targets.\"iqn.2026-01.org.example:disks\".initiators = [\"iqn.*\"]").Settings.Targets[0].Open);
        Assert.NotNull(Read(text + "\nactorsan.targets.\"iqn.2026-01.org.example:disks\".chap { user = u, secret = \"twelve bytes\" }").Settings.Targets[0].Chap);
    }

    [Fact]
    public void AllMistakesAreToldAtOnceInTheOrderOfTheFile()
    {
        SettingsException failure = Assert.Throws<SettingsException>(() => Read("actorsan {\n log.level = loud\n io.engine = fast\n io.spin = x\n foo = 1\n}"));
        Assert.Equal([2, 3, 4, 5], failure.Issues.Select(issue => issue.Origin.Line));
        Assert.All(failure.Message.Split('\n'), line => Assert.StartsWith("node.conf:", line, StringComparison.Ordinal));
    }

    [Fact]
    public void ASecretNeverGetsIntoAMessage()
    {
        const string Secret = "hunter2";
        SettingsException failure = Assert.Throws<SettingsException>(() =>
            Read($"actorsan.targets.\"iqn.2026-01.org.x:t\".chap {{ user = u, secret = {Secret}, mutual {{ user = m, secret = {Secret} }} }}"));
        Assert.DoesNotContain(Secret, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileThatOthersMayReadHoldsNoSecret()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("secret", "a good long secret", UnixFileMode.UserRead | UnixFileMode.GroupRead);
        SettingsException failure = Assert.Throws<SettingsException>(() => Read($"actorsan.targets.\"iqn.2026-01.org.x:t\".chap {{ user = u, secret-file = \"{file}\" }}"));
        Assert.Contains(failure.Issues, issue => issue.Fault == SettingsFault.Unsafe && issue.Reason.Contains("chmod 600", StringComparison.Ordinal));
    }

    [Fact]
    public void OneVolumeCannotBeTwoKindsOfUnit()
    {
        SettingsException failure = Assert.Throws<SettingsException>(() => Read(Minimal + """

            actorsan.targets."iqn.2026-01.org.example:other" { luns { 5 { volume = disk0, removable = on } } }
            """));
        Assert.Contains("must agree", Assert.Single(failure.Issues).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void AnIncludedFileIsNamedInTheMessage()
    {
        using var directory = new TemporaryDirectory();
        string included = directory.Write("io.conf", "\n\nactorsan.io.spinn = 0");
        string outer = directory.Write("node.conf", "include \"io.conf\"");
        SettingsException failure = Assert.Throws<SettingsException>(() => SettingsReader.ReadFile(outer, Host));
        Assert.Equal(new HoconOrigin(included, 3), Assert.Single(failure.Issues).Origin);
    }

    [Fact]
    public void RelativePathsBeginWhereTheFileIs()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("node.conf", Minimal);
        Assert.Equal(Path.Combine(directory.Path, "disk0.store"), SettingsReader.ReadFile(file, Host).Settings.Volumes[0].Path);
    }

    private static NodeConfiguration Read(string text) => SettingsReader.ReadText("node.conf", text, Host);
}
