using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Disk;
using ActorSan.Simulator.World;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Simulator.Scenarios;

/// <summary>What a toy volume does wrong on purpose: the simulator must find it.</summary>
public enum LocalBug : byte
{
    None,
    AnswersFlushBeforeItEnds,
    IgnoresForceUnitAccess,
    ReadsBesideWrites,
    AnswersWriteBeforeItEnds,
    ClearsRedoWithoutFlush,
}

/// <summary>
/// A volume of one node over one simulated store, one request at a time where they overlap: the least that a node can be. It proves the simulator (a right one passes, each
/// <see cref="LocalBug"/> is found) and shows how a node is wired.
/// </summary>
internal sealed unsafe class LocalVolume(SimProcess process, SimStore store, LocalBug bug) : ISimVolume, ISimProgram
{
    private readonly List<Work> _queue = [];
    private readonly List<Work> _running = [];
    private readonly bool[] _slotTaken = new bool[store.Metadata.RedoSlotCount];

    public ISimVolume? Volume => this;

    public int BlockBytes => store.Disk.Options.BlockBytes;

    public int Blocks => store.Disk.Content.Blocks;

    public void OnControl(string from, ControlMessage message)
    {
    }

    public void OnGone()
    {
        foreach (Work work in _running)
        {
            work.Free();
        }
    }

    public void Submit(SimOp op)
    {
        _queue.Add(new Work(this, op));
        Pump();
    }

    // In order: what overlaps something before it waits.
    private void Pump()
    {
        for (int i = 0; i < _queue.Count; i++)
        {
            Work work = _queue[i];
            if (IsFree(work, i) && TakeSlot(work))
            {
                _queue.RemoveAt(i--);
                _running.Add(work);
                work.Start();
                if (!process.IsAlive)
                {
                    return;
                }
            }
        }
    }

    private bool IsFree(Work work, int before)
    {
        foreach (Work other in _running)
        {
            if (work.Overlaps(other))
            {
                return false;
            }
        }

        for (int i = 0; i < before; i++)
        {
            if (work.Overlaps(_queue[i]))
            {
                return false;
            }
        }

        return true;
    }

    private bool TakeSlot(Work work)
    {
        if (!work.NeedsSlot)
        {
            return true;
        }

        int slot = Array.IndexOf(_slotTaken, false);
        if (slot >= 0)
        {
            _slotTaken[slot] = true;
            work.RedoSlot = slot;
        }

        return slot >= 0;
    }

    private void OnDone(Work work)
    {
        _running.Remove(work);
        if (work.RedoSlot >= 0)
        {
            _slotTaken[work.RedoSlot] = false;
        }

        work.Free();
        Pump();
    }

    private sealed class Work : StoreRequest
    {
        private readonly LocalVolume _volume;
        private readonly SimOp _op;
        private readonly MetadataWork _metadata;
        private byte* _buffer;
        private Step _step;
        private bool _answered;

        public int RedoSlot = -1;

        public Work(LocalVolume volume, SimOp op)
        {
            _volume = volume;
            _op = op;
            _metadata = new MetadataWork(this);
        }

        private enum Step : byte
        {
            Plain,
            Compare,
            Redo,
            InPlace,
            FlushForSlot,
            ClearSlot,
        }

        public bool NeedsSlot => _op.Count > 1 && (_op.Atomic || _op.Kind == SimOpKind.CompareAndWrite);

        public bool Overlaps(Work other)
        {
            bool changes = _op.Kind is not (SimOpKind.Read or SimOpKind.GetAttribute);
            bool otherChanges = other._op.Kind is not (SimOpKind.Read or SimOpKind.GetAttribute);
            bool attribute = _op.Kind is SimOpKind.SetAttribute or SimOpKind.GetAttribute;
            bool otherAttribute = other._op.Kind is SimOpKind.SetAttribute or SimOpKind.GetAttribute;
            if (attribute || otherAttribute)
            {
                return attribute && otherAttribute && (changes || otherChanges) && _op.Block == other._op.Block;
            }

            bool looks = _volume.BugIs(LocalBug.ReadsBesideWrites) && !changes;
            return !looks && (changes || otherChanges) && _op.Block < other._op.Block + other._op.Count && other._op.Block < _op.Block + _op.Count;
        }

        public void Start()
        {
            SimStore store = _volume.Store;
            OffsetBytes = store.Metadata.DataOffsetBytes + ((long)_op.Block * _volume.BlockBytes);
            LengthBytes = (long)_op.Count * _volume.BlockBytes;
            Durable = _op.Durable && !_volume.BugIs(LocalBug.IgnoresForceUnitAccess);
            _step = Step.Plain;
            switch (_op.Kind)
            {
                case SimOpKind.Read:
                    Use(_op.Data, (int)LengthBytes, copy: false);
                    store.Read(this);
                    break;
                case SimOpKind.Write when NeedsSlot:
                    Use(_op.Data, (int)LengthBytes, copy: true);
                    WriteRedo();
                    break;
                case SimOpKind.Write:
                    Use(_op.Data, (int)LengthBytes, copy: true);
                    bool early = _volume.BugIs(LocalBug.AnswersWriteBeforeItEnds);
                    store.Write(this);
                    if (early)
                    {
                        Answer(SimOutcome.Ok);
                    }

                    break;
                case SimOpKind.CompareAndWrite:
                    Use(_op.Data, (int)LengthBytes, copy: false);
                    _step = Step.Compare;
                    store.Read(this);
                    break;
                case SimOpKind.WriteZeroes:
                    store.Zero(this);
                    break;
                case SimOpKind.Flush:
                    store.Flush(this);
                    if (_volume.BugIs(LocalBug.AnswersFlushBeforeItEnds))
                    {
                        Answer(SimOutcome.Ok);
                    }

                    break;
                case SimOpKind.SetAttribute:
                    Use(_op.Data, _op.DataBytes, copy: true);
                    _metadata.SetAttribute((VolumeAttribute)_op.Block, Data, _op.DataBytes);
                    store.Metadata.SetAttribute(_metadata);
                    break;
                case SimOpKind.GetAttribute:
                    var to = new Span<byte>(_op.Data, _op.DataBytes);
                    to.Clear();
                    store.Metadata.GetAttribute((VolumeAttribute)_op.Block).CopyTo(to);
                    Answer(SimOutcome.Ok);
                    _volume.OnDone(this);
                    break;
                default:
                    throw new ArgumentOutOfRangeException(_op.Kind.ToString());
            }
        }

        protected internal override void OnEnded()
        {
            bool good = Status == StoreStatus.Success;
            switch (_step)
            {
                case Step.Compare when good:
                    Compare();
                    return;
                case Step.InPlace when good:
                    Answer(SimOutcome.Ok);
                    _step = Step.FlushForSlot;
                    if (_volume.BugIs(LocalBug.ClearsRedoWithoutFlush))
                    {
                        OnEnded();
                        return;
                    }

                    _volume.Store.Flush(this);
                    return;
                case Step.FlushForSlot when good:
                    _step = Step.ClearSlot;
                    _metadata.Slot = RedoSlot;
                    _volume.Store.Metadata.ClearRedo(_metadata);
                    return;
                case Step.Plain when good:
                    if (_op.Kind == SimOpKind.Read)
                    {
                        new ReadOnlySpan<byte>(_buffer, (int)LengthBytes).CopyTo(new Span<byte>(_op.Data, (int)LengthBytes));
                    }

                    Answer(SimOutcome.Ok);
                    _volume.OnDone(this);
                    return;
                default:
                    Answer(SimOutcome.Unknown);
                    _volume.OnDone(this);
                    return;
            }
        }

        public void OnMetadataEnded(StoreStatus status)
        {
            if (status != StoreStatus.Success)
            {
                Answer(SimOutcome.Unknown);
                _volume.OnDone(this);
            }
            else if (_step == Step.Redo)
            {
                _step = Step.InPlace;
                _volume.Store.Write(this);
            }
            else
            {
                Answer(SimOutcome.Ok);
                _volume.OnDone(this);
            }
        }

        public void Free()
        {
            if (_buffer is not null)
            {
                NativeMemory.Free(_buffer);
                _buffer = null;
            }
        }

        private void Compare()
        {
            var found = new ReadOnlySpan<byte>(_buffer, (int)LengthBytes);
            if (!found.SequenceEqual(new ReadOnlySpan<byte>(_op.Data, (int)LengthBytes)))
            {
                Answer(SimOutcome.Miscompare);
                _volume.OnDone(this);
                return;
            }

            new ReadOnlySpan<byte>(_op.Data + LengthBytes, (int)LengthBytes).CopyTo(new Span<byte>(_buffer, (int)LengthBytes));
            if (NeedsSlot)
            {
                WriteRedo();
                return;
            }

            _step = Step.Plain;
            _volume.Store.Write(this);
        }

        private void WriteRedo()
        {
            _step = Step.Redo;
            _metadata.Slot = RedoSlot;
            _metadata.OffsetBytes = (long)_op.Block * _volume.BlockBytes;
            _metadata.LengthBytes = LengthBytes;
            _metadata.Data = _buffer;
            _volume.Store.Metadata.WriteRedo(_metadata);
        }

        private void Use(byte* data, int bytes, bool copy)
        {
            _buffer = (byte*)NativeMemory.Alloc((nuint)bytes);
            Data = _buffer;
            if (copy)
            {
                new ReadOnlySpan<byte>(data, bytes).CopyTo(new Span<byte>(_buffer, bytes));
            }
        }

        private void Answer(SimOutcome outcome)
        {
            if (!_answered)
            {
                _answered = true;
                _op.Complete(outcome);
            }
        }
    }

    private SimStore Store => store;

    private bool BugIs(LocalBug which) => bug == which;

    private sealed class MetadataWork(Work work) : MetadataRequest
    {
        public void SetAttribute(VolumeAttribute attribute, byte* data, int bytes)
        {
            Attribute = attribute;
            Data = data;
            LengthBytes = bytes;
        }

        protected internal override void OnEnded() => work.OnMetadataEnded(Status);
    }
}
