using Akka;
using Akka.Actor;

namespace ActorSan.Cluster.Membership;

/// <summary>
/// Akka.Remote runs Akka's coordinated shutdown whenever a node that it dials fails the TLS handshake: one node with an expired certificate would end every other that knows it. Only a
/// node that leaves the group may run it; any other run fails in its first phase, and so does nothing (cluster.conf: that phase does not recover).
/// </summary>
internal static class OrderlyShutdown
{
    /// <summary>To be called once, before anything is dialled or as soon after as can be.</summary>
    public static void Guard(ActorSystem system)
    {
        CoordinatedShutdown shutdown = CoordinatedShutdown.Get(system);
        shutdown.AddTask(CoordinatedShutdown.PhaseBeforeServiceUnbind, "only-when-leaving", () => shutdown.ShutdownReason is CoordinatedShutdown.ClusterLeavingReason
            ? Task.FromResult(Done.Instance)
            : Task.FromException<Done>(new InvalidOperationException("The node goes on: it is not leaving the group.")));
    }
}
