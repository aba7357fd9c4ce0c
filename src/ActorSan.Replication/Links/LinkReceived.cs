using ActorSan.Replication.Core.Ports;
using ActorSan.Storage;
using ActorSan.Storage.Buffers;

namespace ActorSan.Replication.Links;

/// <summary>Received bytes in a buffer of the links' thread, aligned so that a disk can be written from it; reused.</summary>
internal sealed unsafe class LinkReceived(NodeLinks links) : ReceivedData
{
    private IoBuffer _buffer;

    public byte* Address => _buffer.Address;

    public void Begin(in IoBuffer buffer)
    {
        _buffer = buffer;
        Keeps = 1;
    }

    public override void OnReleased()
    {
        Invariant.Check(!_buffer.IsEmpty);
        IoBuffer buffer = _buffer;
        _buffer = default;
        links.ReturnReceived(this, buffer);
    }
}
