using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Tests.Replication.Register;

/// <summary>The word of P8: this is decided, serve.</summary>
internal sealed record Word(Cell Value) : ControlMessage;

/// <summary>A node's decisions, as a volume's would be, at random: reads, changes, raises, changes of voters, handovers, promotions (R4 to R8, P1 to P8).</summary>
internal sealed class Decider : IRoundClient
{
    private readonly World _world;
    private readonly SimulatedNode _node;
    private readonly BackOff _backOff;
    private readonly List<Cell> _open = [];
    private Wish _wish;
    private Cell? _next;
    private long _reign;
    private bool _isHandingOver;
    private long _highestEpoch;

    public Decider(World world, SimulatedNode node)
    {
        (_world, _node) = (world, node);
        _backOff = new BackOff(world.Chance, 50_000_000, 800_000_000);
        Again(world.Chance.Between(0, 300_000_000));
    }

    private enum Wish
    {
        Read,
        Change,
        Raise,
        Voters,
        HandOver,
        Promote,
    }

    /// <summary>Of which this process is primary; 0: of none.</summary>
    public long Epoch { get; private set; }

    private Chance Chance => _world.Chance;

    public bool On(ControlMessage message)
    {
        if (message is Word { Value: var value } && value.Primary == _node.Self && value.Epoch > Math.Max(Epoch, _highestEpoch))
        {
            // P8: on the primary's word; the lease proves that nothing higher was decided.
            _node.Proposer.Know(_world.Key, value);
            if (_node.LastHeard == value)
            {
                Serve(value);
            }
        }

        return true;
    }

    public void OnHeard(Cell value)
    {
        _highestEpoch = Math.Max(_highestEpoch, value.Epoch);
        if (Epoch > 0 && value.Epoch > Epoch && value.Primary != _node.Self)
        {
            StepDown(false);
        }
    }

    public void OnPromised(Round round, RegisterValue promised)
    {
        var current = (Cell)promised;
        bool isOwnRaise = current.Primary == _node.Self && current.Reign == _reign;
        if (Epoch > 0 && current.Epoch > Epoch && !isOwnRaise)
        {
            StepDown(false);
        }

        _next = NextOf(current);
        if (_next is null)
        {
            round.Abandon();
        }
        else if (_wish == Wish.Promote && Chance.Hits(0.5))
        {
            // P3: the store is fenced meanwhile.
            _node.Post(_world.NowNs + Chance.Between(0, 300_000_000), () => Propose(round, current));
        }
        else
        {
            Propose(round, current);
        }
    }

    public void OnEnded(Round round, RoundOutcome outcome)
    {
        if (outcome.End == RoundEnd.Decided)
        {
            _world.Oracle.OnOutcome(_node.Name, (Cell)outcome.Value!);
            _open.Clear();
            Apply((Cell)outcome.Value!);
            _backOff.Reset();
        }
        else if (outcome.End == RoundEnd.Unknown)
        {
            _open.Add(_next!);
        }

        if (Epoch > 0)
        {
            _node.Leases.SetVoters(_world.Key, Sets());
        }
    }

    private void Again(long inNs) => _node.Post(_world.NowNs + inNs, () =>
    {
        Act();
        Again(_backOff.NextNs());
    });

    private void Act()
    {
        if (_node.IsIdle || _node.Proposer.IsBusy(_world.Key) || _node.Leases.IsQuiet(_world.Key))
        {
            return;
        }

        if (Epoch > 0)
        {
            double roll = Chance.NextDouble();
            _wish = _isHandingOver ? Wish.Raise
                : roll < _world.Faults.Handover ? Wish.HandOver
                : roll < _world.Faults.Handover + _world.Faults.VoterChange ? Wish.Voters
                : Chance.Below(3) switch
                {
                    0 => Wish.Read,
                    1 => Wish.Raise,
                    _ => Wish.Change,
                };
        }
        else
        {
            bool isFree = _node.Voter.GrantOf(_world.Key) is null;
            _wish = Chance.Hits(isFree ? 0.5 : 0.05) ? Wish.Promote : Wish.Read;
            if (_wish == Wish.Read && Chance.Hits(0.7))
            {
                return;
            }
        }

        _ = _node.Proposer.Start(_world.Key, this);
    }

    private Cell? NextOf(Cell current)
    {
        bool isMine = Epoch > 0 && current.Primary == _node.Self && current.Reign == _reign;
        Cell next = current with { Version = current.Version + 1, Id = Chance.NewId(), Previous = current.Id };
        switch (_wish)
        {
            case Wish.Read:
                return current;
            case Wish.Change when isMine:
                return next;
            case Wish.Raise when isMine:
                return next with { Epoch = current.Epoch + 1 };
            case Wish.Voters when isMine:
                return VoterChange.Next(current, _node.Proposer.LastDecided(_world.Key), Wanted(), _world.Bugs, out RegisterValue changed) switch
                {
                    VoterStep.None or VoterStep.Settle => current,
                    _ => (Cell)changed with { Id = next.Id, Previous = next.Previous },
                };
            case Wish.HandOver when isMine && Chance.Pick(_world.Nodes) is var peer && peer != _node && peer.IsUp:
                _isHandingOver = true;
                _node.Leases.HandOver(_world.Key);
                return next with { Epoch = current.Epoch + 1, Reign = current.Epoch + 1, Primary = peer.Self };
            case Wish.Promote when Epoch == 0:
                long epoch = Math.Max(current.Epoch, _highestEpoch) + 1;
                _highestEpoch = epoch;
                return next with { Epoch = epoch, Reign = epoch, Primary = _node.Self };
            default:
                return null;
        }
    }

    private ValueList<VoterId> Wanted()
    {
        List<SimulatedNode> nodes = [.. _world.Nodes.Where(node => node.IsUp && !node.IsPutBack)];
        int count = Math.Min(nodes.Count, (_world.Faults.FewVoters ? 1 : 3) + Chance.Below(3));
        ValueList<VoterId> wanted = [];
        while (wanted.Count < count)
        {
            SimulatedNode node = Chance.Pick(nodes);
            _ = nodes.Remove(node);
            wanted = wanted.Add(node.VoterId);
        }

        return wanted;
    }

    private void Propose(Round round, Cell current)
    {
        if (Epoch > 0)
        {
            _open.Add(_next!);
            _node.Leases.SetVoters(_world.Key, Sets());
        }

        _world.Oracle.OnProposed(round.Ballot, current, _next!);
        _world.Note($"{_node.Name} {round.Ballot} {_wish}: {_next}");
        _ = round.Accept(_next!);
    }

    private void Apply(Cell value)
    {
        if (value.Primary == _node.Self)
        {
            bool isNew = value == _next && _wish == Wish.Promote;
            if (isNew || (Epoch > 0 && value.Reign == _reign && _isHandingOver && value.Epoch > Epoch))
            {
                Serve(value);
            }
            else if (Epoch > 0 && value.Reign == _reign && value.Epoch > Epoch)
            {
                Epoch = value.Epoch;
                _node.Leases.Raise(_world.Key, Epoch);
            }
        }
        else if (Epoch > 0 && value.Epoch > Epoch)
        {
            bool isHandedOver = _wish == Wish.HandOver && value == _next;
            StepDown(isHandedOver);
            if (isHandedOver)
            {
                _node.Send(value.Primary!.Node, new Word(value));
            }
        }
    }

    private void Serve(Cell value)
    {
        (Epoch, _reign, _isHandingOver) = (value.Epoch, value.Reign, false);
        _node.Leases.Start(_world.Key, Epoch, Sets(), true, _node.Cell);
        _world.Note($"{_node.Name} is primary in e{Epoch}");
    }

    private void StepDown(bool release)
    {
        Epoch = 0;
        _open.Clear();
        _isHandingOver = false;
        _node.Leases.Stop(_world.Key, release);
    }

    // L3: of what is decided and of all that may be.
    private ValueList<ValueList<VoterId>> Sets()
    {
        List<ValueList<VoterId>> sets = [];
        foreach (Cell cell in (Cell[])[.. _open, (Cell)_node.Proposer.LastDecided(_world.Key)!])
        {
            Add(cell.Voters);
            Add(cell.OldVoters);
        }

        return new ValueList<ValueList<VoterId>>([.. sets]);

        void Add(ValueList<VoterId> voters)
        {
            if (voters.Count > 0 && !sets.Contains(voters))
            {
                sets.Add(voters);
            }
        }
    }
}
