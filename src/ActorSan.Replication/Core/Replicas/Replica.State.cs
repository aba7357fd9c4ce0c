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

    private PeerSet NewSet(string node, Guid incarnation, bool withUnsettled)
    {
        int place = PlaceOf(incarnation);
        bool used = _usedPlaces[place];
        _usedPlaces[place] = true;
        var made = new PeerSet(place, node, incarnation, new OutOfSyncSet(SizeBytes, (int)Options.GranuleBytes, OutOfSyncPage.Bits));
        _sets.Add(made);
        for (int page = 0; !used && page < made.Set.PageCount; page++)
        {
            LoadSetPage(made, page);
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

    // What was never written has nothing in it; what is about another store, neither.
    private void LoadSetPage(PeerSet peer, int page)
    {
        ReadOnlySpan<byte> content = _metadata.LoadedPage(ReplicaPageKind.OutOfSync, peer.Place, page, out PageHealth health);
        if (health == PageHealth.Blank)
        {
            return;
        }

        bool reads = OutOfSyncPage.TryRead(content, page, out OutOfSyncHeader header, out ContentFault fault);
        if (reads && health == PageHealth.Sound && header.Incarnation != peer.Incarnation)
        {
            return;
        }

        string? doubt = !reads ? fault.Sentence
            : header.GranuleBytes != peer.Set.GranuleBytes ? $"out-of-sync page {page} has a bit for each {header.GranuleBytes} bytes, and this replica for each {peer.Set.GranuleBytes}"
            : health == PageHealth.Doubtful && !_bugs.Has(Bug.TrustDoubtfulPage) ? $"out-of-sync page {page} has a damaged slot: what it says may not be the latest"
            : null;
        if (doubt is not null)
        {
            _pageFaults.Add(doubt);
            peer.Set.AddPage(page);
            return;
        }

        peer.Set.LoadPage(page, OutOfSyncPage.BitsOf(content));

        // Granules that the volume did not have when the page was written were grown since (S7).
        long first = ((long)page * OutOfSyncPage.Bits) + header.Granules;
        long end = Math.Min((long)(page + 1) * OutOfSyncPage.Bits, peer.Set.Granules);
        if (first < end && !_bugs.Has(Bug.ForgetGrownPart))
        {
            long offset = first * header.GranuleBytes;
            peer.Set.Add(new ByteRange(offset, Math.Min(end * header.GranuleBytes, peer.Set.SizeBytes) - offset));
        }
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

            if (!_usedPlaces[place] && IsAbout(place, incarnation))
            {
                return place;
            }

            free = free < 0 ? place : free;
        }

        Invariant.Check(free >= 0);
        return free;
    }

    private bool IsAbout(int place, Guid incarnation)
    {
        for (int page = 0; page < _metadata.PageCount(ReplicaPageKind.OutOfSync); page++)
        {
            ReadOnlySpan<byte> content = _metadata.LoadedPage(ReplicaPageKind.OutOfSync, place, page, out PageHealth health);
            if (health != PageHealth.Blank && OutOfSyncPage.TryRead(content, page, out OutOfSyncHeader header, out _) && header.Incarnation == incarnation)
            {
                return true;
            }
        }

        return false;
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
            LengthBytes = OutOfSyncPage.Bytes;
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
                    int granules = (int)Math.Min(OutOfSyncPage.Bits, peer.Set.Granules - ((long)page * OutOfSyncPage.Bits));
                    OutOfSyncPage.WriteHeader(content, new OutOfSyncHeader(peer.Incarnation, 0, page, granules, peer.Set.GranuleBytes));
                    peer.Set.BeginWrite(page, OutOfSyncPage.BitsOf(content));
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
