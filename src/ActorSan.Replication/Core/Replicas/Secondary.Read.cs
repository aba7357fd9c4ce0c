using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Frames;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>What a primary reads here: bytes when its own store is gone (P10), digests for resync and verify (S6). It holds the range's lock meanwhile.</summary>
public sealed unsafe partial class Secondary
{
    private readonly List<FrameRead> _reading = [];

    /// <summary>When the oldest read that has not ended was submitted; long.MaxValue: none.</summary>
    public long OldestReadNs()
    {
        long oldest = long.MaxValue;
        foreach (FrameRead read in _reading)
        {
            oldest = Math.Min(oldest, read.StartedNs);
        }

        return oldest;
    }

    private void Read(in Frame frame)
    {
        FrameRead read = _freeReads.Count > 0 ? _freeReads.Pop() : new FrameRead(this);
        read.Attachment = _attachment;
        read.Seq = frame.Seq;
        read.Argument = frame.Argument;
        read.VolumeOffsetBytes = frame.OffsetBytes;
        read.VolumeLengthBytes = frame.LengthBytes;
        read.Digests = frame.Kind == FrameKind.Digest;
        byte* data = read.Rent((int)frame.LengthBytes);
        read.StartedNs = _replica.NowNs;
        _reading.Add(read);
        _replica.Read(read, frame.OffsetBytes, frame.LengthBytes, data);
    }

    private void OnRead(FrameRead read)
    {
        _ = _reading.Remove(read);
        if (_link is not { } link || _attachment != read.Attachment)
        {
            _freeReads.Push(read);
            return;
        }

        if (read.Status != StoreStatus.Success)
        {
            Frame failed = Answer(FrameKind.ReadFailed, read.Seq);
            failed.Argument = read.Argument;
            link.Send(failed, default);
            _freeReads.Push(read);
            _replica.Fail(read.Status);
            return;
        }

        Frame answer = Answer(read.Digests ? FrameKind.DigestReply : FrameKind.ReadData, read.Seq);
        answer.Argument = read.Argument;
        answer.OffsetBytes = read.VolumeOffsetBytes;
        answer.LengthBytes = read.VolumeLengthBytes;
        if (read.Digests)
        {
            Span<byte> digest = stackalloc byte[RangeDigest.Bytes];
            RangeDigest.Of(new ReadOnlySpan<byte>(read.Data, (int)read.VolumeLengthBytes), digest);
            answer.DataBytes = digest.Length;
            link.Send(answer, digest);
            _freeReads.Push(read);
            return;
        }

        answer.DataBytes = (int)read.VolumeLengthBytes;
        read.Hold.Sends = 1;
        link.Send(answer, read.Data, read.Hold);
    }

    private sealed class FrameRead : StoreRequest
    {
        private readonly Secondary _secondary;
        private byte* _memory;
        private int _memoryBytes;
        public long Attachment;
        public long Seq;
        public long Argument;
        public long StartedNs;
        public long VolumeOffsetBytes;
        public long VolumeLengthBytes;
        public bool Digests;

        public FrameRead(Secondary secondary)
        {
            _secondary = secondary;
            Hold = new ReadHold(this);
        }

        ~FrameRead() => NativeMemory.AlignedFree(_memory);

        public ReadHold Hold { get; }

        public byte* Rent(int lengthBytes)
        {
            if (lengthBytes > _memoryBytes)
            {
                NativeMemory.AlignedFree(_memory);
                _memory = (byte*)NativeMemory.AlignedAlloc((nuint)lengthBytes, 4096);
                _memoryBytes = lengthBytes;
            }

            return _memory;
        }

        protected override void OnEnded() => _secondary.OnRead(this);

        internal sealed class ReadHold(FrameRead read) : Ports.SendHold
        {
            public override void OnReleased() => read._secondary._freeReads.Push(read);
        }
    }
}
