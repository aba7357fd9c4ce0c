using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>One of the two slots of the superblock or of a page.</summary>
public sealed record InspectedSlot(SlotState State, ulong Generation, int LengthBytes, long OffsetBytes);

/// <summary>A page: its slots, which one counts (−1: none), and whether that one can be trusted to be the latest.</summary>
public sealed record InspectedPage(string Name, InspectedSlot First, InspectedSlot Second, int Latest, bool Suspect)
{
    public bool Damaged => Latest < 0;
}

/// <summary>A redo slot: in use when header and bytes are both whole.</summary>
public sealed record InspectedRedo(int Slot, SlotState Header, SlotState Data, bool InUse, ulong Sequence, long VolumeOffsetBytes, long LengthBytes);

/// <summary>How the data key is kept, without any key.</summary>
public sealed record InspectedKey(string NodeKeyFingerprint, bool OldKeyRemains);

/// <summary>
/// What can be read of a store without changing it and without a key, damaged or not; plain values, for text and for JSON. Null: the store does not tell.
/// </summary>
public sealed record StoreInspection
{
    public required string Store { get; init; }

    public required long StoreBytes { get; init; }

    /// <summary>What opening would say first, in a sentence; null when nothing speaks against it (but for the node key).</summary>
    public string? Fault { get; init; }

    public required InspectedSlot FirstSuperblock { get; init; }

    public required InspectedSlot SecondSuperblock { get; init; }

    public Superblock? Superblock { get; init; }

    public bool? Clean { get; init; }

    public ulong? OpenCount { get; init; }

    public Guid? Incarnation { get; init; }

    public Guid? Lineage { get; init; }

    public string? Label { get; init; }

    public InspectedKey? Key { get; init; }

    public IReadOnlyList<InspectedPage> Pages { get; init; } = [];

    /// <summary>Those that are set, with their lengths.</summary>
    public IReadOnlyDictionary<string, int> Attributes { get; init; } = new SortedDictionary<string, int>(StringComparer.Ordinal);

    /// <summary>Those that are not empty.</summary>
    public IReadOnlyList<InspectedRedo> Redo { get; init; } = [];

    /// <summary>Writes nothing. May block.</summary>
    /// <exception cref="StoreException">The medium fails in a way that is not one of a slot.</exception>
    public static StoreInspection Read(IStoreHandle handle)
    {
        var reader = new AreaReader(handle);
        SlotState first = reader.ReadSuperblock(0, out Superblock? a, out ulong generationA);
        SlotState second = reader.ReadSuperblock(1, out Superblock? b, out ulong generationB);
        Superblock? superblock = a is null ? b : b is null || generationA >= generationB ? a : b;
        var inspection = new StoreInspection
        {
            Store = handle.Description,
            StoreBytes = handle.Traits.SizeBytes,
            Fault = new AreaLoader(handle).FirstFault(),
            FirstSuperblock = new InspectedSlot(first, generationA, Superblock.SlotBytes, 0),
            SecondSuperblock = new InspectedSlot(second, generationB, Superblock.SlotBytes, Superblock.SlotBytes),
            Superblock = superblock,
        };
        return superblock is null || superblock.DataOffsetBytes > handle.Traits.SizeBytes ? inspection : inspection.WithArea(reader, superblock);
    }

    /// <summary>For people.</summary>
    public void Describe(TextWriter writer)
    {
        writer.WriteLine($"store          {Store}, {MetadataFormat.Size(StoreBytes)}");
        writer.WriteLine($"opening        {Fault ?? "nothing speaks against it"}");
        writer.WriteLine($"superblock     {Text(FirstSuperblock)}; {Text(SecondSuperblock)}");
        if (Superblock is not { } superblock)
        {
            return;
        }

        VolumeGeometry geometry = superblock.Geometry;
        writer.WriteLine($"volume         {superblock.VolumeId}{(string.IsNullOrEmpty(Label) ? "" : $", formatted as '{Label}'")}");
        writer.WriteLine($"created        {superblock.Created:yyyy-MM-dd HH:mm:ss} UTC");
        writer.WriteLine($"size           {MetadataFormat.Size(geometry.SizeBytes)}, may grow to {MetadataFormat.Size(superblock.GrowLimitBytes)}, {(superblock.Thick ? "thick" : "thin")}");
        writer.WriteLine($"blocks         logical {geometry.LogicalBlockBytes}, physical {geometry.PhysicalBlockBytes}, first physical boundary at {geometry.AlignmentOffsetBytes}");
        writer.WriteLine($"data           from {superblock.DataOffsetBytes}");
        string key = Key is null ? "" : $", node key {Key.NodeKeyFingerprint}{(Key.OldKeyRemains ? ", an older wrapped key remains" : "")}";
        writer.WriteLine($"encryption     {(superblock.Encryption == EncryptionMode.None ? "none" : $"AES-256-XTS{key}")}");
        writer.WriteLine($"features       compatible {superblock.CompatibleFeatures:x8}, incompatible {superblock.IncompatibleFeatures:x8}");
        if (Clean is { } clean)
        {
            writer.WriteLine($"state          {(clean ? "closed in order" : "not closed in order, or open")}, opened {OpenCount} times");
        }

        if (Incarnation is { } incarnation)
        {
            writer.WriteLine($"incarnation    {incarnation}{(Lineage is { } lineage && lineage != Guid.Empty ? $", lineage {lineage}" : "")}");
        }

        foreach (MetadataRegion region in superblock.Regions)
        {
            writer.WriteLine($"region         {region.Kind}: {region.Count} of {MetadataFormat.Size(region.UnitBytes)} at {region.OffsetBytes}");
        }

        foreach (InspectedPage page in Pages)
        {
            string verdict = page.Damaged ? "DAMAGED" : page.Suspect ? "one slot damaged, not trusted to be the latest" : "good";
            writer.WriteLine($"page           {page.Name}: {verdict} ({Text(page.First)}; {Text(page.Second)})");
        }

        foreach ((string name, int length) in Attributes)
        {
            writer.WriteLine($"attribute      {name}: {length} bytes");
        }

        foreach (InspectedRedo redo in Redo)
        {
            writer.WriteLine(redo.InUse
                ? $"redo slot {redo.Slot}    in use: {redo.LengthBytes} bytes for {redo.VolumeOffsetBytes} of the volume, to be written again at opening"
                : $"redo slot {redo.Slot}    not whole (header {redo.Header}, bytes {redo.Data}): passed over at opening");
        }
    }

    private static string Text(InspectedSlot slot) => slot.State == SlotState.Valid ? $"valid, generation {slot.Generation}" : slot.State.ToString();

    private StoreInspection WithArea(AreaReader reader, Superblock superblock)
    {
        FoundPage state = reader.ReadPage(superblock, MetadataPage.State);
        FoundPage identity = reader.ReadPage(superblock, MetadataPage.Identity);
        FoundPage key = reader.ReadPage(superblock, MetadataPage.Key);
        List<InspectedPage> pages = [Inspected(superblock, state, "State"), Inspected(superblock, identity, "Identity"), Inspected(superblock, key, "Key")];
        var attributes = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < superblock.Region(MetadataRegionKind.Attributes).Count; i++)
        {
            var attribute = (VolumeAttribute)(i + 1);
            FoundPage page = reader.ReadPage(superblock, AreaReader.AttributePage(i));
            string name = Enum.IsDefined(attribute) ? attribute.ToString() : $"Attribute {i + 1}";
            pages.Add(Inspected(superblock, page, name));
            if (page.Latest >= 0 && page[page.Latest].Content.Length is > 0 and int length)
            {
                attributes.Add(name, length);
            }
        }

        var redo = new List<InspectedRedo>();
        for (int slot = 0; slot < superblock.Region(MetadataRegionKind.RedoSlots).Count; slot++)
        {
            FoundRedo found = reader.ReadRedo(superblock, slot);
            if (found.Header != SlotState.Empty)
            {
                redo.Add(new InspectedRedo(slot, found.Header, found.Data, found.InUse, found.Says.Sequence, found.Says.OffsetBytes, found.Says.LengthBytes));
            }
        }

        StateContent? stateSays = state.Latest >= 0 && StateContent.TryRead(state[state.Latest].Content, out StateContent read) ? read : null;
        IdentityContent? identitySays = identity.Latest >= 0 ? IdentityContent.TryRead(identity[identity.Latest].Content) : null;
        bool wrapped = key.Latest >= 0 && KeyContent.IsWellFormed(key[key.Latest].Content);
        return this with
        {
            Clean = stateSays is { } says ? says.Clean && !state.IsSuspect : null,
            OpenCount = stateSays?.OpenCount,
            Incarnation = identitySays?.Incarnation,
            Lineage = identitySays?.Lineage,
            Label = identitySays?.Label,
            Key = wrapped
                ? new InspectedKey($"{KeyContent.Fingerprint(key[key.Latest].Content):x16}", !key.IsSuspect && !key.First.Content.AsSpan().SequenceEqual(key.Second.Content))
                : null,
            Pages = pages,
            Attributes = attributes,
            Redo = redo,
        };
    }

    private static InspectedPage Inspected(Superblock superblock, FoundPage page, string name)
    {
        long offset = AreaReader.PageOffset(superblock, page.Page, out long slotBytes);
        return new InspectedPage(name, Slot(page.First, offset), Slot(page.Second, offset + slotBytes), page.Latest, page.IsSuspect);

        static InspectedSlot Slot(FoundSlot slot, long at) => new(slot.State, slot.Generation, slot.Content.Length, at);
    }
}
