using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>§3, Protocols A and B, at a member and at the asynchronous replica itself.</summary>
public sealed unsafe partial class Secondary
{
    private long _turn;
    private bool _tellsReceived;

    private void OnTurn(in Frame frame, SetBody? about)
    {
        if (about is not null)
        {
            _replica.BeginSecondSet(about.Node, about.Incarnation, frame.Argument);
            return;
        }

        _turn = frame.Argument;
        _replica.BeginOwnTurn();
        Flush(FrameKind.Turned, frame.Argument);
    }

    private void OnKept(long turn)
    {
        if (_turn != turn)
        {
            _replica.KeepSecondSet(turn);
            return;
        }

        _turn = 0;
        _replica.EndOwnTurn();
    }

    // If an attachment ends between Turn and Kept, its two sets are one again.
    private void ForgetTurns()
    {
        _turn = 0;
        _replica.JoinSecondSets();
    }

    private void NoteProtocol(Configuration configuration) =>
        _tellsReceived = configuration.ReplicaOf(_replica.Node) is { Protocol: ReplicationProtocol.B };

    private void TellReceived(long seq)
    {
        if (_tellsReceived)
        {
            _link!.Send(Answer(FrameKind.Received, seq), default);
        }
    }
}
