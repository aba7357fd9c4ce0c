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
    private readonly SetWriter _setWriter;
    private readonly HashSet<long> _madeGenerations = [];
    private readonly bool _arePlacesDoubtful;
    private long _marksDueNs;
    private long _clearDueNs;

    /// <summary>One more mark, durable, without a write (W2): an image of the store that was made before is an old copy from then on.</summary>
    public void CountMark(bool may, Action<bool> done)
    {
        if (may && !IsFailed)
        {
            Intent.Count(new MarkCounted(this, done));
        }
        else
        {
            done(false);
        }
    }

    /// <summary>Every 100 ms or so.</summary>
    /// <param name="oldestReadNs">When the oldest read that has not ended was submitted, by whoever reads; long.MaxValue: none.</param>
    public void Tick(long oldestReadNs)
    {
        if (IsFailed)
        {
            if (!_stateWriter.IsBusy)
            {
                EndSession();
            }

            return;
        }

        long now = _clock.NowNs;
        if (Math.Min(oldestReadNs, OldestSubmittedNs()) < now - Options.StoreTimeoutNs)
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
    public void MakeSetsDurable(Action<bool> done) => _setWriter.Save(done);

    private PeerSet NewSet(string node, Guid incarnation, bool withUnsettled)
    {
        PeerPlace place = PlaceOf(node, incarnation, withUnsettled, out bool found);
        var made = new PeerSet(place.Place, node, incarnation, new OutOfSyncSet(SizeBytes, (int)Options.GranuleBytes, OutOfSyncPage.Bits)) { Generation = place.Generation, IsPlaced = found || _bugs.Has(Bug.PagesBeforePlace) };
        _sets.Add(made);
        if (_arePlacesDoubtful && withUnsettled)
        {
            // The state page may not be the latest: which pages are whose, nobody knows.
            made.Set.AddAll();
        }

        for (int page = 0; found && page < made.Set.PageCount; page++)
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
        if (reads && health == PageHealth.Sound && (header.Incarnation != peer.Incarnation || header.Generation != peer.Generation))
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

    // The state page says which place is whose, and of which generation its pages must be: a page that was written for an earlier set says nothing (S1).
    private PeerPlace PlaceOf(string node, Guid incarnation, bool mayLoad, out bool found)
    {
        PeerPlace known = default;
        long highest = 0;
        found = false;
        foreach (PeerPlace place in _state.Places)
        {
            highest = Math.Max(highest, place.Generation);
            if (place.Incarnation == incarnation)
            {
                (known, found) = (place, true);
            }
        }

        // Of a set that was made since the store was opened the pages are as old as it: what came back and went again begins anew.
        found &= mayLoad && !_madeGenerations.Contains(known.Generation);
        if (found && !_sets.Exists(set => set.Place == known.Place))
        {
            _ = _madeGenerations.Add(known.Generation);
            return known;
        }

        found = false;
        int free = -1;
        for (int place = 0; place < PlaceCount; place++)
        {
            bool isNamed = _state.Places.Any(other => other.Place == place && other.Incarnation != incarnation);
            if (!_sets.Exists(set => set.Place == place) && (free < 0 || !isNamed))
            {
                free = place;
                if (!isNamed)
                {
                    break;
                }
            }
        }

        Invariant.Check(free >= 0);
        var made = new PeerPlace((byte)free, node, incarnation, false, highest + 1);
        _ = _madeGenerations.Add(made.Generation);
        var places = new List<PeerPlace>(PlaceCount);
        foreach (PeerPlace other in _state.Places)
        {
            if (other.Place != made.Place && other.Incarnation != incarnation)
            {
                places.Add(other);
            }
        }

        places.Add(made);
        places.Sort(static (one, other) => one.Place.CompareTo(other.Place));
        _state = _state with { Places = [.. places] };
        return made;
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

        public long StartedNs { get; private set; }

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
            StartedNs = _replica._clock.NowNs;
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

    /// <summary>Writes every page of every set that has changed, one after the other, behind the state page that names their places. Whoever asks meanwhile waits for the next run.</summary>
    private sealed class SetWriter : PageWrite
    {
        private readonly Replica _replica;
        private List<Action<bool>> _waiting = [];
        private List<Action<bool>> _current = [];
        private OutOfSyncSet? _set;

        public SetWriter(Replica replica)
        {
            _replica = replica;
            Kind = ReplicaPageKind.OutOfSync;
            LengthBytes = OutOfSyncPage.Bytes;
            Content = (byte*)NativeMemory.AllocZeroed((nuint)LengthBytes);
        }

        ~SetWriter() => NativeMemory.Free(Content);

        public bool IsBusy { get; private set; }

        public long StartedNs { get; private set; }

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
            _set!.EndWrite(Index, held);
            if (held)
            {
                Next();
                return;
            }

            _replica.Fail(Status);
            End(false);
        }

        private void Begin()
        {
            IsBusy = true;
            StartedNs = _replica._clock.NowNs;
            (_current, _waiting) = (_waiting, _current);
            if (_replica._sets.TrueForAll(static set => set.IsPlaced))
            {
                Next();
                return;
            }

            PeerSet[] placed = [.. _replica._sets];
            _replica._stateWriter.Save(held =>
            {
                if (!held)
                {
                    End(false);
                    return;
                }

                foreach (PeerSet set in placed)
                {
                    set.IsPlaced = true;
                }

                Next();
            });
        }

        private void Next()
        {
            foreach (PeerSet peer in _replica._sets)
            {
                int page = peer.IsPlaced ? peer.Set.NextChangedPage(0) : -1;
                if (page >= 0)
                {
                    _set = peer.Set;
                    Peer = peer.Place;
                    Index = page;
                    StartedNs = _replica._clock.NowNs;
                    var content = new Span<byte>(Content, LengthBytes);
                    int granules = (int)Math.Min(OutOfSyncPage.Bits, peer.Set.Granules - ((long)page * OutOfSyncPage.Bits));
                    OutOfSyncPage.WriteHeader(content, new OutOfSyncHeader(peer.Incarnation, peer.Generation, page, granules, peer.Set.GranuleBytes));
                    peer.Set.BeginWrite(page, OutOfSyncPage.BitsOf(content));
                    _replica._metadata.WritePage(this);
                    return;
                }
            }

            // A set that came while this was under way has waited for its own run, if anybody asked.
            End(true);
        }

        private void End(bool held)
        {
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
                if (!set.IsPlaced || !set.Set.IsDurable(RangeOf(chunk)))
                {
                    return false;
                }
            }

            return true;
        }
    }

    private sealed class MarkCounted(Replica replica, Action<bool> done) : IntentWaiter
    {
        public override void OnIntent(bool durable)
        {
            if (!durable)
            {
                replica.Fail(StoreStatus.WriteError);
            }

            done(durable);
        }
    }
}
