namespace ActorSan.Simulator.World;

[Flags]
public enum SimSides
{
    None = 0,

    /// <summary>Registers, leases, decisions: the actors.</summary>
    Control = 1,

    /// <summary>Bytes: the pinned thread.</summary>
    Engine = 2,

    Both = Control | Engine,
}

/// <summary>Told, in the order of registration, when a process ends, before its program is.</summary>
public interface ISimResource
{
    void OnProcessGone(bool power);
}

/// <summary>One run of a node's program. What belongs to it dies with it.</summary>
public sealed class SimProcess
{
    private readonly List<ISimResource> _resources = [];

    internal SimProcess(SimNode node, int number)
    {
        Node = node;
        Number = number;
        World = node.World;
        Instance = node.Random.NextGuid();
        Chance = new SimChance(SimRandom.For(World.Seed, node.Name, number));
        Control = new SimSide(this, SimSides.Control);
        Engine = new SimSide(this, SimSides.Engine);
    }

    public SimWorld World { get; }

    public SimNode Node { get; }

    public int Number { get; }

    /// <summary>The id made anew at each start (replication.md §2, Configuration).</summary>
    public Guid Instance { get; }

    public SimSide Control { get; }

    public SimSide Engine { get; }

    public SimChance Chance { get; }

    public ISimProgram Program { get; internal set; } = null!;

    public bool IsAlive => Node.Process == this;

    public void Add(ISimResource resource) => _resources.Add(resource);

    /// <summary>Runs on that side as soon as it comes to it: how control side and engine talk to each other. Allocates; for the wiring's hot paths there are pooled events.</summary>
    public void Post(SimSides side, Action action, long delayNs = 1000)
    {
        World.After(delayNs, new ActionEvent(action) { Side = Of(side) });
    }

    public SimSide Of(SimSides side) => side == SimSides.Control ? Control : Engine;

    internal void Freeze(SimSides which)
    {
        if ((which & SimSides.Control) != 0)
        {
            Control.Freeze();
        }

        if ((which & SimSides.Engine) != 0)
        {
            Engine.Freeze();
        }
    }

    internal void Thaw(SimSides which)
    {
        if ((which & SimSides.Control) != 0)
        {
            Control.Thaw();
        }

        if ((which & SimSides.Engine) != 0)
        {
            Engine.Thaw();
        }
    }

    /// <summary>However often it was frozen.</summary>
    internal void ThawAll()
    {
        while (Control.IsFrozen)
        {
            Control.Thaw();
        }

        while (Engine.IsFrozen)
        {
            Engine.Thaw();
        }
    }

    internal void End(bool power)
    {
        Control.End();
        Engine.End();
        foreach (ISimResource resource in _resources)
        {
            resource.OnProcessGone(power);
        }

        Program?.OnGone();
    }
}

/// <summary>One thread of a process. While it is frozen its events wait, in order; after the thaw they happen one after the other, before anything later.</summary>
public sealed class SimSide
{
    private readonly SimWorld _world;
    private readonly SimRandom _random;
    private readonly DrainEvent _drain;
    private readonly ulong _tag;
    private SimEvent? _first;
    private SimEvent? _last;
    private int _freezes;
    private bool _draining;

    internal SimSide(SimProcess process, SimSides which)
    {
        Process = process;
        Which = which;
        _world = process.World;
        _random = SimRandom.For(_world.Seed, process.Node.Name, (process.Number << 2) + (int)which);
        _drain = new DrainEvent(this);
        _tag = (ulong)((process.Node.Index << 2) | (int)which) << 56;
        Timers = new SimTimers(this);
    }

    public SimProcess Process { get; }

    public SimSides Which { get; }

    public SimTimers Timers { get; }

    public bool IsAlive { get; private set; } = true;

    public bool IsFrozen => _freezes > 0;

    /// <summary>Runs the event, or holds or drops it.</summary>
    public void Dispatch(SimEvent what)
    {
        if (!IsAlive)
        {
            what.Drop();
        }
        else if (_freezes > 0 || _first is not null)
        {
            what.NextEvent = null;
            if (_last is null)
            {
                _first = what;
            }
            else
            {
                _last.NextEvent = what;
            }

            _last = what;
        }
        else
        {
            _world.Mix((ulong)_world.Now ^ ((ulong)what.Code << 48) ^ _tag);
            what.Run();
        }
    }

    internal void Freeze() => _freezes++;

    internal void Thaw()
    {
        if (_freezes > 0 && --_freezes == 0 && _first is not null)
        {
            ScheduleDrain();
        }
    }

    internal void End()
    {
        IsAlive = false;
        SimEvent? next = _first;
        _first = _last = null;
        while (next is { } what)
        {
            next = what.NextEvent;
            what.NextEvent = null;
            what.Drop();
        }
    }

    private void ScheduleDrain()
    {
        if (!_draining)
        {
            _draining = true;
            _world.After(_random.Range(0, 2000), _drain);
        }
    }

    private void DrainOne()
    {
        _draining = false;
        if (!IsAlive || _freezes > 0 || _first is not { } what)
        {
            return;
        }

        // As long as another one waits, what comes meanwhile joins the queue behind it.
        _first = what.NextEvent;
        _last = _first is null ? null : _last;
        what.NextEvent = null;
        _world.Mix((ulong)_world.Now ^ ((ulong)what.Code << 48) ^ _tag);
        what.Run();
        if (_first is not null)
        {
            ScheduleDrain();
        }
    }

    private sealed class DrainEvent(SimSide side) : SimEvent
    {
        public override int Code => 2;

        public override void Run() => side.DrainOne();
    }
}
