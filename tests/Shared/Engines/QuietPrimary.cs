using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Wire;
using ActorSan.Storage.Blocks;

namespace ActorSan.Tests.Shared.Engines;

/// <summary>
/// The engine of a primary whose peers acknowledge everything at the next turn: operations of 4 KiB, a number of them at once, from admission to answer. What is measured with it is
/// the primary's own part alone.
/// </summary>
internal sealed unsafe class QuietPrimary
{
    private readonly QuietVolume _volume;
    private readonly EchoLink[] _links;
    private readonly VolumeEngine _engine;
    private readonly List<Operation> _ready = [];

    public QuietPrimary(int replicas, int depth)
    {
        _volume = new QuietVolume(replicas);
        _links = new EchoLink[replicas - 1];
        for (int i = 0; i < _links.Length; i++)
        {
            _links[i] = new EchoLink(_volume.Configuration.InSync[i + 1]);
        }

        _engine = _volume.Open(0, _links);
        _engine.Execute(new BecomePrimary(_volume.Configuration));
        TurnUntil(() => _volume.Events.Last<AttachRoundOver>() is not null);
        _engine.Execute(new Reconcile(_volume.Configuration.Reign));
        TurnUntil(() => _engine.Primary is { IsServing: true });
        for (int i = 0; i < depth; i++)
        {
            _ready.Add(new Operation(this));
        }
    }

    /// <summary>Operations that were answered.</summary>
    public long Answered { get; private set; }

    /// <summary>Submits as many operations as are to be in flight, and lets everything turn until each has been answered.</summary>
    public void Run(VolumeOperationKind kind)
    {
        int count = _ready.Count;
        long before = Answered;
        for (int i = 0; i < count; i++)
        {
            Operation operation = _ready[_ready.Count - 1];
            _ready.RemoveAt(_ready.Count - 1);
            operation.Kind = kind;
            operation.OffsetBytes = _volume.NextOffset();
            operation.LengthBytes = QuietVolume.BlockBytes;
            operation.Data = _volume.Data;
            _engine.Submit(operation);
        }

        while (Answered - before < count && Turn())
        {
        }

        if (Answered - before != count)
        {
            throw new InvalidOperationException($"{count - (Answered - before)} operations were never answered");
        }
    }

    private bool Turn()
    {
        bool any = _volume.Turns.Turn();
        foreach (EchoLink link in _links)
        {
            any |= link.Turn(_engine);
        }

        return any;
    }

    private void TurnUntil(Func<bool> there)
    {
        while (!there())
        {
            if (!Turn())
            {
                throw new InvalidOperationException("the primary does not begin to serve");
            }
        }
    }

    private sealed class Operation(QuietPrimary primary) : VolumeOperation
    {
        protected internal override void OnCompleted()
        {
            if (Status != VolumeStatus.Success)
            {
                throw new InvalidOperationException($"{Kind} ended with {Status}");
            }

            primary.Answered++;
            primary._ready.Add(this);
        }
    }

    /// <summary>A peer that agrees to every attachment and has done everything as soon as it arrives.</summary>
    private sealed class EchoLink(Member peer) : IPeerLink
    {
        private readonly Queue<Frame> _answers = new(1024);
        private readonly Queue<SendHold> _holds = new(1024);

        public string Peer => peer.Node;

        public bool IsUp => true;

        public bool IsGone => false;

        public long FreeBytes => long.MaxValue;

        public void Send(in Frame frame, byte* data, SendHold? hold)
        {
            if (hold is not null)
            {
                _holds.Enqueue(hold);
            }

            Answer(frame);
        }

        public void Send(in Frame frame, ReadOnlySpan<byte> body) => Answer(frame);

        public void Cancel(long attachment) => throw new InvalidOperationException("an attachment ended");

        public bool Turn(VolumeEngine engine)
        {
            int holds = _holds.Count;
            int answers = _answers.Count;
            for (int i = 0; i < holds; i++)
            {
                _holds.Dequeue().Release();
            }

            for (int i = 0; i < answers; i++)
            {
                Frame answer = _answers.Dequeue();
                if (answer.Kind == FrameKind.Attached)
                {
                    Attached(engine, answer);
                    continue;
                }

                engine.OnFrame(this, answer, null, null);
            }

            return holds + answers > 0;
        }

        private void Attached(VolumeEngine engine, Frame answer)
        {
            var writer = new ContentWriter();
            BodyCodec.Write(writer, new AttachedBody(default, peer.Incarnation, peer.Session, Coarse: false, default, default, default, QuietVolume.SizeBytes));
            answer.DataBytes = writer.Length;
            fixed (byte* body = writer.Written)
            {
                engine.OnFrame(this, answer, body, null);
            }
        }

        private void Answer(in Frame frame)
        {
            FrameKind kind = frame.Kind switch
            {
                FrameKind.Attach => FrameKind.Attached,
                FrameKind.Write or FrameKind.Zero or FrameKind.Attribute or FrameKind.Flush => FrameKind.Ack,
                FrameKind.Confirm => FrameKind.Confirmed,
                _ => FrameKind.None,
            };
            if (kind != FrameKind.None)
            {
                _answers.Enqueue(new Frame { Kind = kind, Attachment = frame.Attachment, Epoch = frame.Epoch, Seq = frame.Seq, Argument = frame.Argument, Mark = 1 });
            }
        }
    }
}
