using System.Buffers.Binary;

namespace ActorSan.Storage.Metadata;

/// <summary>
/// The first sector of a redo slot, version 1, little endian; the slot's bytes begin 4096 bytes behind it. Header and bytes are written side by side: each carries a checksum,
/// and the slot is in use only when both fit. All zero: the slot is empty.
/// <code>
///  0  4  magic "ASRD"        16 16  volume id
///  4  2  number of the slot  32  8  offset in the volume
///  6  2  version             40  8  length
///  8  8  sequence: slots are 48  4  CRC32C of the bytes, as they go to the store
///        replayed by it      52  4  CRC32C of the first 52 bytes
/// </code>
/// </summary>
internal readonly record struct RedoHeader(ulong Sequence, long OffsetBytes, int LengthBytes, uint DataCrc)
{
    /// <summary>What is written of it: the rest is zero.</summary>
    public const int WrittenBytes = MetadataFormat.UnitBytes;

    private const int UsedBytes = 56;
    private const int CrcAt = 52;
    private const ushort CurrentVersion = 1;

    private static ReadOnlySpan<byte> Magic => "ASRD"u8;

    public void Write(Span<byte> header, int slot, Guid volumeId)
    {
        header.Clear();
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)slot);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], CurrentVersion);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], Sequence);
        _ = volumeId.TryWriteBytes(header[16..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], OffsetBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], LengthBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header[48..], DataCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(header[CrcAt..], Crc32C.Compute(header[..CrcAt]));
    }

    /// <param name="header">A whole unit.</param>
    /// <param name="slot">Its number.</param>
    /// <param name="volumeId">Of this volume.</param>
    /// <param name="slotBytes">The most bytes that a slot holds.</param>
    /// <param name="read">What it says, when it is valid.</param>
    public static SlotState TryRead(ReadOnlySpan<byte> header, int slot, Guid volumeId, long slotBytes, out RedoHeader read)
    {
        read = default;
        if (!header[..UsedBytes].ContainsAnyExcept((byte)0))
        {
            return SlotState.Empty;
        }

        if (!header.StartsWith(Magic) || BinaryPrimitives.ReadUInt32LittleEndian(header[CrcAt..]) != Crc32C.Compute(header[..CrcAt])
            || BinaryPrimitives.ReadUInt16LittleEndian(header[4..]) != slot || new Guid(header.Slice(16, 16), bigEndian: true) != volumeId)
        {
            return SlotState.Damaged;
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(header[6..]) > CurrentVersion)
        {
            return SlotState.TooNew;
        }

        long offset = BinaryPrimitives.ReadInt64LittleEndian(header[32..]);
        long length = BinaryPrimitives.ReadInt64LittleEndian(header[40..]);
        if (offset < 0 || length <= 0 || length > slotBytes)
        {
            return SlotState.Damaged;
        }

        read = new RedoHeader(BinaryPrimitives.ReadUInt64LittleEndian(header[8..]), offset, (int)length, BinaryPrimitives.ReadUInt32LittleEndian(header[48..]));
        return SlotState.Valid;
    }
}
