using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>P11: the lineage that the replica belongs to, and what it keeps of another one.</summary>
public sealed unsafe partial class Replica
{
    /// <summary>Another lineage discards the own one: nothing is done for it, until an operator's discard.</summary>
    public bool IsDiscarded => _state.Discarded;

    public void MarkDiscarded()
    {
        _state = _state with { Discarded = true };
        _stateWriter.Save(static _ => { });
    }

    /// <summary>Durable when this ends well: what was told to the replica in the old lineage says nothing in the new one.</summary>
    /// <param name="discards">Its sets and its list are in its intents, or it is out wholly: nobody asks for them any more.</param>
    public void EnterLineage(Guid lineage, Guid incarnation, bool discards, Action<bool> done)
    {
        _state = _state with { Lineage = lineage, Incarnation = incarnation, Discarded = false };
        _configuration = null;
        if (discards)
        {
            _sets.Clear();
            Unsettled.Clear();
        }

        _stateWriter.Save(done);
    }

    /// <summary>P11: each range in which this replica may differ from another one is in its write intent, durable when this ends well.</summary>
    public void MoveSetsToIntent(Action<bool> done)
    {
        List<ByteRange> ranges = UnsettledRanges();
        foreach (PeerSet set in _sets)
        {
            for (long at = 0; set.Set.TryNext(at, SizeBytes, out ByteRange range); at = range.EndBytes)
            {
                ranges.Add(range);
            }
        }

        if (_bugs.Has(Bug.DiscardWithoutSets))
        {
            ranges.Clear();
        }

        new IntentMove(this, done).Begin(ranges);
    }

    private sealed class IntentMove(Replica replica, Action<bool> done)
    {
        private int _left = 1;
        private bool _held = true;

        public void Begin(List<ByteRange> ranges)
        {
            foreach (ByteRange range in ranges)
            {
                _left++;
                var waiter = new Waiter(this) { IntentOffsetBytes = range.OffsetBytes, IntentLengthBytes = range.LengthBytes };
                if (replica.Intent.TrySet(waiter))
                {
                    OnSet(true);
                }
            }

            OnSet(true);
        }

        private void OnSet(bool durable)
        {
            _held &= durable;
            if (--_left > 0)
            {
                return;
            }

            if (!_held)
            {
                replica.Fail(StoreStatus.WriteError);
            }

            done(_held);
        }

        private sealed class Waiter(IntentMove move) : IntentWaiter
        {
            public override void OnIntent(bool durable) => move.OnSet(durable);
        }
    }
}
