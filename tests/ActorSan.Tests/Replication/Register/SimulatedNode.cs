using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Tests.Replication.Register;

/// <summary>A node's control side: clock with drift, timers, journal, cores, and a decider that wants things at random.</summary>
internal sealed class SimulatedNode : IControlNetwork, IClock, ITimers, IVoterListener, IProposerListener, ILeaseListener, IJournalWatcher
{
    private readonly World _world;
    private readonly double _rate;
    private readonly long _offsetNs;
    private int _life;
    private long _diskNs;

    public SimulatedNode(World world, string name)
    {
        (_world, Name) = (world, name);
        _rate = 1 + (0.0099 * ((2 * world.Chance.NextDouble()) - 1));
        _offsetNs = world.Chance.Between(0, 1000 * World.Second);
        Journal = new SimulatedJournal(world.Chance.NewId());
    }

    public string Name { get; }

    public SimulatedJournal Journal { get; private set; }

    public VoterId VoterId => new(Name, Journal.Incarnation);

    public bool IsUp { get; private set; }

    public bool IsPutBack { get; private set; }

    /// <summary>Proposes nothing from here on.</summary>
    public bool IsIdle { get; set; }

    public long FrozenUntilNs { get; set; }

    public Guid Instance { get; private set; }

    public PrimaryId Self => new(Name, Instance);

    public Voter Voter { get; private set; } = null!;

    public Proposer Proposer { get; private set; } = null!;

    public LeaseHolder Leases { get; private set; } = null!;

    public JournalCounts Counts { get; private set; } = null!;

    public LeaseCell Cell { get; private set; } = null!;

    public Decider Decider { get; private set; } = null!;

    /// <summary>What it has durably heard to be decided.</summary>
    public Cell? LastHeard { get; private set; }

    public long NowNs => _offsetNs + (long)(_world.NowNs * _rate);

    /// <summary>Every voter of the first value holds it, and every node knows it.</summary>
    public void BeginWithFirst()
    {
        LastHeard = _world.First;
        Start();
        if (_world.First.Voters.Contains(VoterId))
        {
            _ = Voter.On(new Begin(Name, _world.Key, VoterId, 0, _world.First));
        }
    }

    public void Restart()
    {
        if (!IsUp)
        {
            Start();
        }
    }

    public void Crash(bool losesJournal, int putBack)
    {
        _world.Note($"{Name} crashes{(losesJournal ? ", its journal is lost" : "")}{(putBack > 0 ? $", put back by {putBack}" : "")}");
        _life++;
        IsUp = false;
        FrozenUntilNs = 0;
        Journal.Crash(_world.Chance.Below(Journal.Pending + 1));
        if (putBack > 0)
        {
            Journal.PutBack(putBack);
            IsPutBack = true;
        }

        if (losesJournal)
        {
            Journal = new SimulatedJournal(_world.Chance.NewId());
        }
    }

    /// <summary>Runs it as this process, if it is alive by then and as soon as it is not frozen.</summary>
    public void Post(long atNs, Action action)
    {
        int life = _life;
        _world.At(atNs, Run);

        void Run()
        {
            if (life != _life || !IsUp)
            {
                return;
            }

            if (_world.NowNs < FrozenUntilNs)
            {
                _world.At(FrozenUntilNs, Run);
                return;
            }

            action();
        }
    }

    public void Receive(ControlMessage message)
    {
        if (IsUp)
        {
            Post(_world.NowNs, () =>
            {
                _ = Voter.On(message) || Proposer.On(message) || Leases.On(message) || Decider.On(message);
            });
        }
    }

    public void Send(string node, ControlMessage message) => _world.Send(this, node, message);

    public void Set(CoreTimer timer, long atNs)
    {
        timer.Setting++;
        timer.IsSet = true;
        long setting = timer.Setting;
        Post((long)Math.Ceiling((atNs - _offsetNs) / _rate), () =>
        {
            if (timer.IsSet && timer.Setting == setting)
            {
                timer.IsSet = false;
                timer.OnFired();
            }
        });
    }

    public void Cancel(CoreTimer timer)
    {
        timer.Setting++;
        timer.IsSet = false;
    }

    public void OnPutBack(long seen, long writeCount)
    {
        if (!IsPutBack)
        {
            _world.Oracle.Violate($"{Name} takes itself for put back: {seen} seen, {writeCount} held");
        }
    }

    public void OnRefusedLineage(RegisterKey key, UnknownReason reason, Guid by) => throw new InvalidOperationException("There is one lineage only");

    public void OnDecided(RegisterKey key, RegisterValue value)
    {
        LastHeard = (Cell)value;
        Decider?.OnHeard((Cell)value);
    }

    public void OnContradiction(RegisterKey key, RegisterValue known, RegisterValue told) => _world.Oracle.Violate($"{Name} hears of two values: {known} and {told}");

    public void OnHeld(RegisterKey key, long epoch) => _world.Note($"{Name} holds e{epoch}");

    public void OnGaveUp(RegisterKey key, long epoch, long quietUntilNs) => _world.Note($"{Name} gives up e{epoch}");

    public void OnHigherEpoch(RegisterKey key, long epoch, long higherEpoch)
    {
    }

    public void OnOtherIncarnation(VoterId asked, VoterId told)
    {
    }

    public void OnPutBack(VoterId voter, long seen, long told)
    {
        if (!_world.NodeOf(voter.Node).IsPutBack && !_world.Bugs.Has(Bug.AmnesiacVoterAnswers))
        {
            _world.Oracle.Violate($"{Name} takes {voter} for put back: {seen} seen, {told} told");
        }
    }

    private void Start()
    {
        IsUp = true;
        Instance = _world.Chance.NewId();
        Journal.Appended = OnAppended;
        Counts = new JournalCounts(this, _world.Bugs);

        // A change of the setting rolls through the nodes: some lend for longer than others (L6).
        var leases = new LeaseSettings { LeaseNs = _world.Chance.Hits(0.2) ? 3 * World.Second / 2 : World.Second };
        Decider = null!;
        Voter = new Voter(Name, Journal.Load(), Journal, this, this, this, leases, _world.Bugs);
        Proposer = new Proposer(Name, Instance, Voter, Counts, this, this, this, this, new ProposerSettings { RoundTimeoutNs = 400_000_000 }, _world.Bugs);
        Leases = new LeaseHolder(Name, Instance, Counts, this, this, this, _world.Chance, this, leases, _world.Bugs);
        Cell = new LeaseCell();
        Proposer.Know(_world.Key, LastHeard!);
        Decider = new Decider(_world, this);
        _world.Note($"{Name} starts as {VoterId}");
    }

    // The disk goes on while the process is frozen.
    private void OnAppended()
    {
        int life = _life;
        SimulatedJournal journal = Journal;
        _diskNs = Math.Max(_diskNs, _world.NowNs + _world.Chance.Between(1, _world.JournalNs));
        _world.At(_diskNs, () =>
        {
            if (life == _life)
            {
                JournalWrite write = journal.CompleteOne();
                Post(_world.NowNs, write.OnDurable);
            }
        });
    }
}
