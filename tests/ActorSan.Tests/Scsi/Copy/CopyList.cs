using System.Buffers.Binary;
using ActorSan.Scsi;

namespace ActorSan.Tests.Scsi.Copy;

/// <summary>Builds the parameter list of an EXTENDED COPY(LID1).</summary>
internal sealed class CopyList
{
    private readonly List<byte[]> _targets = [];
    private readonly List<byte[]> _segments = [];

    internal byte ListId { get; init; }

    /// <summary>LIST ID USAGE: 3 is none.</summary>
    internal byte Usage { get; init; } = 3;

    internal uint InlineBytes { get; init; }

    internal static byte[] Cdb(int length)
    {
        byte[] cdb = new byte[16];
        cdb[0] = 0x83;
        BinaryPrimitives.WriteInt32BigEndian(cdb.AsSpan(10), length);
        return cdb;
    }

    internal static byte[] Receive(byte serviceAction, byte listId, uint allocationLength = 1024)
    {
        byte[] cdb = new byte[16];
        cdb[0] = 0x84;
        cdb[1] = serviceAction;
        cdb[2] = listId;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(10), allocationLength);
        return cdb;
    }

    /// <summary>Identification descriptor of any bytes.</summary>
    internal CopyList Target(int codeSet, int type, ReadOnlySpan<byte> designator, int blockBytes = 512, byte flags = 0, bool pad = false, byte descriptorType = 0xE4)
    {
        byte[] target = new byte[32];
        target[0] = descriptorType;
        target[1] = flags;
        target[4] = (byte)codeSet;
        target[5] = (byte)type;
        target[7] = (byte)designator.Length;
        designator[..Math.Min(20, designator.Length)].CopyTo(target.AsSpan(8));
        BinaryPrimitives.WriteInt32BigEndian(target.AsSpan(28), blockBytes | (pad ? 0x0400_0000 : 0));
        _targets.Add(target);
        return this;
    }

    internal CopyList Target(BlockDevice unit, bool pad = false) => Target(1, 3, unit.Identity.Naa.Span, unit.BlockBytes, pad: pad);

    internal CopyList Segment(int source, int destination, ulong from, ulong to, ushort blocks, byte flags = 0, byte type = 0x02)
    {
        byte[] segment = new byte[28];
        segment[0] = type;
        segment[1] = flags;
        segment[3] = 0x18;
        segment[5] = (byte)source;
        segment[7] = (byte)destination;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(10), blocks);
        BinaryPrimitives.WriteUInt64BigEndian(segment.AsSpan(12), from);
        BinaryPrimitives.WriteUInt64BigEndian(segment.AsSpan(20), to);
        _segments.Add(segment);
        return this;
    }

    internal byte[] Build()
    {
        byte[] header = new byte[16];
        header[0] = ListId;
        header[1] = (byte)(Usage << 3);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(_targets.Count * 32));
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(8), _segments.Count * 28);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(12), InlineBytes);
        return [.. header, .. _targets.SelectMany(bytes => bytes), .. _segments.SelectMany(bytes => bytes)];
    }
}
