using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Primaries;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Disk;
using ActorSan.Simulator.Net;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// One volume on two or three data nodes with up to three witnesses: the whole product below the actors, in a hostile world. Ends healed, quiet and read in full; then all
/// replicas must be alike and in sync.
/// </summary>
internal abstract class VolumeScenario : IScenario
{
    protected const long Ms = 1_000_000;
    protected const long Second = 1_000_000_000;

    /// <summary>Within this after the heal the volume serves with all replicas in sync (liveness).</summary>
    private const long HealBoundNs = 60 * Second;

    private static readonly string[] s_names = ["atlas", "zeus", "hera", "iris", "juno", "leto", "maia", "rhea"];

    public abstract string Kind { get; }

    public abstract string About { get; }

    public IReadOnlyList<string> Bugs { get; init; } = [];

    public abstract Plan Make(ulong seed);

    public RunResult Run(Plan plan, RunOptions options)
    {
        BugSet bugs = options.Bug is { } name ? BugSet.Of([.. name.Split('+').Select(Enum.Parse<Bug>)]) : BugSet.Nothing;
        using var world = new SimWorld(plan.Seed, options.Trace);
        int dataNodes = (int)Math.Min(plan.Option("data", 2), plan.Nodes);
        int blocks = (int)plan.Option("blocks", 32);
        Build(world, plan, dataNodes, blocks, bugs, out SimClients clients, out VolumeSetup setup);
        setup.Covering = options is { Verify: true, Covering: true } && !setup.MayRot ? new Covering(world, setup) : null;
        SimNode first = world.Nodes[0];
        foreach (SimNode node in world.Nodes)
        {
            node.Start();
        }

        if (setup.IsNamed)
        {
            // The first replica serves before anything else happens.
            world.RunUntil(world.Now + (3 * Second));
        }

        var people = new VolumeOperator(world, setup, world.Now + plan.HealAtNs);
        var exchanges = new ExchangeRule(world, setup);
        var faults = new FaultInjector(world, plan, setup.Control, setup.Data)
        {
            OnOperator = fault => Operate(world, setup, people, fault),
            OnMembership = (fault, unreachable) => Believe(world, fault, unreachable),
            OnMediumExchanged = fault => setup.Remembered.Remove(world.Nodes[fault.Node].Name),
            MayExchange = exchanges.May,
            MayEndSession = exchanges.MayEndSession,
        };
        faults.Schedule();
        WatchPower(world, plan, setup);
        Watch(world, plan, setup);
        clients.Schedule(plan);
        world.RunUntil(world.Now + plan.HealAtNs);
        if (world.Violation is null)
        {
            Finish(world, clients, setup, people, first, blocks, options.Verify);
        }

        int inconclusive = 0;
        if (options.Verify && world.Violation is null)
        {
            if (clients.History.Check() is { } wrong)
            {
                world.Fail(wrong);
            }

            inconclusive = clients.History.Inconclusive;
        }

        return new RunResult(world.Violation, world.Events, world.Hash, inconclusive, world.TraceLines);
    }

    /// <summary>The faults begin now: what a story measures beside the rules that hold for all.</summary>
    protected virtual void Watch(SimWorld world, Plan plan, VolumeSetup setup)
    {
    }

    /// <summary>All is in sync: what a story wants before it ends, and does for it; null: nothing.</summary>
    protected virtual string? Lacks(SimWorld world, VolumeSetup setup, int blocks) => null;

    /// <summary>What an operator does at bad moments.</summary>
    protected virtual void Operate(SimWorld world, VolumeSetup setup, VolumeOperator people, PlanFault fault) => people.Do(fault);

    // Membership says when to act, and may be wrong, late and contradicting: no run may depend on it.
    private static void Believe(SimWorld world, PlanFault fault, bool unreachable)
    {
        if (fault.Node != fault.Peer && world.Nodes[fault.Node].Process?.Program is VolumeProgram { Control: { } control } program)
        {
            string peer = world.Nodes[fault.Peer].Name;
            program.Process.Post(SimSides.Control, () => control.OnUnreachable(peer, unreachable));
        }
    }

    private static void Build(SimWorld world, Plan plan, int dataNodes, int blocks, BugSet bugs, out SimClients clients, out VolumeSetup setup)
    {
        SimRandom random = world.Random("build");
        int nodes = Math.Max(1, plan.Nodes);
        int disks = Math.Min(nodes, dataNodes + (int)plan.Option("spare-data"));
        int named = nodes - (int)Math.Min(nodes - disks, plan.Option("spare-voters"));
        for (int i = 0; i < nodes; i++)
        {
            _ = world.AddNode(s_names[i]);
        }

        bool writeCache = plan.Option("write-through") == 0;
        Guid volumeId = random.NextGuid();
        var diskOptions = new SimDiskOptions { Blocks = (int)plan.Option("first-blocks", blocks), GrowLimitBlocks = blocks, VolatileCache = true };
        var voterIds = new List<VoterId>();
        var replicas = new List<ReplicaEntry>();
        foreach (SimNode node in world.Nodes)
        {
            node.Journal = new SimJournalMedium(node);
            if (node.Index < disks)
            {
                node.Disk = new SimDisk(node, diskOptions, volumeId, node.Random.NextGuid());
            }

            if (node.Index < dataNodes)
            {
                bool asynchronous = node.Index >= dataNodes - plan.Option("asynchronous");
                ReplicationProtocol protocol = !asynchronous ? ReplicationProtocol.C : plan.Option("protocol-b") != 0 ? ReplicationProtocol.B : ReplicationProtocol.A;
                // S7: stores that are known to read as zeroes lack nothing that the first one has.
                bool zeroed = node.Index > 0 && plan.Option("zeroed") != 0;
                replicas.Add(new ReplicaEntry(node.Name, node.Disk!.Content.Incarnation, protocol, LeftAt: zeroed ? 0 : null));
            }

            // What is spare has neither part nor vote until an operator says so.
            if (node.Index < dataNodes || (node.Index >= disks && node.Index < named))
            {
                voterIds.Add(new VoterId(node.Name, node.Journal.Incarnation));
            }
        }

        var first = new Configuration
        {
            Version = 1,
            VolumeId = volumeId,
            Lineage = random.NextGuid(),
            Voters = [.. voterIds],
            InSync = [new Member(s_names[0], replicas[0].Incarnation, random.NextGuid())],
            Replicas = [.. replicas],
            SizeBytes = (long)diskOptions.Blocks * diskOptions.BlockBytes,
            Settings = new VolumeSettings
            {
                ConfirmReads = plan.Option("confirm-reads") != 0,
                OnNoQuorum = plan.Option("fail") != 0 ? NoQuorumPolicy.Fail : NoQuorumPolicy.Suspend,
                PreferredPrimary = plan.Option("preferred") != 0 ? s_names[plan.Option("preferred") - 1] : null,
            },
        };
        var key = new RegisterKey("volume/" + volumeId.ToString("N")[..4], first.Lineage);
        int founders = (int)plan.Option("founders");
        foreach (SimNode node in world.Nodes.Where(node => founders == 0 && first.IsVoter(node.Name)))
        {
            // S7: written on all voters that it names, before anything is served.
            node.Journal!.Found(new AcceptedRecord(key, default, first));
        }

        clients = new SimClients(world, new ClientOptions { Blocks = blocks, BlockBytes = diskOptions.BlockBytes, Attributes = 3, DataNodes = disks, Tries = (int)plan.Option("tries", 6) });
        var lineages = new LineageBook(world, first.Lineage, key.Name) { OnLoss = clients.History.AllLostPower };
        var power = new PowerBook(world, clients.History, lineages);
        long lease = plan.Option("lease-ms", 1000) * Ms;
        setup = new VolumeSetup
        {
            VolumeId = volumeId,
            Key = key,
            First = first,
            Control = new SimControlNet(world),
            Data = new SimDataNet(world, plan.Options.TryGetValue("says-gone", out long says) ? says != 0 : null),
            Facts = world.Facts,
            Power = power,
            Lineages = lineages,
            Fencing = plan.Option("hook") != 0 ? new SimFencing(world) : null,
            Bugs = bugs,
            OpenNs = plan.Option("open-ms", 50) * Ms,
            MayRot = plan.Faults.Exists(static fault => fault.Kind == FaultKind.BitRot),
            WriteCache = writeCache,
            Founders = founders,
            Leases = new LeaseSettings { LeaseNs = lease, RenewNs = lease / 4 },
            Rounds = new ProposerSettings { RoundTimeoutNs = 400 * Ms, RefusedPatienceNs = plan.Option("refused-ms", 50) * Ms },
            Decisions = new ActorSan.Replication.Core.Control.ControlOptions
            {
                StoreSilenceNs = 4 * Second,
                FenceDelayNs = plan.Option("fence-delay-ms", 1000) * Ms,
                PromiseAfterNs = plan.Option("promise-ms", UsualPromiseMs(plan)) * Ms,
            },
            Engine = new EngineOptions
            {
                Replica = new ReplicaOptions
                {
                    ChunkBytes = 4 * diskOptions.BlockBytes,
                    GranuleBytes = plan.Option("granule", 1) * diskOptions.BlockBytes,
                    StoreTimeoutNs = 2 * Second,
                    ClearIntervalNs = plan.Option("clear-ms", 700) * Ms,
                    WriteCache = writeCache,
                },
                Primary = new PrimaryOptions
                {
                    AckTimeoutNs = plan.Option("ack-ms", 600) * Ms,
                    AttachTimeoutNs = 400 * Ms,
                    PieceBytes = (int)plan.Option("piece", 4) * diskOptions.BlockBytes,
                    ResyncDepth = 2,
                    ResyncForegroundDepth = 1,
                    ReconcileMaxBytes = plan.Option("reconcile-max", 1 << 20),
                    ResyncByDigest = plan.Option("digest") != 0,
                    TurnIntervalNs = plan.Option("turn-ms", 10_000) * Ms,
                    ResyncMinRate = plan.Option("resync-min", 16 << 20),
                    ResyncMaxRate = plan.Option("resync-max", 1 << 30),
                },
            },
        };
        if (founders == 0)
        {
            setup.Name();
        }

        VolumeSetup shared = setup;
        foreach (SimNode node in world.Nodes)
        {
            node.Clock.SetDrift((int)random.Range(-SimClock.MaxDriftPpm, SimClock.MaxDriftPpm));
            node.Boot = process => new VolumeProgram(process, shared);
        }
    }

    // The voters have promised early, about as usual, or not at all: what is wanted meets all three.
    private static long UsualPromiseMs(Plan plan) => SimRandom.For(plan.Seed, "promises").Next(4) switch
    {
        0 => 0,
        1 => 50,
        _ => 1_000,
    };

    private static void WatchPower(SimWorld world, Plan plan, VolumeSetup setup)
    {
        foreach (SimNode node in world.Nodes)
        {
            node.OnPowerLost = () => setup.Power.Dark(node.Name, !setup.WriteCache);
        }
    }

    private void Finish(SimWorld world, SimClients clients, VolumeSetup setup, VolumeOperator people, SimNode first, int blocks, bool verify)
    {
        long healed = world.Now;
        string? wanting = null;
        while (world.Violation is null && world.Now - healed < HealBoundNs)
        {
            world.RunUntil(world.Now + Second);
            people.Tidy();
            wanting = clients.Open > 0 ? $"{clients.Open} operations of clients are open" : VolumeEnd.Wanting(world, setup) ?? Lacks(world, setup, blocks);
            if (wanting is null)
            {
                break;
            }
        }

        if (wanting is not null)
        {
            world.Fail($"Liveness: {HealBoundNs / Second} s after the heal: {wanting}{Describe(world)}");
            return;
        }

        if (VolumeEnd.IsDeleted(setup))
        {
            return;
        }

        for (int block = 0; block < blocks; block++)
        {
            clients.Submit(new PlanOp(-1, 0, 99, first.Index, SimOpKind.Read, block));
        }

        for (int attribute = 1; attribute <= 3; attribute++)
        {
            clients.Submit(new PlanOp(-1, 0, 99, first.Index, SimOpKind.GetAttribute, attribute));
        }

        world.RunUntil(world.Now + (20 * Second));
        if (clients.Open > 0)
        {
            world.Fail($"Liveness: {clients.Open} of the last reads never ended{Describe(world)}");
        }

        if (verify)
        {
            VolumeEnd.CompareReplicas(world, blocks);
            Guid left = VolumeEnd.Serving(world)!.Engine!.Replica.Lineage;
            clients.History.Keep(setup.Lineages.EndsOf(left), setup.Lineages.MixedUntil(left));
            setup.Data.CheckNothingIsKept();
        }
    }

    private static string Describe(SimWorld world)
    {
        var text = new System.Text.StringBuilder();
        foreach (SimNode node in world.Nodes)
        {
            if (node.Process?.Program is VolumeProgram { Engine.Primary: { } primary })
            {
                _ = text.Append($"\n  {node.Name} {primary.Phase}: {string.Join("\n    ", primary.Describe().TakeLast(8))}");
            }
        }

        return text.ToString();
    }
}
