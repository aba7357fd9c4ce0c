using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Disk;
using ActorSan.Simulator.World;
using ActorSan.Storage.Stores;

namespace ActorSan.Simulator.Volumes;

/// <summary>One process of a node that votes, holds a replica, or both: the product's classes, wired to the simulated world as actors and threads wire them to the real one.</summary>
internal sealed class VolumeProgram : ISimProgram, IVoterListener, IProposerListener, ILeaseListener, IFoundingClient, IEngineEvents, IEngineCommands
{
    private readonly SimProcess _process;
    private readonly VolumeSetup _setup;
    private readonly LeaseCell _cell = new();
    private readonly Voter? _voter;
    private readonly Proposer _proposer;
    private readonly Founder _founder;
    private readonly LeaseHolder _leases;
    private readonly VolumeControl? _control;
    private readonly SimRandom _random;
    private VolumeEngine? _engine;
    private SimStore? _store;
    private bool _mustBeNew;
    private bool _remembersNothing;
    private long _toEngineAt;
    private long _toControlAt;

    public VolumeProgram(SimProcess process, VolumeSetup setup)
    {
        _process = process;
        _setup = setup;
        BornNs = process.World.Now;
        _random = SimRandom.For(process.World.Seed, "wiring " + process.Node.Name, process.Number);
        string node = process.Node.Name;
        IControlNetwork network = setup.Control.For(process);
        SimTimers timers = process.Control.Timers;
        SimClock clock = process.Node.Clock;
        var counts = new JournalCounts(null, setup.Bugs);
        if (process.Node.Journal is { } medium)
        {
            var journal = new SimVoterJournal(new SimJournal(medium, process));
            _voter = new Voter(node, journal.Load(), journal, network, clock, this, setup.Leases, setup.Bugs);
        }

        _proposer = new Proposer(node, process.Instance, _voter, counts, network, clock, timers, this, setup.Rounds, setup.Bugs);
        _founder = new Founder(node, counts, _proposer, network, clock, timers, setup.Rounds);
        _leases = new LeaseHolder(node, process.Instance, counts, network, clock, timers, process.Chance, this, setup.Leases, setup.Bugs);
        if (process.Node.Disk is not null)
        {
            _control = new VolumeControl(setup.Key, node, process.Instance, setup.Decisions, _proposer, _voter, _leases, this, network, clock, timers, process.Chance, _cell, setup.Bugs, _founder)
            {
                FencingHook = setup.Fencing?.For(process),
            };
            Volume = new VolumeFront(this);
            process.Post(SimSides.Engine, Open, _random.Skewed(1_000, setup.OpenNs));
        }

        process.Post(SimSides.Control, Begin);
    }

    public ISimVolume? Volume { get; }

    public VolumeEngine? Engine => _engine;

    public VolumeControl? Control => _control;

    internal long BornNs { get; }

    internal VolumeSetup Setup => _setup;

    internal SimProcess Process => _process;

    public void OnControl(string from, ControlMessage message)
    {
        if (_voter?.On(message) ?? false)
        {
            return;
        }

        if (!_founder.On(message) && !_proposer.On(message) && !_leases.On(message))
        {
            _control?.OnMessage(message);
        }
    }

    public void OnGone()
    {
    }

    /// <summary>S7: cut short, it is written again; then the catalog names the volume.</summary>
    public void OnEnded(RegisterKey key, FoundingOutcome outcome)
    {
        Say("founding", outcome.ToString());
        if (outcome.End == FoundingEnd.Begun)
        {
            _setup.Name();
        }
        else
        {
            _process.Post(SimSides.Control, Found, 100_000_000);
        }
    }

    public void OnStop(Action ended)
    {
        if (_control is null)
        {
            ended();
            return;
        }

        _process.Post(SimSides.Control, () => _control.StopInOrder(() => _process.Post(SimSides.Engine, () => CloseEngine(ended))));
    }

    private void CloseEngine(Action ended)
    {
        if (_engine is not { } engine || engine.Replica.IsFailed)
        {
            ended();
            return;
        }

        Guid session = engine.Replica.Session;
        engine.Close(clean =>
        {
            if (clean)
            {
                _setup.Power.Closed(_process.Node.Name, session);
            }

            // The process is not gone before its last frames are sent.
            _process.World.After(1_000_000, ended);
        });
    }

    public void OnPutBack(long seen, long writeCount)
    {
    }

    public void OnRefusedLineage(RegisterKey key, UnknownReason reason, Guid by) => _control?.OnRefusedLineage(key, reason, by);

    public void OnDecided(RegisterKey key, RegisterValue value)
    {
        _setup.Lineages.Decided((Configuration)value);
        _setup.Facts.Decided(_setup.Lineages.NameOf(key.Lineage), _process.Node.Name, value);
        if (ConfigurationRules.Fault((Configuration)value) is { } fault)
        {
            _setup.Facts.Violation("§2", _process.Node.Name, $"{fault}: '{value}'");
        }

        _setup.Power.Decided((Configuration)value);
        if (key == _control?.Key)
        {
            _control.OnDecided(value);
        }
        else
        {
            _control?.OnOtherLineage(value);
        }
    }

    public void OnContradiction(RegisterKey key, RegisterValue known, RegisterValue told) =>
        _setup.Facts.Violation("R5", _process.Node.Name, $"'{known}' and '{told}' are both told to be decided");

    public void OnHeld(RegisterKey key, long epoch)
    {
        if (key == _control?.Key)
        {
            _control.OnHeld(epoch);
        }
    }

    public void OnGaveUp(RegisterKey key, long epoch, long quietUntilNs) => Say("lease", $"gives up epoch {epoch}");

    public void OnHigherEpoch(RegisterKey key, long epoch, long higherEpoch)
    {
        if (key == _control?.Key)
        {
            _control.OnHigherEpoch(higherEpoch);
        }
    }

    public void OnOtherIncarnation(VoterId asked, VoterId told) => _control?.OnOtherIncarnation(asked, told);

    /// <summary>Engine to control, in order.</summary>
    public void Post(EngineEvent happened)
    {
        if (_process.World.Tracing && happened is not EngineTurns and not MarksHeard)
        {
            Say("engine", happened.ToString());
        }

        if (happened is VerifyEnded { DifferentBytes: > 0 } ended && !_setup.MayRot)
        {
            _setup.Facts.Violation("S6", _process.Node.Name, $"verify says that {ended.DifferentBytes} bytes differ, and nothing has rotted");
        }

        _setup.Heard?.Invoke(_process.Node.Name, happened);
        if (happened is ForcePrepared { Held: true })
        {
            _setup.Lineages.StandsStill(_engine!.Replica);
        }

        if (happened is EngineTurns)
        {
            Replica replica = _engine!.Replica;
            _setup.Remembered[_process.Node.Name] = (replica.Lineage, replica.RememberedVersion);
        }

        if (happened is StoreFailed)
        {
            // A session that ends with its store: what was not flushed may be gone as with the power.
            _setup.Power.Lost(_process.Node.Name);
            _process.Post(SimSides.Engine, Reopen, 200_000_000);
        }

        _toControlAt = Math.Max(_toControlAt + 1, _process.World.Now + _random.Skewed(1_000, 300_000));
        _process.Post(SimSides.Control, () => _control!.OnEngine(happened), _toControlAt - _process.World.Now);
    }

    /// <summary>Control to engine, in order.</summary>
    public void Execute(EngineCommand command)
    {
        if (_process.World.Tracing)
        {
            Say("command", command.ToString());
        }

        if (command is BecomePrimary begin)
        {
            if (!_setup.IsNamed)
            {
                _setup.Facts.Violation("S7", _process.Node.Name, "becomes primary of a volume that is not founded yet");
            }

            _setup.Facts.Primary(_setup.Lineages.NameOf(begin.Configuration.Lineage), _process.Node.Name, _process.Instance, begin.Configuration.Epoch);
        }

        _toEngineAt = Math.Max(_toEngineAt + 1, _process.World.Now + _random.Skewed(1_000, 300_000));
        _process.Post(SimSides.Engine, () => _engine?.Execute(command), _toEngineAt - _process.World.Now);
    }

    // S7: before the catalog names the volume nobody knows of it but who founds it.
    private void Begin()
    {
        if (_setup.IsNamed)
        {
            if (_control is null || _remembersNothing)
            {
                _proposer.Know(_setup.Key, _setup.First);
            }

            _control?.Start();
            return;
        }

        _setup.Named += () =>
        {
            if (_process.IsAlive)
            {
                _process.Post(SimSides.Control, Begin, _random.Range(1_000, 50_000_000));
            }
        };
        if (_process.Node.Index < _setup.Founders)
        {
            Found();
        }
    }

    private void Found()
    {
        if (!_setup.IsNamed)
        {
            _ = _founder.Begin(_setup.Key, _setup.First, this);
        }
    }

    internal void Say(string what, string text)
    {
        if (_process.World.Tracing)
        {
            _process.World.Trace(_process.Node.Name, what, text);
        }
    }

    // A store that failed is opened again, in a new session, when this node is not primary with it any more and its I/O has ended (P10).
    private void Reopen()
    {
        if (_engine is null || _engine.Primary is not null || !_engine.Replica.IsFailed)
        {
            _process.Post(SimSides.Engine, Reopen, 200_000_000);
            return;
        }

        _engine.Stop();
        _engine = null;
        _store!.Close(null);
        _mustBeNew = true;
        Open();
    }

    private void Open()
    {
        SimStore? store = _process.Node.Disk!.Open(_process, out StoreFault fault);
        if (store is null)
        {
            Say("disk", $"cannot be opened: {fault}");
            _process.Post(SimSides.Engine, Open, 50_000_000);
            return;
        }

        _store = store;
        SimMetadata metadata = store.Metadata;
        ReadOnlySpan<byte> page = metadata.LoadedPage(ReplicaPageKind.State, 0, 0, out PageHealth health);
        ReplicaState state;
        if (page.IsEmpty)
        {
            // Never written, or the first write was torn: nobody has relied on it yet.

            state = new ReplicaState
            {
                VolumeId = metadata.VolumeId,
                Lineage = _setup.Key.Lineage,
                Node = _process.Node.Name,
                Incarnation = _process.Node.Disk.Content.Incarnation,
                Session = Guid.Empty,
                BootId = Guid.Empty,
            };
        }
        else if (!ReplicaState.TryRead(page, out ReplicaState? read, out ContentFault wrong))
        {
            _setup.Facts.Violation("I7", _process.Node.Name, wrong.Sentence);
            return;
        }
        else
        {
            state = read;
        }

        Guid newSession = SimSessions.First(_setup.First, _process.Node, state) ?? _process.Chance.NewId();
        state = state.Opened(_process.Node.BootId, metadata.WasClean, _setup.WriteCache, health == PageHealth.Doubtful || _mustBeNew, newSession);
        _mustBeNew = false;
        _setup.Power.Opened(_process.Node.Name, state.Session);
        _setup.Covering?.Opened(_process.Node, state.Session);
        var users = new LinkUser(this);
        var links = new List<IPeerLink>();
        foreach (SimNode peer in _process.World.Nodes)
        {
            if (peer != _process.Node && peer.Disk is not null)
            {
                links.Add(_setup.Data.Attach(_process, peer, users));
            }
        }

        _engine = new VolumeEngine(
            _setup.Engine, state, store, metadata, links, this, _process.Node.Clock, _process.Engine.Timers, _process.Chance, _cell, _process.Instance, _setup.Bugs);
        users.Engine = _engine;
        CheckRemembered(_engine.Replica);
        _engine.Start(static _ => { });
    }

    // Whoever remembers nothing, or nothing of his own lineage, begins with the value that the volume began with; the register knows more.
    private void CheckRemembered(Replica replica)
    {
        _ = _store!.Metadata.LoadedPage(ReplicaPageKind.Configuration, 0, 0, out PageHealth health);
        Configuration? found = replica.Remembered?.Lineage == replica.Lineage ? replica.Remembered : null;
        (Guid lineage, long version) = _setup.Remembered.GetValueOrDefault(_process.Node.Name);
        bool discards = replica.Remembered is { } other && other.Lineage != replica.Lineage;

        // A discard that was cut short has put what it was to lead to in the place of what was remembered (P11).
        if (health != PageHealth.Doubtful && !discards && lineage == replica.Lineage && (found?.Version ?? 0) < version)
        {
            _setup.Facts.Violation("§2", _process.Node.Name, $"remembers version {found?.Version} and had made {version} durable");
        }

        if (found is null)
        {
            _process.Post(SimSides.Control, () =>
            {
                _remembersNothing = true;
                if (_setup.IsNamed)
                {
                    _proposer.Know(_setup.Key, _setup.First);
                }
            });
        }
    }

    private sealed unsafe class LinkUser(VolumeProgram program) : ILinkUser
    {
        public VolumeEngine? Engine { get; set; }

        public void OnLinkUp(IPeerLink link) => Engine?.OnLinkUp(link);

        public void OnLinkDown(IPeerLink link) => Engine?.OnLinkDown(link);

        public void OnPeerGone(IPeerLink link) => Engine?.OnPeerGone(link);

        public void OnFrame(IPeerLink link, in Frame frame, byte* data, ReceivedData? owner)
        {
            if (frame.Kind == FrameKind.Attach && Engine is { ReadsFrames: true } engine)
            {
                Guid own = engine.Replica.Lineage;
                engine.OnFrame(link, frame, data, owner);
                program._setup.Lineages.Offered(program._process, own, new ReadOnlySpan<byte>(data, frame.DataBytes));
                return;
            }

            Engine?.OnFrame(link, frame, data, owner);
        }
    }
}

/// <summary>S7: the first member's session is in the first value, and its store's first opening has it.</summary>
internal static class SimSessions
{
    public static Guid? First(Configuration first, SimNode node, ReplicaState state) =>
        state.Session == Guid.Empty && first.MemberOf(node.Name) is { } member && member.Incarnation == state.Incarnation ? member.Session : null;
}
