using System.Globalization;
using ActorSan.Replication.Core.Ports;

namespace ActorSan.Cluster.Serialization;

/// <summary>Which of a node's mailboxes a message goes to.</summary>
public enum ControlLane : byte
{
    /// <summary>Registers, members, wishes: may wait for a journal.</summary>
    Register,

    /// <summary>Leases: never behind anything else.</summary>
    Lease,
}

/// <summary>
/// One version of one message. Its manifest is <c>name:version</c>; a change of its fields, or of those of anything in it, is a new version with a shape of its own, and every
/// version is read one release before it is written, so that a node one release older understands what it is sent.
/// </summary>
/// <param name="Message">What the node knows.</param>
/// <param name="Shape">What is in the payload: the message itself, or the shape that it had in this version.</param>
/// <param name="ToShape">Null: this version is read, and another is written.</param>
/// <param name="FromShape">Makes the message of what was read.</param>
public sealed record WireContract(string Name, int Version, ControlLane Lane, Type Message, Type Shape, Func<ControlMessage, object>? ToShape, Func<object, ControlMessage> FromShape)
{
    public string Manifest { get; } = string.Create(CultureInfo.InvariantCulture, $"{Name}:{Version}");

    /// <summary>A version that is the message as it is.</summary>
    public static WireContract Of<T>(string name, int version, ControlLane lane)
        where T : ControlMessage
        => new(name, version, lane, typeof(T), typeof(T), message => message, shape => (ControlMessage)shape);
}
