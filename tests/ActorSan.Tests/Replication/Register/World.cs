using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Tests.Replication.Register;

/// <summary>What may go wrong in one history; each seed has its own.</summary>
internal sealed record Faults
{
    public double Loss { get; init; }

    public double Doubled { get; init; }

    /// <summary>Of messages that take up to two seconds.</summary>
    public double Late { get; init; }

    public long JournalNs { get; init; } = 2_000_000;

    public double Crash { get; init; }

    public double JournalLoss { get; init; }

    /// <summary>A voter restarts just when the primary is cut off, and another has seen no grant for long.</summary>
    public bool Restart { get; init; }

    /// <summary>Restart, and its journal was put back.</summary>
    public bool PutBack { get; init; }

    /// <summary>Voters change to one, two or three, so that old and new majorities have nobody in common.</summary>
    public bool FewVoters { get; init; }

    public double Freeze { get; init; }

    public double Cut { get; init; }

    public double VoterChange { get; init; }

    public double Handover { get; init; }
}

/// <summary>One seed, one history: five nodes, one register, true time, a queue of events.</summary>
internal sealed class World
{
    public const long Second = 1_000_000_000;
    private const long Disturbed = 10 * Second;
    private const long Healed = 5 * Second;

    private readonly PriorityQueue<Action, (long At, long Order)> _queue = new();
    private readonly HashSet<(string From, string To)> _cuts = [];
    private long _order;
    private bool _isHealed;

    public World(ulong seed, BugSet bugs)
    {
        Chance = new Chance(seed * 7919);
        Bugs = bugs;
        Faults = ChooseFaults(seed);
        Nodes = [.. Enumerable.Range(0, 5).Select(index => new SimulatedNode(this, $"n{index}"))];
        int voters = Faults.Restart || Faults.FewVoters ? 3 : 3 + Chance.Below(3);
        First = new Cell
        {
            Version = 1,
            Id = Chance.NewId(),
            Voters = [.. Nodes.Take(voters).Select(node => node.VoterId)],
        };
        Oracle = new Oracle(this);
        Oracle.OnDecided(First, "the beginning");
    }

    public Chance Chance { get; }

    public BugSet Bugs { get; }

    public Faults Faults { get; }

    /// <summary>The longest that a write to a journal takes.</summary>
    public long JournalNs => _isHealed ? Math.Min(Faults.JournalNs, 5_000_000) : Faults.JournalNs;

    public SimulatedNode[] Nodes { get; }

    public RegisterKey Key { get; } = new("volume/1", new Guid(1, 0, 0, [0, 0, 0, 0, 0, 0, 0, 1]));

    public Cell First { get; }

    public Oracle Oracle { get; }

    public long NowNs { get; private set; }

    public List<string>? Trace { get; init; }

    public SimulatedNode NodeOf(string name) => Array.Find(Nodes, node => node.Name == name)!;

    public void At(long atNs, Action action) => _queue.Enqueue(action, (Math.Max(atNs, NowNs), _order++));

    /// <summary>The whole history. Null, or what was violated.</summary>
    public string? Run()
    {
        foreach (SimulatedNode node in Nodes)
        {
            node.BeginWithFirst();
        }

        At(Chance.Between(0, Second), Disturb);
        if (Faults.Restart)
        {
            At(Second, () => Array.ForEach(Nodes[3..], node => node.Crash(false, 0)));
            At(Chance.Between(4 * Second, 7 * Second), CutOneVoter);
        }

        At(Disturbed, Heal);
        while (_queue.TryDequeue(out Action? action, out (long At, long Order) at) && at.At < Disturbed + Healed)
        {
            NowNs = at.At;
            action();
            if (Oracle.Check() is { } violation)
            {
                return $"at {NowNs / 1e9:f6} s: {violation}";
            }
        }

        return null;
    }

    public void Send(SimulatedNode from, string to, ControlMessage message)
    {
        Oracle.OnSent(message);
        SimulatedNode target = NodeOf(to);
        if (_cuts.Contains((from.Name, to)) || (from.Name != to && !_isHealed && Chance.Hits(Faults.Loss)))
        {
            return;
        }

        Deliver(target, message);
        if (!_isHealed && Chance.Hits(Faults.Doubled))
        {
            Deliver(target, message);
        }
    }

    public void Note(string text) => Trace?.Add($"{NowNs / 1e9:f6} {text}");

    private void Deliver(SimulatedNode target, ControlMessage message)
    {
        long delayNs = !_isHealed && Chance.Hits(Faults.Late) ? Chance.Between(0, 2 * Second) : Chance.Between(100_000, 10_000_000);
        At(NowNs + delayNs, () => target.Receive(message));
    }

    private Faults ChooseFaults(ulong seed)
    {
        switch (seed % 16)
        {
            case 15:
                return new Faults { Restart = true, PutBack = true };
            case 14:
                return new Faults { Restart = true, JournalNs = seed / 16 % 2 == 0 ? 2_000_000 : 300_000_000 };
            case 11:
                return new Faults { FewVoters = true, VoterChange = 0.9, Loss = 0.35, Crash = 0.3 };
            case 12 or 13:
                return new Faults { FewVoters = true, VoterChange = 0.6, Cut = 0.5, Loss = seed % 2 == 0 ? 0 : 0.2, Late = 0.02, Freeze = 0.1 };
            default:
                break;
        }

        double Choose(double low, double high) => Chance.Below(3) switch
        {
            0 => 0,
            1 => low,
            _ => high,
        };
        return new Faults
        {
            Loss = Choose(0.02, 0.2),
            Doubled = Choose(0.02, 0.2),
            Late = Choose(0.02, 0.3),
            JournalNs = Chance.Below(3) switch
            {
                0 => 100_000,
                1 => 5_000_000,
                _ => 300_000_000,
            },
            Crash = Choose(0.1, 0.5),
            JournalLoss = Choose(0.2, 0.6),
            Freeze = Choose(0.1, 0.4),
            Cut = Choose(0.1, 0.5),
            VoterChange = Choose(0.15, 0.6),
            Handover = Choose(0.05, 0.2),
        };
    }

    private void Disturb()
    {
        if (_isHealed)
        {
            return;
        }

        SimulatedNode node = Chance.Pick(Nodes);

        // The primary is hit more often than others.
        node = Chance.Hits(0.3) ? Array.Find(Nodes, candidate => candidate.IsUp && candidate.Decider.Epoch > 0) ?? node : node;
        if (Chance.Hits(Faults.Crash) && node.IsUp)
        {
            node.Crash(Chance.Hits(Faults.JournalLoss), 0);
            At(NowNs + Chance.Between(10_000_000, 2 * Second), node.Restart);
        }
        else if (Chance.Hits(Faults.Freeze))
        {
            node.FrozenUntilNs = NowNs + Chance.Between(200_000_000, 3 * Second);
        }

        if (Chance.Hits(Faults.Cut))
        {
            Cut(node);
        }

        At(NowNs + Chance.Between(Second / 10, 2 * Second), Disturb);
    }

    private void Cut(SimulatedNode node)
    {
        long untilNs = NowNs + Chance.Between(Second / 5, 4 * Second);
        int direction = Chance.Below(3);
        foreach (SimulatedNode other in Nodes)
        {
            if (other == node || Chance.Hits(0.3))
            {
                continue;
            }

            AddCut(direction != 1, node.Name, other.Name, untilNs);
            AddCut(direction != 2, other.Name, node.Name, untilNs);
        }
    }

    // Only what a count can show (A2): it must not have grown past what was seen before those who saw it ask again, and proposers that have seen nothing, being restarted, stay idle.
    // A decision by two of three; one of them then loses it with the end of its journal, the other is cut off, and the third, who has seen more of that journal, is left with it.
    private void CutOneVoter()
    {
        if (Array.Find(Nodes, node => node.IsUp && node.Decider.Epoch > 0) is not { } primary)
        {
            return;
        }

        SimulatedNode[] others = [.. Nodes[..3].Where(node => node != primary)];
        (SimulatedNode back, SimulatedNode third) = Chance.Hits(0.5) ? (others[0], others[1]) : (others[1], others[0]);
        CutOff(third);

        // Long enough for a grant to run out.
        At(NowNs + Chance.Between(Second, 3 * Second), () =>
        {
            _cuts.Clear();
            CutOff(primary);
            if (!Faults.PutBack)
            {
                back.Crash(false, 0);
                At(NowNs + 10_000_000, back.Restart);
                return;
            }

            long seen = third.Counts.SeenOf(back.VoterId);
            if (seen < 50)
            {
                return;
            }

            long unseen = back.Journal.WriteCount - seen;
            back.Crash(false, (int)unseen + 20 + Chance.Below(20));
            Array.ForEach(Nodes, node => node.IsIdle = node != primary && node != third);
            At(NowNs + 10_000_000, back.Restart);
        });

        void CutOff(SimulatedNode node)
        {
            foreach (SimulatedNode other in Nodes.Where(other => other != node))
            {
                _ = _cuts.Add((node.Name, other.Name));
                _ = _cuts.Add((other.Name, node.Name));
            }
        }
    }

    private void AddCut(bool isWanted, string from, string to, long untilNs)
    {
        if (isWanted && _cuts.Add((from, to)))
        {
            At(untilNs, () => _cuts.Remove((from, to)));
        }
    }

    private void Heal()
    {
        _isHealed = true;
        _cuts.Clear();
        foreach (SimulatedNode node in Nodes)
        {
            node.FrozenUntilNs = Math.Min(node.FrozenUntilNs, NowNs);
            if (!node.IsUp)
            {
                node.Restart();
            }
        }

        Oracle.OnHealed();
    }
}
