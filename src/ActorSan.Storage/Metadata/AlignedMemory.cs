using System.Runtime.InteropServices;

namespace ActorSan.Storage.Metadata;

/// <summary>Native memory that direct I/O takes as it is, zeroed; freed with its last owner: a request in flight keeps its owner alive.</summary>
internal sealed unsafe class AlignedMemory
{
    public AlignedMemory(int lengthBytes)
    {
        LengthBytes = lengthBytes;
        Address = (byte*)NativeMemory.AlignedAlloc((nuint)lengthBytes, MetadataFormat.UnitBytes);
        Span.Clear();
    }

    ~AlignedMemory() => NativeMemory.AlignedFree(Address);

    public byte* Address { get; }

    public int LengthBytes { get; }

    public Span<byte> Span => new(Address, LengthBytes);
}
