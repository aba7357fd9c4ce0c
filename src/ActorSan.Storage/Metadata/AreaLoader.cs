using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>The steps of <see cref="VolumeMetadata.Load"/>: look, compare, unwrap, and only then write: repair the superblock, finish a crypto erase, replay, count.</summary>
internal sealed class AreaLoader(IStoreHandle handle)
{
    private readonly AreaReader _reader = new(handle);
    private readonly List<string> _notes = [];
    private readonly List<MetadataPage> _suspects = [];
    private readonly List<int> _unfinished = [];

    public Superblock Superblock { get; private set; } = null!;

    public LoadReport Report { get; private set; } = null!;

    public IdentityContent Identity { get; private set; } = null!;

    public FoundPage[] Attributes { get; private set; } = [];

    public FoundPage State { get; private set; }

    public StateContent StateNow { get; private set; }

    public FoundPage Key { get; private set; }

    public byte[] DataKey { get; private set; } = [];

    public NodeKey? NodeKey { get; private set; }

    public ulong RedoSequence { get; private set; }

    /// <summary>Null: not asked for.</summary>
    public LoadedPages? Pages { get; private set; }

    private string Store => handle.Description;

    private string Advice =>
        "Nothing was changed. 'actorsan inspect' shows what can be read of it; restore it from a copy, or format it anew, which loses all that it holds"
        + $" ('actorsan format' with --force {Store}).";

    /// <param name="replicated">The pages that replication adds are read too, which takes the longer the larger the grow limit is.</param>
    public void Load(VolumeExpectation expectation, NodeKey? nodeKey, bool replicated)
    {
        Superblock = FindSuperblock(out bool repair);
        CheckStore();
        CheckExpectation(expectation);
        ReadPages();
        ReadReplicaPages(replicated);
        UnwrapKey(nodeKey);
        List<FoundRedo> inUse = FindRedo();
        expectation.ReplicaPage?.Invoke(Pages?.Replica.Peek(0).Loaded);
        bool clean = StateNow.Clean && !State.IsSuspect;
        if (!handle.Traits.ReadOnly)
        {
            if (repair)
            {
                VolumeFormat.WriteSuperblock(handle, Superblock);
                _notes.Add("One slot of the superblock was not like the other and was written again.");
            }

            FinishCryptoErase();
            Replay(inUse);
            EmptyRedo([.. inUse.Select(redo => redo.Slot), .. _unfinished]);
            CountOpening();
        }
        else if (inUse.Count > 0)
        {
            throw new StoreException(
                StoreFault.Refused,
                $"{Store} was not closed in order and holds {inUse.Count} write(s) that must be put into place first, which reading only does not allow. Open it once with read-only = off.");
        }

        if (!clean)
        {
            _notes.Add("It was not closed in order: what was written and not flushed before a loss of power may be missing.");
        }

        Report = new LoadReport(
            clean,
            StateNow.OpenCount,
            [.. inUse.Select(redo => new ReplayedWrite(redo.Slot, redo.Says.OffsetBytes, redo.Says.LengthBytes))],
            _unfinished,
            _suspects,
            repair && !handle.Traits.ReadOnly,
            _notes);
    }

    /// <summary>All that speaks against opening but a missing node key, without writing anything; null when nothing does.</summary>
    public string? FirstFault()
    {
        try
        {
            Superblock = FindSuperblock(out _);
            CheckStore();
            ReadPages();
            _ = FindRedo();
            return null;
        }
        catch (StoreException failure)
        {
            return failure.Message;
        }
    }

    private Superblock FindSuperblock(out bool repair)
    {
        SlotState first = _reader.ReadSuperblock(0, out Superblock? a, out ulong generationA);
        SlotState second = _reader.ReadSuperblock(1, out Superblock? b, out ulong generationB);
        if ((first == SlotState.TooNew && generationA >= generationB) || (second == SlotState.TooNew && generationB >= generationA))
        {
            throw TooNew("superblock");
        }

        if (first != SlotState.Valid && second != SlotState.Valid)
        {
            throw NoSuperblock(first, second);
        }

        Superblock found = first != SlotState.Valid ? b! : second != SlotState.Valid ? a! : generationB > generationA ? b! : a!;
        repair = first != SlotState.Valid || second != SlotState.Valid || generationA != generationB;
        if (!repair)
        {
            // Same generation: what is not the same then is nobody's to choose.
            Span<byte> slots = stackalloc byte[2 * Superblock.SlotBytes];
            a!.Write(slots);
            b!.Write(slots[Superblock.SlotBytes..]);
            if (!slots[..Superblock.SlotBytes].SequenceEqual(slots[Superblock.SlotBytes..]))
            {
                throw Damaged("its superblock's two slots contradict each other");
            }
        }

        return found;
    }

    private StoreException NoSuperblock(SlotState first, SlotState second)
    {
        long size = handle.Traits.SizeBytes;
        if (size == 0)
        {
            return new StoreException(StoreFault.Unformatted, $"{Store} is empty. Format it with 'actorsan format', or set the volume's format = if-missing.");
        }

        if (first == SlotState.Unreadable && second == SlotState.Unreadable)
        {
            return new StoreException(StoreFault.Io, $"{Store}: the medium does not give the superblock. Look at the kernel's log for errors of the disk under it.");
        }

        byte[] head;
        try
        {
            head = StoreSignatures.ReadHead(handle);
        }
        catch (StoreException failure) when (failure.Fault == StoreFault.Io)
        {
            return Damaged("its superblock is damaged and the medium fails");
        }

        if (StoreSignatures.IsBegunFormat(head))
        {
            return new StoreException(
                StoreFault.Unformatted,
                $"{Store} is not a volume yet: a format was begun and did not end. Run 'actorsan format' again, with --force {Store}.");
        }

        if (StoreSignatures.LooksLikeOurs(head))
        {
            return Damaged("both slots of its superblock are damaged");
        }

        string? known = StoreSignatures.Recognise(head);
        if (known is null && handle.IsZero(0, Math.Min(size, MetadataFormat.DataAlignmentBytes)))
        {
            return new StoreException(StoreFault.Unformatted, $"{Store} begins with nothing but zeroes. Format it with 'actorsan format', or set the volume's format = if-missing.");
        }

        return new StoreException(
            StoreFault.Foreign,
            $"{Store} is no ActorSan store: it holds {known ?? "something that ActorSan does not know"}. Nothing was changed. Correct the store's path; to give it to ActorSan"
            + $" and lose what it holds, run 'actorsan format' with --force {Store}.");
    }

    private void CheckStore()
    {
        StoreTraits traits = handle.Traits;
        if (traits.SizeBytes < Superblock.EndBytes)
        {
            throw new StoreException(
                StoreFault.Damaged,
                $"{Store} was cut short: it has {MetadataFormat.Size(traits.SizeBytes)}, the volume in it needs {MetadataFormat.Size(Superblock.EndBytes)}."
                + $" What is missing is lost. {Advice}");
        }

        if (Superblock.Geometry.LogicalBlockBytes % traits.OffsetAlignmentBytes != 0 || Superblock.DataOffsetBytes % traits.OffsetAlignmentBytes != 0)
        {
            throw new StoreException(
                StoreFault.Mismatch,
                $"{Store} takes I/O in units of {traits.OffsetAlignmentBytes} bytes, the volume in it was made for smaller ones."
                + " Set direct = off, or copy it to a medium with smaller sectors.");
        }

        if (traits.SizeBytes > Superblock.EndBytes && !handle.CanGrow)
        {
            _notes.Add($"The store has {MetadataFormat.Size(traits.SizeBytes - Superblock.EndBytes)} behind the volume's end that are not used.");
        }
    }

    private void CheckExpectation(VolumeExpectation expectation)
    {
        VolumeGeometry geometry = Superblock.Geometry;
        Compare(expectation.SizeBytes, geometry.SizeBytes, "size", "a volume changes its size by an explicit act only");
        Compare(expectation.LogicalBlockBytes, geometry.LogicalBlockBytes, "logical-block", "it is fixed at format");
        Compare(expectation.PhysicalBlockBytes, geometry.PhysicalBlockBytes, "physical-block", "it is fixed at format");
        Compare(expectation.AlignmentOffsetBytes, geometry.AlignmentOffsetBytes, "alignment", "it is fixed at format");
        if (expectation.VolumeId is { } id && id != Superblock.VolumeId)
        {
            throw new StoreException(StoreFault.Mismatch, $"{Store} holds volume {Superblock.VolumeId}, not {id}. Correct the store's path.");
        }

        if (expectation.Encrypted is { } encrypted && encrypted != (Superblock.Encryption != EncryptionMode.None))
        {
            throw new StoreException(
                StoreFault.Mismatch,
                encrypted
                    ? $"{Store} holds a volume that is not encrypted, but the configuration says encryption.mode = aes-256-xts. It is fixed at format: set mode = none, or name another store."
                    : $"{Store} holds an encrypted volume, but the configuration says encryption.mode = none. Set mode = aes-256-xts and the key-file that it was formatted with.");
        }

        void Compare(long? expected, long found, string key, string why)
        {
            if (expected is { } value && value != found)
            {
                throw new StoreException(
                    StoreFault.Mismatch,
                    $"{Store} holds a volume with {key} {MetadataFormat.Size(found)}, but the configuration says {MetadataFormat.Size(value)}."
                    + $" Correct the configuration's {key}: {why}.");
            }
        }
    }

    private void ReadPages()
    {
        State = ReadPage(MetadataPage.State, "state page");
        StateNow = StateContent.TryRead(State[State.Latest].Content, out StateContent state) ? state : throw Damaged("its state page contradicts itself");
        FoundPage identity = ReadPage(MetadataPage.Identity, "identity page");
        Identity = IdentityContent.TryRead(identity[identity.Latest].Content) ?? throw Damaged("its identity page contradicts itself");
        Key = ReadPage(MetadataPage.Key, "key page");
        int count = Superblock.Region(MetadataRegionKind.Attributes).Count;
        Attributes = new FoundPage[count];
        for (int i = 0; i < count; i++)
        {
            string name = Enum.IsDefined((VolumeAttribute)(i + 1)) ? $"{(VolumeAttribute)(i + 1)}" : $"{i + 1}";
            Attributes[i] = ReadPage(AreaReader.AttributePage(i), $"page of attribute {name}");
        }
    }

    private void ReadReplicaPages(bool replicated)
    {
        if (!replicated)
        {
            return;
        }

        Pages = new LoadedPages(Superblock);
        foreach (PageArea area in Pages.All)
        {
            if (area.Load(_reader, Superblock.VolumeId) is { } fault)
            {
                throw fault.State == SlotState.TooNew ? TooNew(fault.Name) : Damaged($"both slots of its {fault.Name} are damaged");
            }
        }
    }

    private FoundPage ReadPage(MetadataPage page, string name)
    {
        FoundPage found = _reader.ReadPage(Superblock, page);
        if (IsNewer(found.First, found.Second) || IsNewer(found.Second, found.First))
        {
            throw TooNew(name);
        }

        if (found.Latest < 0)
        {
            throw Damaged($"both slots of its {name} are damaged");
        }

        if (found.IsSuspect)
        {
            _suspects.Add(page);
            _notes.Add($"One slot of the {name} is damaged: the other is used, but it may not be the latest.");
        }

        return found;

        static bool IsNewer(FoundSlot slot, FoundSlot other) => slot.State == SlotState.TooNew && slot.Generation >= other.Generation;
    }

    private void UnwrapKey(NodeKey? nodeKey)
    {
        if (Superblock.Encryption == EncryptionMode.None)
        {
            return;
        }

        byte[] content = Key[Key.Latest].Content;
        if (!KeyContent.IsWellFormed(content))
        {
            throw Damaged("its key page contradicts itself");
        }

        ulong fingerprint = KeyContent.Fingerprint(content);
        if (nodeKey is null)
        {
            throw new StoreException(
                StoreFault.WrongKey,
                $"{Store} holds an encrypted volume and no node key was given. Set encryption.key-file to the key with the fingerprint {fingerprint:x16}.");
        }

        DataKey = GC.AllocateUninitializedArray<byte>(KeyContent.DataKeyBytes, pinned: true);
        if (!KeyContent.TryUnwrap(content, nodeKey, Superblock.VolumeId, DataKey))
        {
            throw new StoreException(
                StoreFault.WrongKey,
                nodeKey.Fingerprint == fingerprint
                    ? $"{Store}: the node key is the right one (fingerprint {fingerprint:x16}), but the wrapped data key was made for another volume or was tampered with. {Advice}"
                    : $"{Store} was encrypted with another node key: its fingerprint is {fingerprint:x16}, that of the given key {nodeKey.Fingerprint:x16}."
                        + " Set encryption.key-file to the right one; without it the volume cannot be read.");
        }

        NodeKey = nodeKey;
    }

    private List<FoundRedo> FindRedo()
    {
        var inUse = new List<FoundRedo>();
        int count = Superblock.Region(MetadataRegionKind.RedoSlots).Count;
        for (int slot = 0; slot < count; slot++)
        {
            FoundRedo redo = _reader.ReadRedo(Superblock, slot);
            RedoSequence = Math.Max(RedoSequence, redo.Says.Sequence);
            if (redo.Header == SlotState.TooNew)
            {
                throw TooNew($"redo slot {slot}");
            }

            if (redo.Header == SlotState.Unreadable || redo.Data == SlotState.Unreadable)
            {
                throw Damaged($"the medium does not give redo slot {slot}, which may hold a write that was answered");
            }

            if (redo.InUse)
            {
                long block = Superblock.Geometry.LogicalBlockBytes;
                if (redo.Says.OffsetBytes > Superblock.Geometry.SizeBytes - redo.Says.LengthBytes || redo.Says.OffsetBytes % block != 0 || redo.Says.LengthBytes % block != 0)
                {
                    throw Damaged($"redo slot {slot} holds a write to no place of the volume");
                }

                inUse.Add(redo);
            }
            else if (redo.Header != SlotState.Empty)
            {
                _unfinished.Add(slot);
                _notes.Add($"Redo slot {slot} holds a write that did not get there whole: it was never answered, and its place was not touched.");
            }
        }

        inUse.Sort((a, b) => a.Says.Sequence.CompareTo(b.Says.Sequence));
        return inUse;
    }

    private void Replay(List<FoundRedo> inUse)
    {
        foreach (FoundRedo redo in inUse)
        {
            FoundRedo again = _reader.ReadRedo(Superblock, redo.Slot);
            Invariant.Check(again.Says == redo.Says);
            if (!again.InUse)
            {
                throw new StoreException(
                    StoreFault.Io,
                    $"{Store}: the medium gives redo slot {redo.Slot} once so and once otherwise. Look at the kernel's log for errors of the disk under it.");
            }

            handle.WriteAt(Superblock.DataOffsetBytes + redo.Says.OffsetBytes, _reader.RedoBytes(redo.Says.LengthBytes));
            _notes.Add($"Redo slot {redo.Slot}: {redo.Says.LengthBytes} bytes at {redo.Says.OffsetBytes} were written again.");
        }

        if (inUse.Count > 0)
        {
            // All are in place before any slot is emptied: cut anywhere, the next opening does it all again.
            handle.Sync();
        }
    }

    // Those that did not get there whole too: their missing bytes must not arrive with a later write of the same bytes to another place.
    private void EmptyRedo(ReadOnlySpan<int> slots)
    {
        MetadataRegion region = Superblock.Region(MetadataRegionKind.RedoSlots);
        var empty = new byte[RedoHeader.WrittenBytes];
        foreach (int slot in slots)
        {
            handle.WriteAt(region.OffsetBytes + (slot * region.UnitBytes), empty);
        }
    }

    // Cut between its two writes, a crypto erase has left the old key in one slot: it goes now, as was asked.
    private void FinishCryptoErase()
    {
        if (Superblock.Encryption == EncryptionMode.None || (!Key.IsSuspect && Key.First.Content.AsSpan().SequenceEqual(Key.Second.Content)))
        {
            return;
        }

        Key = WriteNext(Key, Key[Key.Latest].Content);
        _notes.Add("The slots of the key page were not alike (a crypto erase was cut short, or one is damaged): the newer key is now in both.");
    }

    private void CountOpening()
    {
        StateNow = new StateContent(StateNow.Clean && !State.IsSuspect, StateNow.OpenCount + 1);
        var content = new byte[StateContent.Bytes];
        StateNow.Write(content);
        State = WriteNext(State, content);
    }

    /// <summary>Writes to the slot that is not the latest, and returns the page as it is then.</summary>
    private FoundPage WriteNext(FoundPage page, byte[] content)
    {
        int target = 1 - page.Latest;
        ulong generation = page[page.Latest].Generation + 1;
        long offset = AreaReader.PageOffset(Superblock, page.Page, out long slotBytes);
        var slot = new byte[PageSlot.WrittenBytes(content.Length)];
        PageSlot.Write(slot, page.Page, generation, Superblock.VolumeId, content);
        handle.WriteAt(offset + (target * slotBytes), slot);
        var written = new FoundSlot(SlotState.Valid, generation, content);
        return target == 0 ? page with { First = written } : page with { Second = written };
    }

    private StoreException Damaged(string what) => new(StoreFault.Damaged, $"{Store} cannot be used: {what}. {Advice}");

    private StoreException TooNew(string what) =>
        new(StoreFault.TooNew, $"{Store} was made or changed by a later version of ActorSan (its {what} says so). Nothing was changed. Use that version or a later one.");
}
