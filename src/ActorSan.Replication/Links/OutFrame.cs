using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Wire;
using ActorSan.Storage;

namespace ActorSan.Replication.Links;

/// <summary>A frame or a note on its way out: its header and a copied body in native memory of its own, or the sender's bytes where they lie. Reused, in at most one queue.</summary>
internal sealed unsafe class OutFrame : IDisposable
{
    /// <summary>Room that an item keeps for its next body; acknowledgements, digests and marks are far shorter.</summary>
    public const int KeptBodyBytes = 1024;

    private byte* _memory = (byte*)NativeMemory.Alloc(FrameHeader.Bytes + KeptBodyBytes);
    private byte* _large;

    public OutFrame? Next { get; set; }

    /// <summary>Null: a note, which belongs to the connection.</summary>
    public LinkChannel? Channel { get; private set; }

    public long Attachment { get; private set; }

    public SendHold? Hold { get; private set; }

    /// <summary>Header, or the whole note.</summary>
    public byte* Head => _memory;

    public int HeadBytes { get; private set; }

    public byte* Data { get; private set; }

    public int DataBytes { get; private set; }

    public int WireBytes => HeadBytes + DataBytes;

    /// <summary>The data stays where it is until the hold is given back.</summary>
    public void Set(LinkChannel channel, in Frame frame, byte* data, SendHold hold)
    {
        Data = data;
        Hold = hold;
        Finish(channel, frame);
    }

    /// <summary>The body is copied.</summary>
    public void Set(LinkChannel channel, in Frame frame, ReadOnlySpan<byte> body)
    {
        if (body.Length > KeptBodyBytes)
        {
            _large = (byte*)NativeMemory.Alloc((nuint)body.Length);
        }

        Data = body.Length > KeptBodyBytes ? _large : _memory + FrameHeader.Bytes;
        body.CopyTo(new Span<byte>(Data, body.Length));
        Finish(channel, frame);
    }

    public void Set(in LinkNote note)
    {
        note.Write(new Span<byte>(_memory, LinkNote.Bytes));
        HeadBytes = LinkNote.Bytes;
        DataBytes = 0;
    }

    /// <summary>Forgets what it carried. Who calls gives the hold back.</summary>
    public void Clear()
    {
        Channel = null;
        Hold = null;
        Data = null;
        NativeMemory.Free(_large);
        _large = null;
    }

    public void Dispose()
    {
        NativeMemory.Free(_memory);
        NativeMemory.Free(_large);
        _memory = _large = null;
    }

    private void Finish(LinkChannel channel, in Frame frame)
    {
        Channel = channel;
        Attachment = frame.Attachment;
        HeadBytes = FrameHeader.Bytes;
        DataBytes = frame.DataBytes;
        uint checksum = DataBytes == 0 ? 0 : Crc32C.Append(0, Data, DataBytes);
        FrameHeader.Write(channel.VolumeId, frame, checksum, new Span<byte>(_memory, FrameHeader.Bytes));
    }
}

/// <summary>A FIFO of <see cref="OutFrame"/>.</summary>
internal struct OutFrameList
{
    private OutFrame? _last;

    public OutFrame? First { get; private set; }

    public void Add(OutFrame item)
    {
        item.Next = null;
        if (_last is null)
        {
            First = item;
        }
        else
        {
            _last.Next = item;
        }

        _last = item;
    }

    public OutFrame RemoveFirst()
    {
        OutFrame item = First!;
        First = item.Next;
        _last = First is null ? null : _last;
        item.Next = null;
        return item;
    }
}
