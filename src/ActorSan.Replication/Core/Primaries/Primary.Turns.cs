using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Frames;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>§3, Protocols A and B: replicas that are never in sync, whose sets must not grow for ever.</summary>
public sealed unsafe partial class Primary
{
    private long _turns;

    /// <summary>B: it is in that peer's memory, which is all that is waited for.</summary>
    private void OnReceived(PeerState peer, long seq)
    {
        if (TaskOf(seq) is { } task)
        {
            task.HoldMask &= ~peer.Bit;
            CheckComplete(task);
        }
    }

    /// <summary>B: or its link or <c>ack-timeout</c> fails it. Whoever ends an attachment completes what waited for it.</summary>
    private void LetGo(PeerState peer)
    {
        for (PrimaryTask? task = _firstInFlight; task is not null; task = task.Next)
        {
            task.HoldMask &= ~peer.Bit;
        }
    }

    private void WantTurns()
    {
        foreach (PeerState peer in _peers)
        {
            peer.IsTurnWanted = true;
        }
    }

    // Its set is empty: but for what is on its way to it, it has everything.
    private void ConsiderTurn(PeerState peer)
    {
        long now = _clock.NowNs;
        if (peer.Turn != 0 || now < peer.TurnDueNs || (!peer.IsTurnWanted && LastSeq == peer.TurnSeq))
        {
            return;
        }

        peer.TurnDueNs = now + _options.TurnIntervalNs;
        if (_configuration.ReplicaOf(peer.Node) is not { } entry || entry.Incarnation != peer.Incarnation)
        {
            return;
        }

        if (entry.LeftAt is null)
        {
            // Out wholly, its set is the whole volume at every member until that is decided to be otherwise (S1).
            _events.Post(new PeerCaughtUp(Epoch, peer.Node, peer.Incarnation));
            return;
        }

        // What is not settled stays in the second sets, and a write that has waited over there for one before it has an intent that looks younger than the turn: another turn is
        // needed to be rid of them.
        peer.IsTurnWanted = Stable < LastSeq || LastSeq != peer.TurnSeq;
        peer.Turn = ++_turns;
        peer.TurnSeq = LastSeq;
        peer.IsTurned = false;
        foreach (PeerState other in _peers)
        {
            if (other.IsRequired && other.IsAttached)
            {
                Frame turn = Header(other, FrameKind.Turn);
                turn.Argument = peer.Turn;
                FrameBodies.Send(other.Link, turn, new SetBody(peer.Node, peer.Incarnation, false, false, default));
            }
        }

        Frame own = Header(peer, FrameKind.Turn);
        own.Argument = peer.Turn;
        peer.Link.Send(own, default);
    }

    private void OnTurned(PeerState peer, long turn)
    {
        if (turn == peer.Turn)
        {
            peer.IsTurned = true;
            CheckKept(peer);
        }
    }

    // Stable has passed what it had when the turn began: else a failover takes back what it has, and nothing tells.
    private void CheckKept(PeerState peer)
    {
        if (peer.Turn == 0 || !peer.IsTurned || Stable < peer.TurnSeq)
        {
            return;
        }

        foreach (PeerState other in _peers)
        {
            if (other.IsAttached && (other == peer || other.IsRequired))
            {
                Frame kept = Header(other, FrameKind.Kept);
                kept.Argument = peer.Turn;
                other.Link.Send(kept, default);
            }
        }

        peer.Turn = 0;
    }
}
