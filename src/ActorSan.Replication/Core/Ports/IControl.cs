namespace ActorSan.Replication.Core.Ports;

/// <summary>A message between the control sides of two nodes: registers, leases, questions. Over Akka.Remote; may be lost, late, doubled or out of order.</summary>
public abstract record ControlMessage;

/// <summary>Sends to a node's control side. A node may send to itself: it goes the same way.</summary>
public interface IControlNetwork
{
    void Send(string node, ControlMessage message);
}

/// <summary>
/// What the control side publishes and the engine's pinned thread compares with the clock at each answer (L4): one atomically published pair. No message, no lock.
/// </summary>
public sealed class LeaseCell
{
    private Pair _pair = new(0, 0);

    public void Publish(long epoch, long deadlineNs)
    {
        Pair now = Volatile.Read(ref _pair);
        if (now.Epoch != epoch || now.DeadlineNs != deadlineNs)
        {
            Volatile.Write(ref _pair, new Pair(epoch, deadlineNs));
        }
    }

    /// <summary>The deadline until which <paramref name="epoch"/> may answer; 0 when the lease is another epoch's.</summary>
    public long DeadlineOf(long epoch)
    {
        Pair pair = Volatile.Read(ref _pair);
        return pair.Epoch == epoch ? pair.DeadlineNs : 0;
    }

    private sealed class Pair(long epoch, long deadlineNs)
    {
        public readonly long Epoch = epoch;
        public readonly long DeadlineNs = deadlineNs;
    }
}
