using Akka.Actor;

namespace ActorSan.Cluster.Management;

/// <summary>The actors of a system, as they are at one moment.</summary>
internal static class ActorTrees
{
    public static ActorTree Of(ActorSystem system)
    {
        var guardian = (ActorRefWithCell)((ExtendedActorSystem)system).Guardian;
        return new ActorTree("user", "guardian", null, [.. Children(guardian)]);
    }

    private static IEnumerable<ActorTree> Children(ActorRefWithCell actor) =>
        actor.Children.OfType<ActorRefWithCell>().OrderBy(child => child.Path.Name, StringComparer.Ordinal)
            .Select(child => new ActorTree(child.Path.Name, child.Underlying.Props.Type.Name, child.Underlying.NumberOfMessages, [.. Children(child)]));
}
