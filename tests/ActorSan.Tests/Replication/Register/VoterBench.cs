using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Tests.Replication.Register;

/// <summary>One core with a clock, timers, a network and a journal that do only what the test says.</summary>
internal sealed class VoterBench : IControlNetwork, IClock, ITimers, IVoterListener
{
    public const long Lease = 1_000_000_000;
    public static readonly RegisterKey Key = new("volume/1", Id(1));
    private readonly List<CoreTimer> _timers = [];
    private readonly Dictionary<CoreTimer, long> _at = [];

    public VoterBench(BugSet? bugs = null)
    {
        Bugs = bugs ?? BugSet.Nothing;
        Restart();
    }

    public BugSet Bugs { get; }

    public long NowNs { get; set; } = 5_000_000_000;

    public SimulatedJournal Journal { get; private set; } = new(Id(100));

    public Voter Voter { get; private set; } = null!;

    public VoterId Me => Voter.Id;

    public List<(string Node, ControlMessage Message)> Sent { get; } = [];

    public List<string> Told { get; } = [];

    public static Guid Id(int number) => new(number, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]);

    public static Ballot Ballot(long counter, string node) => new(counter, node, Id(7));

    public static Cell ValueOf(long version, long epoch, string? primary, params VoterId[] voters) => new()
    {
        Version = version,
        Epoch = epoch,
        Id = Id((int)version),
        Primary = primary is null ? null : new PrimaryId(primary, Id(7)),
        Voters = [.. voters],
    };

    /// <summary>A new process on the same journal: what was not durable is gone.</summary>
    public void Restart(int putBack = 0, bool losesJournal = false)
    {
        Journal.Crash(0);
        Journal.PutBack(putBack);
        Journal = losesJournal ? new SimulatedJournal(Id(101)) : Journal;
        Voter = new Voter("v", Journal.Load(), Journal, this, this, this, new LeaseSettings(), Bugs);
    }

    /// <summary>Everything that is on its way to the journal becomes durable.</summary>
    public void Flush()
    {
        while (Journal.Pending > 0)
        {
            Journal.CompleteOne().OnDurable();
        }
    }

    /// <summary>Hands a message over, flushes, and gives the only reply.</summary>
    public T Ask<T>(ControlMessage message)
        where T : ControlMessage
    {
        Sent.Clear();
        _ = Voter.On(message);
        Flush();
        return Last<T>();
    }

    /// <summary>The only message sent since the last look.</summary>
    public T Last<T>()
        where T : ControlMessage
    {
        T reply = Xunit.Assert.IsType<T>(Xunit.Assert.Single(Sent).Message);
        Sent.Clear();
        return reply;
    }

    public Prepare Prepare(long counter, string node = "a") => new(node, Key, Me, 0, Ballot(counter, node));

    public Accept Accept(long counter, RegisterValue value, string node = "a") => new(node, Key, Me, 0, Ballot(counter, node), value);

    public Renew Renew(long rid, long epoch, string node = "a", long leaseNs = Lease, int instance = 7) => new(node, Id(instance), Me, 0, rid, leaseNs, [new LeaseRequest(Key, epoch)]);

    public LeaseVerdict VerdictOf(Renew renew) => Ask<Granted>(renew).Answers[0].Verdict;

    public void Send(string node, ControlMessage message) => Sent.Add((node, message));

    public void Set(CoreTimer timer, long atNs)
    {
        Cancel(timer);
        _timers.Add(timer);
        _at[timer] = atNs;
    }

    public void Cancel(CoreTimer timer) => _timers.Remove(timer);

    /// <summary>Goes on in time, and fires what is due on the way.</summary>
    public void Advance(long byNs)
    {
        long endNs = NowNs + byNs;
        while (_timers.Where(timer => _at[timer] <= endNs).MinBy(timer => _at[timer]) is { } due)
        {
            NowNs = Math.Max(NowNs, _at[due]);
            _ = _timers.Remove(due);
            due.OnFired();
        }

        NowNs = endNs;
    }

    public void OnPutBack(long seen, long writeCount) => Told.Add($"put back: {writeCount} of {seen}");

    public void OnRefusedLineage(RegisterKey key, UnknownReason reason, Guid by) => Told.Add($"{reason} {key.Lineage} by {by}");
}
