using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>§3, Protocols A and B: a replica that is never in sync is out wholly until it has caught up once; then it is out with sets (S1).</summary>
public sealed partial class VolumeControl
{
    private readonly List<PeerCaughtUp> _caughtUp = [];

    private void OnCaughtUp(PeerCaughtUp peer)
    {
        _ = _caughtUp.RemoveAll(other => other.Node == peer.Node);
        _caughtUp.Add(peer);
    }

    private CatchUp? NextCaughtUp(Configuration known)
    {
        _ = _caughtUp.RemoveAll(peer => peer.Epoch != Epoch || !IsOutWholly(known, peer));
        return _caughtUp.Count > 0 ? new CatchUp(this, _caughtUp[0]) : null;
    }

    private static bool IsOutWholly(Configuration configuration, PeerCaughtUp peer) =>
        configuration.ReplicaOf(peer.Node) is { LeftAt: null } entry && entry.Incarnation == peer.Incarnation && configuration.MemberOf(peer.Node) is null;

    private sealed class CatchUp(VolumeControl control, PeerCaughtUp peer) : Edit(control)
    {
        public override string Aim => "to note what an asynchronous replica has";

        protected override Configuration? Change(Configuration current)
        {
            if (!IsOutWholly(current, peer))
            {
                return null;
            }

            Configuration next = Volume.Next(current);
            return next with { Replicas = next.Replicas.Select(replica => replica.Node == peer.Node ? replica with { LeftAt = replica.HighestMark } : replica) };
        }
    }
}
