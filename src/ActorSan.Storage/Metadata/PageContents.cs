using System.Buffers.Binary;
using System.Text;

namespace ActorSan.Storage.Metadata;

/// <summary>
/// The content of <see cref="MetadataPage.State"/>, 16 bytes: flags (1; bit 0: closed in order, after the last flush), zero (7), how often the store was opened for writing (8).
/// </summary>
internal readonly record struct StateContent(bool Clean, ulong OpenCount)
{
    public const int Bytes = 16;
    private const byte CleanFlag = 1;

    public void Write(Span<byte> content)
    {
        content[..Bytes].Clear();
        content[0] = Clean ? CleanFlag : (byte)0;
        BinaryPrimitives.WriteUInt64LittleEndian(content[8..], OpenCount);
    }

    public static bool TryRead(ReadOnlySpan<byte> content, out StateContent state)
    {
        bool good = content.Length >= Bytes && (content[0] & ~CleanFlag) == 0;
        state = good ? new StateContent((content[0] & CleanFlag) != 0, BinaryPrimitives.ReadUInt64LittleEndian(content[8..])) : default;
        return good;
    }
}

/// <summary>
/// The content of <see cref="MetadataPage.Identity"/>: incarnation of the store (16), lineage (16; zero until the volume is replicated), length (1) and UTF-8 bytes of the name
/// that the volume had at format, for people.
/// </summary>
internal sealed record IdentityContent(Guid Incarnation, Guid Lineage, string Label)
{
    public const int MaxLabelBytes = 255;
    private const int FixedBytes = 33;

    public byte[] ToBytes()
    {
        byte[] label = Encoding.UTF8.GetBytes(Label);
        Invariant.Check(label.Length <= MaxLabelBytes);
        var content = new byte[FixedBytes + label.Length];
        _ = Incarnation.TryWriteBytes(content, bigEndian: true, out _);
        _ = Lineage.TryWriteBytes(content.AsSpan(16), bigEndian: true, out _);
        content[32] = (byte)label.Length;
        label.CopyTo(content, FixedBytes);
        return content;
    }

    public static IdentityContent? TryRead(ReadOnlySpan<byte> content) =>
        content.Length < FixedBytes || content.Length < FixedBytes + content[32]
            ? null
            : new IdentityContent(
                new Guid(content[..16], bigEndian: true),
                new Guid(content.Slice(16, 16), bigEndian: true),
                Encoding.UTF8.GetString(content.Slice(FixedBytes, content[32])));
}
