using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Wire;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Frames;

/// <summary>Turns a body into the bytes behind a frame and back. Cold frames only.</summary>
public static class FrameBodies
{
    public static void Send(IPeerLink link, Frame frame, object body)
    {
        var writer = new ContentWriter();
        switch (body)
        {
            case AttachBody attach:
                BodyCodec.Write(writer, attach);
                break;
            case AttachedBody attached:
                BodyCodec.Write(writer, attached);
                break;
            case RefusedBody refused:
                BodyCodec.Write(writer, refused);
                break;
            case ConfigBody config:
                BodyCodec.Write(writer, config);
                break;
            case MarksBody marks:
                BodyCodec.Write(writer, marks);
                break;
            case SetBody set:
                BodyCodec.Write(writer, set);
                break;
            default:
                Invariant.Fail("no frame has such a body");
                break;
        }

        frame.DataBytes = writer.Written.Length;
        link.Send(frame, writer.Written);
    }

    private static bool Nothing(out object? body, out string fault)
    {
        (body, fault) = (null, "");
        return true;
    }

    /// <summary>Null: the frame's kind has none. False: it cannot be read, and the sentence says why.</summary>
    public static bool TryRead(FrameKind kind, ReadOnlySpan<byte> bytes, out object? body, out string fault)
    {
        bool read;
        ContentFault found = default;
        switch (kind)
        {
            case FrameKind.Attach:
                read = BodyCodec.TryRead(bytes, out AttachBody? attach, out found);
                body = attach;
                break;
            case FrameKind.Attached:
                read = BodyCodec.TryRead(bytes, out AttachedBody? attached, out found);
                body = attached;
                break;
            case FrameKind.Refused:
                read = BodyCodec.TryRead(bytes, out RefusedBody? refused, out found);
                body = refused;
                break;
            case FrameKind.Config:
                read = BodyCodec.TryRead(bytes, out ConfigBody? config, out found);
                body = config;
                break;
            case FrameKind.Stable:
                read = BodyCodec.TryRead(bytes, out MarksBody? marks, out found);
                body = marks;
                break;
            case FrameKind.Turn when bytes.IsEmpty:
                return Nothing(out body, out fault);
            case FrameKind.SetRanges or FrameKind.Turn:
                read = BodyCodec.TryRead(bytes, out SetBody? set, out found);
                body = set;
                break;
            default:
                read = true;
                body = null;
                break;
        }

        fault = read ? "" : found.Sentence;
        return read;
    }
}
