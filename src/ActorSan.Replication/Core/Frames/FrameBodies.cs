using ActorSan.Replication.Core.Ports;

namespace ActorSan.Replication.Core.Frames;

/// <summary>Turns a body into the bytes behind a frame and back. Cold frames only.</summary>
public static class FrameBodies
{
    public static void Send(IPeerLink link, Frame frame, object body)
    {
        ReadOnlySpan<byte> bytes = ActorSan.Replication.Wire.BodyCodec.Write(body);
        frame.DataBytes = bytes.Length;
        link.Send(frame, bytes);
    }
}
