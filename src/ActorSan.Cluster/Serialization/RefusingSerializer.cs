using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Akka.Serialization;

namespace ActorSan.Cluster.Serialization;

/// <summary>
/// In the place of Akka's serializer for whatever has none of its own: that one is JSON with CLR names, and makes any type that the bytes name. Nothing of ours goes that way, so
/// all of it is refused.
/// </summary>
public sealed class RefusingSerializer : Serializer
{
    private readonly Lazy<ILoggingAdapter> _log;

    /// <param name="settings">What Akka has for the JSON serializer, which it hands on to whatever stands in its place.</param>
    public RefusingSerializer(ExtendedActorSystem system, Config settings)
        : base(system)
    {
        _ = settings;
        _log = new(() => Logging.GetLogger(system, nameof(RefusingSerializer)));
    }

    /// <summary>That of Akka's JSON serializer.</summary>
    public override int Identifier => 1;

    public override bool IncludeManifest => false;

    /// <exception cref="SerializationException">Always.</exception>
    public override byte[] ToBinary(object obj)
    {
        _log.Value.Warning("A {Type} is not sent: it has no serializer", obj.GetType());
        throw WireTypes.Refusal($"{WireTypes.NameOf(obj.GetType())} has no serializer.");
    }

    /// <exception cref="SerializationException">Always.</exception>
    public override object FromBinary(byte[] bytes, Type type)
    {
        _log.Value.Warning("A message of {Length} bytes by Akka's JSON serializer is refused", bytes.Length);
        throw WireTypes.Refusal("What is written by Akka's JSON serializer is not read.");
    }
}
