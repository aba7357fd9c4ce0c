using System.Buffers.Binary;

namespace ActorSan.Scsi;

/// <summary>The three sense key specific bytes (SPC-4 §4.5.2.4.x), as a number with SKSV at the top; zero when there are none.</summary>
public readonly record struct SenseKeySpecific(uint Bits)
{
    public bool IsPresent => Bits != 0;

    /// <summary>Field pointer for ILLEGAL REQUEST: the first wrong byte and, if <paramref name="bit"/> is 0 to 7, the most significant wrong bit in it.</summary>
    public static SenseKeySpecific Field(bool inCdb, int byteIndex, int bit = -1)
    {
        uint first = 0x80u | (inCdb ? 0x40u : 0u) | (bit >= 0 ? 0x08u | (uint)bit : 0u);
        return new SenseKeySpecific((first << 16) | (ushort)Math.Min(byteIndex, ushort.MaxValue));
    }

    /// <summary>Progress indication for NOT READY and NO SENSE: a fraction of 65536.</summary>
    public static SenseKeySpecific Progress(ushort fraction) => new(0x80_0000u | fraction);

    /// <summary>Segment pointer for COPY ABORTED (SPC-4 §4.5.2.4.6): the byte offset is in the segment descriptor (or in the parameter list).</summary>
    public static SenseKeySpecific Segment(bool inSegmentDescriptor, int byteIndex, int bit = -1)
    {
        uint first = 0x80u | (inSegmentDescriptor ? 0x20u : 0u) | (bit >= 0 ? 0x08u | (uint)bit : 0u);
        return new SenseKeySpecific((first << 16) | (ushort)byteIndex);
    }
}

/// <summary>All that one sense data says, before its format is chosen.</summary>
/// <param name="Information">INFORMATION field; null leaves VALID zero.</param>
/// <param name="CommandSpecific">COMMAND-SPECIFIC INFORMATION field; null is absent.</param>
public readonly record struct SenseDescription(
    SenseKey Key,
    AdditionalSense Additional,
    SenseKeySpecific Specific = default,
    ulong? Information = null,
    ulong? CommandSpecific = null);

/// <summary>Sense data in its two formats (SPC-4 §4.5.2 descriptor, §4.5.3 fixed), current errors only.</summary>
public static class SenseData
{
    public const int FixedBytes = 18;

    /// <summary>Header and every descriptor that can be present.</summary>
    public const int MaxBytes = 8 + 12 + 12 + 8;

    /// <summary>Writes into <paramref name="destination"/> (at least <see cref="MaxBytes"/>) and returns the length.</summary>
    public static int Write(Span<byte> destination, bool descriptorFormat, in SenseDescription sense) =>
        descriptorFormat ? WriteDescriptors(destination, sense) : WriteFixed(destination, sense);

    private static int WriteFixed(Span<byte> to, in SenseDescription sense)
    {
        to = to[..FixedBytes];
        to.Clear();
        to[0] = 0x70;
        to[2] = (byte)sense.Key;
        to[7] = FixedBytes - 8;
        // An information value that does not fit makes the field invalid, not wrong.
        if (sense.Information is <= uint.MaxValue)
        {
            to[0] |= 0x80;
            BinaryPrimitives.WriteUInt32BigEndian(to[3..], (uint)sense.Information.Value);
        }

        if (sense.CommandSpecific is <= uint.MaxValue)
        {
            BinaryPrimitives.WriteUInt32BigEndian(to[8..], (uint)sense.CommandSpecific.Value);
        }

        BinaryPrimitives.WriteUInt16BigEndian(to[12..], (ushort)sense.Additional);
        WriteSpecific(to[15..], sense.Specific);
        return FixedBytes;
    }

    private static int WriteDescriptors(Span<byte> to, in SenseDescription sense)
    {
        to = to[..MaxBytes];
        to.Clear();
        to[0] = 0x72;
        to[1] = (byte)sense.Key;
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], (ushort)sense.Additional);
        int length = 8;
        if (sense.Information is { } information)
        {
            to[length] = 0x00;
            to[length + 1] = 0x0A;
            to[length + 2] = 0x80;
            BinaryPrimitives.WriteUInt64BigEndian(to[(length + 4)..], information);
            length += 12;
        }

        if (sense.CommandSpecific is { } specific)
        {
            to[length] = 0x01;
            to[length + 1] = 0x0A;
            BinaryPrimitives.WriteUInt64BigEndian(to[(length + 4)..], specific);
            length += 12;
        }

        if (sense.Specific.IsPresent)
        {
            to[length] = 0x02;
            to[length + 1] = 0x06;
            WriteSpecific(to[(length + 4)..], sense.Specific);
            length += 8;
        }

        to[7] = (byte)(length - 8);
        return length;
    }

    private static void WriteSpecific(Span<byte> to, SenseKeySpecific specific)
    {
        to[0] = (byte)(specific.Bits >> 16);
        to[1] = (byte)(specific.Bits >> 8);
        to[2] = (byte)specific.Bits;
    }
}
