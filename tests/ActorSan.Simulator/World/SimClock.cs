using ActorSan.Replication.Core.Ports;

namespace ActorSan.Simulator.World;

/// <summary>A node's CLOCK_BOOTTIME: an offset of its own, a rate within 1 % of true (A1), running on while the node is frozen; another origin after a reboot.</summary>
public sealed class SimClock : IClock
{
    /// <summary>A1's bound, in millionths.</summary>
    public const int MaxDriftPpm = 10_000;

    private readonly SimWorld _world;
    private readonly SimRandom _random;
    private long _baseTrue;
    private long _baseLocal;
    private long _ppm;

    internal SimClock(SimWorld world, SimRandom random)
    {
        _world = world;
        _random = random;
        Reboot();
        _ppm = 0;
    }

    public long NowNs => ToLocal(_world.Now);

    public long DriftPpm => _ppm;

    /// <summary>The rate from now on; what the clock shows does not jump.</summary>
    public void SetDrift(int ppm)
    {
        long local = NowNs;
        _baseTrue = _world.Now;
        _baseLocal = local;
        _ppm = Math.Clamp(ppm, -MaxDriftPpm, MaxDriftPpm);
    }

    /// <summary>The first true instant at which this clock shows at least <paramref name="localNs"/>; now when it already does.</summary>
    public long ToTrue(long localNs)
    {
        long ahead = localNs - NowNs;
        if (ahead <= 0)
        {
            return _world.Now;
        }

        // Far enough to be never: what is multiplied below must not overflow.
        if (ahead > 1_000_000_000_000L)
        {
            return _world.Now + ahead;
        }

        long guess = _baseTrue + (((localNs - _baseLocal) * 1_000_000L) / (1_000_000L + _ppm)) - 1;
        while (ToLocal(guess) < localNs)
        {
            guess++;
        }

        return guess;
    }

    internal void Reboot()
    {
        _baseTrue = _world.Now;
        _baseLocal = _random.Range(1_000_000_000L, 600_000_000_000L);
    }

    private long ToLocal(long trueNs)
    {
        long passed = trueNs - _baseTrue;
        return _baseLocal + passed + (passed * _ppm / 1_000_000L);
    }
}

/// <summary>A process's ids and luck.</summary>
public sealed class SimChance(SimRandom random) : IChance
{
    public Guid NewId() => random.NextGuid();

    public double NextDouble() => random.NextDouble();
}

/// <summary>Timers of one side of one process, by its node's clock; gone with it. A frozen side's timers fire after the thaw.</summary>
public sealed class SimTimers : ITimers
{
    private readonly SimSide _side;
    private readonly SimPool<Firing> _pool;

    internal SimTimers(SimSide side)
    {
        _side = side;
        _pool = new SimPool<Firing>(() => new Firing(this));
    }

    public void Set(CoreTimer timer, long atNs)
    {
        timer.Setting++;
        timer.IsSet = true;
        Firing firing = _pool.Take();
        firing.Timer = timer;
        firing.Setting = timer.Setting;
        firing.AtNs = atNs;
        firing.Side = _side;
        _side.Process.World.At(_side.Process.Node.Clock.ToTrue(atNs), firing);
    }

    public void Cancel(CoreTimer timer)
    {
        timer.Setting++;
        timer.IsSet = false;
    }

    private void OnDue(Firing firing)
    {
        CoreTimer timer = firing.Timer!;
        long setting = firing.Setting;
        SimNode node = _side.Process.Node;
        if (timer.Setting == setting && node.Clock.NowNs < firing.AtNs)
        {
            // The clock's rate was changed meanwhile: a timer never fires before its time.
            _side.Process.World.At(node.Clock.ToTrue(firing.AtNs), firing);
            return;
        }

        firing.Timer = null;
        _pool.Return(firing);
        if (timer.Setting == setting && timer.IsSet)
        {
            timer.IsSet = false;
            timer.OnFired();
        }
    }

    private sealed class Firing(SimTimers timers) : SimEvent
    {
        public CoreTimer? Timer;
        public long Setting;
        public long AtNs;

        public override int Code => 3;

        public override void Run() => timers.OnDue(this);
    }
}
