using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Event;
using Akka.Serialization;

namespace ActorSan.Cluster.Serialization;

/// <summary>
/// In the place of Akka.Remote's serializer of remote deployments: those name a class, with arguments for its constructor, that the receiver is to make an actor of. No node of ours
/// deploys actors on another, so all of them are refused.
/// </summary>
public sealed class RefusingDeploySerializer : Serializer
{
    private readonly Lazy<ILoggingAdapter> _log;

    public RefusingDeploySerializer(ExtendedActorSystem system)
        : base(system) => _log = new(() => Logging.GetLogger(system, nameof(RefusingDeploySerializer)));

    /// <summary>That of Akka.Remote's.</summary>
    public override int Identifier => 3;

    public override bool IncludeManifest => false;

    /// <exception cref="SerializationException">Always.</exception>
    public override byte[] ToBinary(object obj)
    {
        _log.Value.Warning("An actor is not deployed on another node");
        throw WireTypes.Refusal("No actor is deployed on another node.");
    }

    /// <exception cref="SerializationException">Always.</exception>
    public override object FromBinary(byte[] bytes, Type type)
    {
        _log.Value.Warning("A remote deployment of {Length} bytes is refused", bytes.Length);
        throw WireTypes.Refusal("No actor is deployed from another node.");
    }
}
