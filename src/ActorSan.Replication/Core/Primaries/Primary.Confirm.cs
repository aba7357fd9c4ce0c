using ActorSan.Replication.Core.Frames;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>
/// Rounds in which every required peer says that it still takes this primary's frames: for reads (W8), and for the marks of the own store. A write of which nobody else has heard
/// under which mark it went would be lost unseen with an old copy of this store, so its completion waits for the mark to be heard (W2). That costs a round trip where a chunk is
/// touched for the first time, and nothing after.
/// </summary>
public sealed unsafe partial class Primary
{
    private const int RoundsKept = 64;

    // The mark that each of the last rounds told.
    private readonly long[] _roundMarks = new long[RoundsKept];
    private long _confirmRound;
    private long _confirmWanted;
    private long _markTold;

    /// <summary>W8: a round that is sent after this call: the next one, which waits for the one under way, so that all reads of that time share it.</summary>
    private long JoinRound()
    {
        _confirmWanted = _confirmRound + 1;
        if (IsConfirmed(_confirmRound))
        {
            BeginRound();
            return _confirmRound;
        }

        return _confirmWanted;
    }

    private void BeginRound()
    {
        _confirmRound++;
        _markTold = _replica.Mark;
        _roundMarks[_confirmRound % RoundsKept] = _markTold;
        foreach (PeerState peer in _peers)
        {
            SendConfirm(peer);
        }
    }

    private void SendConfirm(PeerState peer)
    {
        if (_confirmRound > 0 && peer.IsRequired && peer.IsAttached && peer.ConfirmedRound < _confirmRound)
        {
            Frame confirm = Header(peer, FrameKind.Confirm);
            confirm.Argument = _confirmRound;
            peer.ConfirmSentNs = _clock.NowNs;
            peer.Link.Send(confirm, default);
        }
    }

    private void OnConfirmed(PeerState peer, long round)
    {
        if (round <= peer.ConfirmedRound)
        {
            return;
        }

        peer.ConfirmedRound = round;
        if (_confirmRound - round < RoundsKept && _roundMarks[round % RoundsKept] > peer.HeardMark)
        {
            peer.HeardMark = _roundMarks[round % RoundsKept];
            CheckAll();
        }

        AnswerConfirmed();
        BeginWantedRound();
    }

    private void BeginWantedRound()
    {
        if (_confirmWanted > _confirmRound && IsConfirmed(_confirmRound))
        {
            BeginRound();
        }
    }

    private bool IsConfirmed(long round)
    {
        foreach (PeerState peer in _peers)
        {
            if (peer.IsRequired && peer.ConfirmedRound < round)
            {
                return false;
            }
        }

        return true;
    }

    private void AnswerConfirmed()
    {
        for (int i = 0; _confirmRound > 0 && i < _tasks.Count; i++)
        {
            if (_tasks[i].IsConfirming)
            {
                TryAnswer(_tasks[i]);
            }
        }
    }

    /// <summary>W2: everyone who is required has heard the mark under which the own store has it.</summary>
    private bool IsMarkHeard(PrimaryTask task)
    {
        if (task.Kind is TaskKind.Flush or TaskKind.Attribute || _bugs.Has(Bug.CompleteBeforeMarkIsHeard))
        {
            return true;
        }

        bool heard = true;
        foreach (PeerState peer in _peers)
        {
            heard &= !peer.IsRequired || peer.HeardMark >= task.Local.Mark;
        }

        if (!heard && _markTold < task.Local.Mark)
        {
            BeginRound();
        }

        return heard;
    }
}
