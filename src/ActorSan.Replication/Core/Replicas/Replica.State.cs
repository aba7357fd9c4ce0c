using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using ActorSan.Replication.Core.Ports;
using ActorSan.Storage;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>The pages of state and of the sets, and the lazy clearing of intent (W9).</summary>
public sealed unsafe partial class Replica
{
    /// <summary>A set's page: the incarnation that it is about, then bits.</summary>
    private const int SetHeaderBytes = 16;

    private const int PlaceCount = 3;

    private readonly ClearRun _clearing;
    private long _marksDueNs;
    private long _clearDueNs;

    /// <summary>Every 100 ms or so.</summary>
    public void Tick()
    {
        if (IsFailed)
        {
            return;
        }

        long now = _clock.NowNs;
        if (OldestSubmittedNs() < now - Options.StoreTimeoutNs)
        {
            Fail(StoreStatus.Vanished);
            return;
        }

        if (Marks.IsChanged && now >= _marksDueNs && !_stateWriter.IsBusy)
        {
            _marksDueNs = now + Options.MarksIntervalNs;
            _stateWriter.Save(static _ => { });
        }

        if (now >= _clearDueNs)
        {
            _clearDueNs = now + Options.ClearIntervalNs;
            _clearing.Begin();
        }
    }

    /// <summary>W2: what was heard until now is durable when this ends well.</summary>
    public void SaveMarks(Action<bool> done)
    {
        if (Marks.IsChanged || _stateWriter.IsBusy)
        {
            _stateWriter.Save(done);
        }
        else
        {
            done(!IsFailed);
        }
    }

    /// <summary>S4: what the primary handed over is durable, and everything before it flushed.</summary>
    public void MakeSetsDurable(Action<bool> done) => new SetWriter(this, done).Next();

    private int SetPageGranules => (_metadata.PageContentBytes(ReplicaPageKind.OutOfSync) - SetHeaderBytes) / 8 * 64;

    private PeerSet NewSet(string node, Guid incarnation, bool withUnsettled)
    {
        int place = PlaceOf(incarnation);
        bool used = _usedPlaces[place];
        _usedPlaces[place] = true;
        var made = new PeerSet(place, node, incarnation, new OutOfSyncSet(SizeBytes, (int)Options.GranuleBytes, SetPageGranules));
        _sets.Add(made);
        for (int page = 0; !used && page < made.Set.PageCount; page++)
        {
            ReadOnlySpan<byte> content = _metadata.LoadedPage(ReplicaPageKind.OutOfSync, place, page, out PageHealth health);
            if (health == PageHealth.Doubtful)
            {
                made.Set.AddPage(page);
            }
            else if (content.Length > SetHeaderBytes && new Guid(content[..SetHeaderBytes], bigEndian: true) == incarnation)
            {
                made.Set.LoadPage(page, content[SetHeaderBytes..]);
            }
        }

        if (withUnsettled)
        {
            foreach (ByteRange range in UnsettledRanges())
            {
                made.Set.Add(range);
            }
        }

        return made;
    }

    private readonly bool[] _usedPlaces = new bool[PlaceCount];

    // The place whose pages are about that store, else one that no set has.
    private int PlaceOf(Guid incarnation)
    {
        int free = -1;
        for (int place = 0; place < PlaceCount; place++)
        {
            if (_sets.Exists(set => set.Place == place))
            {
                continue;
            }

            ReadOnlySpan<byte> content = _metadata.LoadedPage(ReplicaPageKind.OutOfSync, place, 0, out _);
            if (!_usedPlaces[place] && content.Length > SetHeaderBytes && new Guid(content[..SetHeaderBytes], bigEndian: true) == incarnation)
            {
                return place;
            }

            free = free < 0 ? place : free;
        }

        Invariant.Check(free >= 0);
        return free;
    }

    /// <summary>Writes the state page, one write at a time; whoever asks while one is under way waits for the next.</summary>
    private sealed class StateWriter : PageWrite
    {
        private readonly Replica _replica;
        private readonly ContentWriter _writer = new();
        private List<Action<bool>> _waiting = [];
        private List<Action<bool>> _current = [];

        public StateWriter(Replica replica)
        {
            _replica = replica;
            Kind = ReplicaPageKind.State;
            Content = (byte*)NativeMemory.AllocZeroed((nuint)replica._metadata.PageContentBytes(ReplicaPageKind.State));
        }

        ~StateWriter() => NativeMemory.Free(Content);

        public bool IsBusy { get; private set; }

        public void Save(Action<bool> done)
        {
            _waiting.Add(done);
            if (!IsBusy)
            {
                Begin();
            }
        }

        public override void OnEnded()
        {
            bool held = Status == StoreStatus.Success;
            if (!held)
            {
                _replica.Fail(Status);
            }

            IsBusy = false;
            List<Action<bool>> done = _current;
            _current = [];
            foreach (Action<bool> told in done)
            {
                told(held);
            }

            if (!IsBusy && _waiting.Count > 0)
            {
                Begin();
            }
        }

        private void Begin()
        {
            IsBusy = true;
            (_current, _waiting) = (_waiting, _current);
            _replica._state = _replica._state with { Mark = _replica.Mark, Heard = _replica.Marks.ToList() };
            _replica.Marks.Saved();
            _writer.Clear();
            _replica._state.Write(_writer);
            LengthBytes = _writer.Length;
            _writer.Written.CopyTo(new Span<byte>(Content, _replica._metadata.PageContentBytes(ReplicaPageKind.State)));
            _replica._metadata.WritePage(this);
        }
    }

    /// <summary>Writes every page of every set that has changed, one after the other.</summary>
    private sealed class SetWriter : PageWrite
    {
        private readonly Replica _replica;
        private readonly Action<bool> _done;
        private OutOfSyncSet? _set;

        public SetWriter(Replica replica, Action<bool> done)
        {
            _replica = replica;
            _done = done;
            Kind = ReplicaPageKind.OutOfSync;
            LengthBytes = replica._metadata.PageContentBytes(ReplicaPageKind.OutOfSync);
            Content = (byte*)NativeMemory.AllocZeroed((nuint)LengthBytes);
        }

        ~SetWriter() => NativeMemory.Free(Content);

        public void Next()
        {
            foreach (PeerSet peer in _replica._sets)
            {
                int page = peer.Set.NextChangedPage(0);
                if (page >= 0)
                {
                    _set = peer.Set;
                    Peer = peer.Place;
                    Index = page;
                    var content = new Span<byte>(Content, LengthBytes);
                    _ = peer.Incarnation.TryWriteBytes(content, bigEndian: true, out _);
                    peer.Set.BeginWrite(page, content[SetHeaderBytes..]);
                    _replica._metadata.WritePage(this);
                    return;
                }
            }

            _done(true);
        }

        public override void OnEnded()
        {
            bool held = Status == StoreStatus.Success;
            _set!.EndWrite(Index, held);
            if (!held)
            {
                _replica.Fail(Status);
                _done(false);
                return;
            }

            Next();
        }
    }

    /// <summary>
    /// W9, one at a time: look which chunks nobody writes to; flush; make the sets durable; and clear those that nobody has asked for meanwhile. A clear is a move.
    /// </summary>
    private sealed class ClearRun(Replica replica) : ReplicaFlush
    {
        private readonly List<int> _chunks = [];

        public bool IsRunning { get; private set; }

        public void Begin()
        {
            if (IsRunning || !replica.IsMember || replica.IsCoarse)
            {
                return;
            }

            _chunks.Clear();
            for (int chunk = 0; chunk < replica.Intent.ChunkCount; chunk++)
            {
                if (replica.Intent.IsDurable(chunk) && IsQuiet(chunk))
                {
                    _chunks.Add(chunk);
                }
            }

            if (_chunks.Count > 0)
            {
                IsRunning = true;
                replica.Intent.ResetTouched();
                if (replica._bugs.Has(Bug.ClearBeforeFlush))
                {
                    replica.MakeSetsDurable(Clear);
                    return;
                }

                replica.Flush(this);
            }
        }

        protected internal override void OnFlushed()
        {
            if (Status != StoreStatus.Success)
            {
                IsRunning = false;
                return;
            }

            if (replica._bugs.Has(Bug.ClearWithoutMove))
            {
                Clear(true);
                return;
            }

            replica.MakeSetsDurable(Clear);
        }

        private void Clear(bool durable)
        {
            IsRunning = false;
            if (!durable || !replica.IsMember || replica.IsCoarse)
            {
                return;
            }

            bool any = false;
            foreach (int chunk in _chunks)
            {
                if (!replica.Intent.IsTouched(chunk) && IsQuiet(chunk) && (IsMoved(chunk) || replica._bugs.Has(Bug.ClearWithoutMove)))
                {
                    replica.Intent.Clear(chunk);
                    any = true;
                }
            }

            if (any)
            {
                replica.Intent.WriteCleared();
            }
        }

        private ByteRange RangeOf(int chunk) => new(chunk * replica.Intent.ChunkBytes, Math.Min(replica.Intent.ChunkBytes, replica.SizeBytes - (chunk * replica.Intent.ChunkBytes)));

        private bool IsQuiet(int chunk)
        {
            ByteRange range = RangeOf(chunk);
            if ((replica.Unsettled.Overlaps(range) && !replica._bugs.Has(Bug.ClearUnsettled)) || !replica._user.MayClear(range))
            {
                return false;
            }

            for (ReplicaWrite? write = replica._firstActive; write is not null; write = write.NextActive)
            {
                if (write.Kind != ReplicaWriteKind.Attribute && write.Range.Overlaps(range))
                {
                    return false;
                }
            }

            return true;
        }

        private bool IsMoved(int chunk)
        {
            foreach (PeerSet set in replica._sets)
            {
                if (!set.Set.IsDurable(RangeOf(chunk)))
                {
                    return false;
                }
            }

            return true;
        }
    }
}
