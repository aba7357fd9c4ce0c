using ActorSan.Cluster.Actors;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Node.Settings;
using ActorSan.Storage;
using ActorSan.Storage.Blocks;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using Xunit;
using Xunit.Abstractions;

namespace ActorSan.Tests.Cluster;

public sealed class NodeGuardianTests : TestKit
{
    private const string Iqn = "iqn.2026-01.org.example:disks";
    private const string Quiet = "akka { loglevel = OFF, stdout-loglevel = OFF }";
    private static readonly SessionInfo Session = new(7, "iqn.1993-08.org.debian:me", "", Iqn, 1, 1, 1, "127.0.0.1:1", Discovery: false, "");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public NodeGuardianTests(ITestOutputHelper output)
        : base(Quiet, output: output)
    {
    }

    [Fact]
    public void StartsAndStopsInOrder()
    {
        var fake = new FakeEngines();
        IActorRef node = Start(fake);
        NodeReady ready = ExpectMsg<NodeReady>(Patience);
        Assert.Equal([0, 1], ready.Threads.Select(thread => thread.Index));
        Assert.Equal(["a:0", "b:1"], ready.Volumes.Select(volume => $"{volume.Name}:{volume.Thread}").ToArray());
        Assert.Equal([0UL, 1UL], Assert.Single(ready.Targets).Luns);
        Assert.Equal(51000, Assert.Single(ready.Portals).Address.Port);
        List<string> started = [.. fake.Diary];
        Assert.True(started.IndexOf("iscsi on 2") < started.IndexOf("open a on 0"));
        Assert.StartsWith($"target {Iqn} [0,1]", started[^2], StringComparison.Ordinal);
        Assert.StartsWith("listen", started[^1], StringComparison.Ordinal);

        node.Tell(new StopNode());
        Assert.True(ExpectMsg<NodeStopped>(Patience).IsClean);
        List<string> stopped = [.. fake.Diary.Skip(started.Count)];
        Assert.Equal("drain", stopped[0]);
        Assert.Equal(["close a", "close b"], stopped.Skip(1).Order(StringComparer.Ordinal).ToArray());
        Assert.All(fake.Threads.Values, thread => Assert.True(thread.Stops > 0));
    }

    [Fact]
    public void AVolumeThatFailsDoesNotTakeTheOthersWithIt()
    {
        var fake = new FakeEngines();
        fake.OpenFailures["a"] = new([new VolumeOpenException("a foreign superblock", mayPass: false)]);
        Start(fake);
        NodeReady ready = ExpectMsg<NodeReady>(Patience);
        Assert.Equal("a foreign superblock", ready.Volumes[0].Fault);
        Assert.Null(ready.Volumes[1].Fault);
        Assert.Equal([1UL], Assert.Single(ready.Targets).Luns);
    }

    [Fact]
    public void AVolumeThatComesLaterGetsItsLun()
    {
        var fake = new FakeEngines();
        fake.OpenFailures["a"] = new([new VolumeOpenException("its device isn't there", mayPass: true)]);
        Start(fake);
        ExpectMsg<NodeReady>(Patience);
        AwaitCondition(() => fake.Targets[Iqn].Luns.Count == 2, Patience);
        Assert.Equal(2, fake.Diary.Count(line => line.StartsWith("open a", StringComparison.Ordinal)));
    }

    [Fact]
    public void NoVolumeAtAllIsAFailedStart()
    {
        var fake = new FakeEngines();
        fake.OpenFailures["a"] = new([new VolumeOpenException("no a", mayPass: false)]);
        fake.OpenFailures["b"] = new([new VolumeOpenException("no b", mayPass: false)]);
        Start(fake);
        Assert.Contains("no a", ExpectMsg<NodeFailed>(Patience).Reason, StringComparison.Ordinal);
        ExpectMsg<NodeStopped>(Patience);
    }

    [Fact]
    public void AThreadThatCannotStartFailsTheStartAndStopsTheRest()
    {
        var fake = new FakeEngines { ThreadThatFailsToStart = 1 };
        Start(fake);
        Assert.Contains("no ring to be had", ExpectMsg<NodeFailed>(Patience).Reason, StringComparison.Ordinal);
        ExpectMsg<NodeStopped>(Patience);
        Assert.True(fake.Threads[0].Stops > 0);
    }

    [Fact]
    public void ABrokenInvariantOnAThreadStopsTheNodeWithTheReason()
    {
        var fake = new FakeEngines();
        Start(fake);
        ExpectMsg<NodeReady>(Patience);
        fake.Threads[1].Die(new InvariantViolationException("a buffer was returned twice"));
        Assert.Contains("a buffer was returned twice", ExpectMsg<NodeFailed>(Patience).Reason, StringComparison.Ordinal);
        ExpectMsg<NodeStopped>(Patience);
        Assert.Contains("close a", fake.Diary);
        Assert.Contains("close b", fake.Diary);
    }

    [Fact]
    public void APortThatIsTakenFailsTheStart()
    {
        var fake = new FakeEngines { ListenFailure = new IOException("address already in use") };
        Start(fake);
        Assert.Contains("address already in use", ExpectMsg<NodeFailed>(Patience).Reason, StringComparison.Ordinal);
        ExpectMsg<NodeStopped>(Patience);
    }

    [Fact]
    public void AStoreThatFailsIsAnEventOfItsVolumeAndNobodyElses()
    {
        var fake = new FakeEngines();
        IActorRef node = Start(fake);
        ExpectMsg<NodeReady>(Patience);
        fake.Open["a"].Become(new VolumeState(VolumeStateKind.Failed, "EIO"));
        ActorSelection volume = Sys.ActorSelection(node.Path / "volumes" / "a");
        AwaitAssert(
            () =>
            {
                volume.Tell(new GetVolumeReport(), TestActor);
                VolumeReport report = ExpectMsg<VolumeReport>(Patience);
                Assert.Equal(new VolumeState(VolumeStateKind.Failed, "EIO"), report.State);
                Assert.Equal(VolumeStateKind.Ready, report.History[^2].State);
            },
            Patience);
    }

    [Fact]
    public void SessionsComeGoAndAreKicked()
    {
        var fake = new FakeEngines();
        IActorRef node = Start(fake);
        ExpectMsg<NodeReady>(Patience);
        ActorSelection target = Sys.ActorSelection(node.Path / "targets" / Uri.EscapeDataString(Iqn));
        fake.Events!.LoginRefused("iqn.x", Iqn, "127.0.0.1:2", LoginRefusal.NotAuthorized, "not in the list");
        fake.Events.SessionStarted(Session);
        AwaitAssert(
            () =>
            {
                target.Tell(new GetTargetReport(), TestActor);
                TargetReport report = ExpectMsg<TargetReport>(Patience);
                Assert.Equal((1, 1), (report.Logins, report.Refusals));
                Assert.Equal(Session, Assert.Single(report.Sessions).Session);
            },
            Patience);

        // Of two volumes one is the target's.
        node.Tell(new LetSessionsGo("nobody's"));
        node.Tell(new LetSessionsGo("a"));
        AwaitCondition(() => fake.Diary.Contains("kick 7"), Patience);
        target.Tell(new KickSession(Session.SessionId));
        AwaitCondition(() => fake.Diary.Count(entry => entry == "kick 7") == 2, Patience);
        fake.Events.SessionEnded(Session, SessionEnd.Kicked, "");
        AwaitAssert(
            () =>
            {
                target.Tell(new GetTargetReport(), TestActor);
                Assert.Empty(ExpectMsg<TargetReport>(Patience).Sessions);
            },
            Patience);
    }

    [Fact]
    public void WhatIsNotDoneInTimeIsAFaultOfTheStop()
    {
        var fake = new FakeEngines { SessionsLinger = true, ThreadThatHangs = 0, CloseFailure = "EIO at flush" };
        IActorRef node = Start(fake);
        ExpectMsg<NodeReady>(Patience);
        node.Tell(new StopNode());
        NodeStopped stopped = ExpectMsg<NodeStopped>(Patience);
        Assert.False(stopped.IsClean);
        Assert.Contains(stopped.Faults, fault => fault.Contains("sessions", StringComparison.Ordinal));
        Assert.Contains(stopped.Faults, fault => fault.Contains("EIO at flush", StringComparison.Ordinal));
        Assert.Contains(stopped.Faults, fault => fault.Contains("io-0", StringComparison.Ordinal));
    }

    [Fact]
    public void ThreadsTellTheirCounters()
    {
        var fake = new FakeEngines();
        IActorRef node = Start(fake);
        ExpectMsg<NodeReady>(Patience);
        Sys.ActorSelection(node.Path / "io").Tell(new GetIoThreadReport(), TestActor);
        IoThreadReport[] reports = [ExpectMsg<IoThreadReport>(Patience), ExpectMsg<IoThreadReport>(Patience)];
        Assert.Equal([0, 1], reports.Select(report => report.Index).Order());
        Assert.All(reports, report => Assert.True(report.Running && report.Counters.Passes == 42));
    }

    private IActorRef Start(FakeEngines fake)
    {
        NodeSettings settings = SettingsReader.ReadText("test", $$"""
            actorsan {
              node.stop-timeout = 1 s
              io { threads = 2, cpus = none }
              portals.main { address = 127.0.0.1, port = 0 }
              volumes { a { store { kind = memory, size = 1 MiB } }, b { store { kind = memory, size = 1 MiB } } }
              targets."{{Iqn}}" { luns { 0 = a, 1 = b } }
            }
            """, new HostFacts("host", [0], "/")).Settings;
        IActorRef node = Sys.ActorOf(NodeGuardian.Props(settings, fake.Engines, TestActor), "node");
        node.Tell(new StartNode());
        return node;
    }
}
