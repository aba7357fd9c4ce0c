using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Wire;

namespace ActorSan.Tests.Shared.Engines;

/// <summary>The engine of a replica that is in sync, and a primary that sends it writes of 4 KiB, a number of them at once: from the frame to the acknowledgement.</summary>
internal sealed unsafe class QuietSecondary
{
    private readonly QuietVolume _volume = new(2);
    private readonly PrimaryLink _link;
    private readonly VolumeEngine _engine;
    private readonly KeptData _data = new();
    private readonly int _depth;
    private long _seq;

    public QuietSecondary(int depth)
    {
        _depth = depth;
        Configuration configuration = _volume.Configuration;
        _link = new PrimaryLink(configuration.Primary!.Node);
        _engine = _volume.Open(1, [_link]);
        var writer = new ContentWriter();
        BodyCodec.Write(writer, new AttachBody(configuration.VolumeId, configuration.Lineage, configuration.Reign, configuration.Primary, configuration, Settled: true, default));
        var attach = new Frame { Kind = FrameKind.Attach, Attachment = 1, Epoch = configuration.Epoch, DataBytes = writer.Length };
        fixed (byte* body = writer.Written)
        {
            _engine.OnFrame(_link, attach, body, null);
        }

        while (!_link.IsAttached)
        {
            if (!_volume.Turns.Turn())
            {
                throw new InvalidOperationException("the replica does not attach");
            }
        }
    }

    public long Acknowledged => _link.Acknowledged;

    /// <summary>Sends as many writes as are to be in flight, and lets everything turn until each has been acknowledged.</summary>
    public void Run()
    {
        long stable = _seq;
        for (int i = 0; i < _depth; i++)
        {
            var frame = new Frame
            {
                Kind = FrameKind.Write,
                Attachment = 1,
                Epoch = _volume.Configuration.Epoch,
                Seq = ++_seq,
                Stable = stable,
                Mark = 1,
                OffsetBytes = _volume.NextOffset(),
                LengthBytes = QuietVolume.BlockBytes,
                DataBytes = QuietVolume.BlockBytes,
            };
            _engine.OnFrame(_link, frame, _volume.Data, _data);
        }

        while (Acknowledged < _seq && _volume.Turns.Turn())
        {
        }

        if (Acknowledged != _seq || _data.Keeps != 0)
        {
            throw new InvalidOperationException($"{_seq - Acknowledged} writes were never acknowledged, {_data.Keeps} kept");
        }
    }

    private sealed class KeptData : ReceivedData
    {
        public override void OnReleased()
        {
        }
    }

    private sealed class PrimaryLink(string peer) : IPeerLink
    {
        public string Peer => peer;

        public bool IsUp => true;

        public bool IsGone => false;

        public long FreeBytes => long.MaxValue;

        public bool IsAttached { get; private set; }

        public long Acknowledged { get; private set; }

        public void Send(in Frame frame, byte* data, SendHold? hold) => throw new InvalidOperationException("a replica sends no data here");

        public void Send(in Frame frame, ReadOnlySpan<byte> body)
        {
            IsAttached |= frame.Kind == FrameKind.Attached;
            Acknowledged += frame.Kind == FrameKind.Ack ? 1 : 0;
        }

        public void Cancel(long attachment) => throw new InvalidOperationException("the attachment ended");
    }
}
