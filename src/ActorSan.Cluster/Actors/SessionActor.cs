using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Iscsi;
using Akka.Actor;

namespace ActorSan.Cluster.Actors;

/// <summary>One session as control sees it: who it is, since when, and how to end it. The session itself lives on its I/O thread.</summary>
public sealed class SessionActor : ReceiveActor
{
    public SessionActor(SessionInfo session, IIscsiEngine engine)
    {
        DateTimeOffset since = Context.System.Scheduler.Now;
        Receive<KickSession>(_ => engine.Kick(session.SessionId, "kicked"));
        Receive<GetSessionReport>(_ => Sender.Tell(new SessionReport(session, since)));
    }

    public static Props Props(SessionInfo session, IIscsiEngine engine) => Akka.Actor.Props.Create(() => new SessionActor(session, engine));
}
