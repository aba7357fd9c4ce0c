using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Tests.Replication.Register;

/// <summary>
/// Knows everything and says what must never be: two values of one version, a decided value that was not made from the decided one before it, an answer under a lease while a value
/// that deposes its holder is decided, two who may answer.
/// </summary>
internal sealed class Oracle(World world)
{
    private readonly Dictionary<Guid, Cell> _proposed = [];
    private readonly Dictionary<Ballot, Attempt> _attempts = [];
    private readonly SortedDictionary<long, Cell> _decided = [];
    private string? _violation;
    private int _decidedBeforeHeal = -1;
    private int _outcomes;

    public Cell Newest { get; private set; } = world.First;

    public int Decisions => _decided.Count;

    public int Outcomes => _outcomes;

    public bool WasDecidedAfterHeal => _outcomes > _decidedBeforeHeal;

    /// <summary>Whether the history left enough voters alive for a majority of every value that any of them holds, or that any node takes for the last decided one (R3).</summary>
    public bool CanDecide
    {
        get
        {
            bool IsAlive(VoterId voter) => world.NodeOf(voter.Node) is var node && node.VoterId == voter && !node.IsPutBack;
            return Majority.IsReached(Newest, IsAlive)
                && Array.TrueForAll(world.Nodes, node => Majority.IsReached(node.LastHeard!, IsAlive))
                && Array.TrueForAll(world.Nodes, node => node.Voter.AcceptedOf(world.Key) is not { } held || Majority.IsReached(held, IsAlive));
        }
    }

    public void OnHealed() => _decidedBeforeHeal = _outcomes;

    public void OnProposed(Ballot ballot, Cell current, Cell next)
    {
        _proposed.TryAdd(next.Id, next);
        if (!_attempts.TryAdd(ballot, new Attempt(current, next)))
        {
            Violate($"two rounds with ballot {ballot}");
        }
    }

    public void OnSent(ControlMessage message)
    {
        if (message is Accepted accepted && _attempts.TryGetValue(accepted.Ballot, out Attempt? attempt) && attempt.Accepted.Add(accepted.Voter))
        {
            if (!attempt.IsDecided && Majority.IsReached(attempt.Current, attempt.Accepted.Contains) && Majority.IsReached(attempt.Next, attempt.Accepted.Contains))
            {
                attempt.IsDecided = true;
                OnDecided(attempt.Next, "its voters");
            }
        }
    }

    public void OnOutcome(string node, Cell value)
    {
        _outcomes++;
        OnDecided(value, node);
    }

    public void OnDecided(Cell value, string by)
    {
        world.Note($"decided by {by}: {value}");
        Newest = value.Version > Newest.Version ? value : Newest;
        for (Cell? link = value; link is not null; link = link.Previous == default ? null : _proposed.GetValueOrDefault(link.Previous, world.First))
        {
            if (_decided.TryGetValue(link.Version, out Cell? known))
            {
                if (known.Id != link.Id)
                {
                    Violate($"two values of one version are decided, the second by {by}: {known} and {link}");
                }

                return;
            }

            _decided.Add(link.Version, link);
        }
    }

    public void Violate(string what) => _violation ??= what;

    public string? Check()
    {
        SimulatedNode? serving = null;
        foreach (SimulatedNode node in world.Nodes)
        {
            if (!node.IsUp || node.Decider.Epoch == 0 || node.Cell.DeadlineOf(node.Decider.Epoch) <= node.NowNs)
            {
                continue;
            }

            if (serving is not null)
            {
                Violate($"{serving.Name} (e{serving.Decider.Epoch}) and {node.Name} (e{node.Decider.Epoch}) may answer at once");
            }

            if (Newest.Epoch > node.Decider.Epoch && Newest.Primary != node.Self)
            {
                Violate($"{node.Name} may answer in e{node.Decider.Epoch} while it is deposed by {Newest}");
            }

            serving = node;
        }

        return _violation;
    }

    private sealed class Attempt(Cell current, Cell next)
    {
        public readonly Cell Current = current;
        public readonly Cell Next = next;
        public readonly HashSet<VoterId> Accepted = [];
        public bool IsDecided;
    }
}
