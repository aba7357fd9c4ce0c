using Akka.Actor;

namespace ActorSan.Cluster.Actors;

/// <summary>
/// What a throwing actor means. An actor here throws only for a bug of ours: expected failures are messages. The actors that own threads, volumes and targets cannot
/// be started anew without what they own, so the failure goes up and the guardian stops the node in order; a session's actor owns nothing and just ends.
/// </summary>
internal static class Supervision
{
    public static SupervisorStrategy EscalateAll { get; } = new OneForOneStrategy(_ => Directive.Escalate, loggingEnabled: false);

    public static SupervisorStrategy StopChild { get; } = new OneForOneStrategy(_ => Directive.Stop);
}
