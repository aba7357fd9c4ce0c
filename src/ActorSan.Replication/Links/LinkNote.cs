using System.Buffers.Binary;
using ActorSan.Replication.Wire;
using ActorSan.Storage;

namespace ActorSan.Replication.Links;

/// <summary>What the two ends of a connection tell each other between frames.</summary>
public enum LinkNoteKind : byte
{
    None = 0,

    /// <summary>
    /// Nothing else is to be said: the sender lives. <see cref="LinkNote.Mine"/> is the sender's monotonic clock in nanoseconds; <see cref="LinkNote.Yours"/> is the stamp of the latest
    /// such note from the receiver plus the nanoseconds for which the sender has kept it, 0: none that was not answered. So the receiver knows the round trip.
    /// </summary>
    Alive = 1,

    /// <summary>
    /// How a volume stands at the sender. <see cref="LinkNote.Mine"/> is the number of its opening there, 0: it is not open. <see cref="LinkNote.Yours"/> is the number that the
    /// sender has heard last from the receiver, 0: none.
    /// </summary>
    Place = 2,
}

/// <summary>
/// A note, version 1, 44 bytes, little endian.
/// <code>
///  0  4  magic "ASLK"     8 16  volume id    40  4  CRC32C of the 40 bytes before
///  4  1  version, 1      24  8  mine
///  5  1  its length, 44  32  8  yours
///  6  1  kind
///  7  1  zero
/// </code>
/// </summary>
public readonly record struct LinkNote(LinkNoteKind Kind, Guid VolumeId, long Mine, long Yours)
{
    public const int Bytes = 44;
    public const byte Version = 1;

    private const int ChecksumAt = Bytes - sizeof(uint);

    private static ReadOnlySpan<byte> Magic => "ASLK"u8;

    /// <summary>By its first four bytes.</summary>
    public static bool IsNote(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Magic);

    public void Write(Span<byte> note)
    {
        note = note[..Bytes];
        note.Clear();
        Magic.CopyTo(note);
        note[4] = Version;
        note[5] = Bytes;
        note[6] = (byte)Kind;
        _ = VolumeId.TryWriteBytes(note[8..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(note[24..], Mine);
        BinaryPrimitives.WriteInt64LittleEndian(note[32..], Yours);
        BinaryPrimitives.WriteUInt32LittleEndian(note[ChecksumAt..], Crc32C.Compute(note[..ChecksumAt]));
    }

    /// <param name="bytes">At least <see cref="Bytes"/>, of which <see cref="IsNote"/>.</param>
    public static FrameFault TryRead(ReadOnlySpan<byte> bytes, out LinkNote note)
    {
        note = default;
        FrameFault fault = bytes[4] != Version ? FrameFault.OtherVersion
            : bytes[5] != Bytes ? FrameFault.HeaderLength
            : Crc32C.Compute(bytes[..ChecksumAt]) != BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumAt..]) ? FrameFault.HeaderChecksum
            : bytes[7] != 0 ? FrameFault.NotZero
            : (LinkNoteKind)bytes[6] is not (LinkNoteKind.Alive or LinkNoteKind.Place) ? FrameFault.UnknownKind
            : FrameFault.None;
        if (fault != FrameFault.None)
        {
            return fault;
        }

        note = new LinkNote(
            (LinkNoteKind)bytes[6],
            new Guid(bytes.Slice(8, 16), bigEndian: true),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]));
        return note.Mine < 0 || note.Yours < 0 ? FrameFault.Negative : FrameFault.None;
    }
}
