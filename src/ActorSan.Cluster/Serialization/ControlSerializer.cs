using System.Buffers.Binary;
using System.Runtime.Serialization;
using System.Text;
using ActorSan.Replication.Core.Ports;
using ActorSan.Storage;
using Akka.Actor;
using Akka.Event;
using Akka.Serialization;

namespace ActorSan.Cluster.Serialization;

/// <summary>
/// Control messages on Akka.Remote. The manifest names message and version (<see cref="WireContract"/>); the bytes are a CRC32C (4, little endian) of manifest and payload, then the
/// payload (<see cref="PayloadCheck"/>). What is not one of the listed messages, whole and undamaged, is refused with a log line before anything is made of it.
/// </summary>
public sealed class ControlSerializer : SerializerWithStringManifest
{
    /// <summary>On the wire: never to be changed. Akka keeps 0 to 40 for itself.</summary>
    public const int WireIdentifier = 7310;

    private const int ChecksumBytes = sizeof(uint);

    private readonly ControlWire _wire;

    // Not before it is used: Akka makes serializers before it has anything to log with.
    private readonly Lazy<ILoggingAdapter> _log;

    /// <summary>As Akka makes it, from its configuration.</summary>
    public ControlSerializer(ExtendedActorSystem system)
        : this(system, ControlWire.Current)
    {
    }

    public ControlSerializer(ExtendedActorSystem system, ControlWire wire)
        : base(system)
    {
        _wire = wire;
        _log = new(() => Logging.GetLogger(system, nameof(ControlSerializer)));
    }

    public override int Identifier => WireIdentifier;

    /// <exception cref="SerializationException">It is no message of the list.</exception>
    public override string Manifest(object o) => ContractOf(o).Manifest;

    /// <exception cref="SerializationException">It is no message of the list, or something in it is not allowed.</exception>
    public override byte[] ToBinary(object obj)
    {
        WireContract contract = ContractOf(obj);
        try
        {
            using var stream = new MemoryStream();
            stream.Write(stackalloc byte[ChecksumBytes]);
            _wire.Form.Write(stream, contract.ToShape!((ControlMessage)obj));
            byte[] bytes = stream.ToArray();
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, Checksum(contract.Manifest, bytes));
            return bytes;
        }
        catch (Exception failure)
        {
            throw Refuse("A {Message} is not sent: {Reason:l}", contract.Manifest, $"{failure.GetBaseException().Message}", failure);
        }
    }

    /// <exception cref="SerializationException">An unknown message or version, damaged bytes, or a payload that is another one's or has something in it that is not allowed.</exception>
    public override object FromBinary(byte[] bytes, string manifest)
    {
        try
        {
            WireContract contract = _wire.Read(manifest) ?? throw WireTypes.Refusal(WhyUnknown(manifest));
            if (bytes.Length < ChecksumBytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Checksum(manifest, bytes))
            {
                throw WireTypes.Refusal($"The {bytes.Length} bytes are damaged.");
            }

            return contract.FromShape(_wire.Form.Read(contract.Shape, bytes, ChecksumBytes));
        }
        catch (Exception failure)
        {
            throw Refuse("A message {Message} is refused: {Reason:l}", manifest, failure.GetBaseException().Message, failure);
        }
    }

    /// <summary>Of a manifest and what follows the checksum.</summary>
    internal static uint Checksum(string manifest, ReadOnlySpan<byte> bytes) => Crc32C.Append(Crc32C.Compute(Encoding.UTF8.GetBytes(manifest)), bytes[ChecksumBytes..]);

    private WireContract ContractOf(object message)
        => _wire.Written(message.GetType()) ?? throw Refuse("A {Message} is not sent: {Reason:l}", WireTypes.NameOf(message.GetType()), "It is not a control message that may be sent.", null);

    private string WhyUnknown(string manifest)
    {
        string name = manifest.Split(':')[0];
        string[] known = [.. _wire.Messages.Where(message => message.Name == name).OrderBy(message => message.Version).Select(message => message.Manifest)];
        return known.Length == 0 ? "No such message is known." : $"Known is {string.Join(", ", known)}: the sender's release is not next to this one's.";
    }

    private SerializationException Refuse(string template, string message, string reason, Exception? cause)
    {
        _log.Value.Warning(template, message, reason);
        return new SerializationException(template.Replace("{Message}", message, StringComparison.Ordinal).Replace("{Reason:l}", reason, StringComparison.Ordinal), cause);
    }
}
