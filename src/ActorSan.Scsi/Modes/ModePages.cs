using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi.Modes;

/// <summary>
/// The mode pages of one unit, shared by all nexuses (SPC-4 §7.5): read-write error recovery 01h, caching 08h, control 0Ah, informational exceptions control 1Ch.
/// </summary>
internal sealed class ModePages
{
    /// <summary>Version of the attribute in which saved pages are kept: byte 0 the version, then the pages one after the other.</summary>
    private const byte SavedVersion = 1;

    private readonly ModePage[] _pages;
    private readonly ModePage _caching;
    private readonly ModePage _control;

    public ModePages(VolumeCapabilities capabilities)
    {
        byte writeCache = capabilities.WriteCache ? (byte)0x04 : (byte)0;
        _caching = new ModePage(
            [0x08, 0x12, writeCache, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0x08, 0x12, capabilities.WriteCacheChangeable ? writeCache : (byte)0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        // One task set for all nexuses; GLTSD: nothing of the logs is saved; QUEUE ALGORITHM MODIFIER 1: SIMPLE tasks may be reordered.
        _control = new ModePage(
            [0x0A, 0x0A, 0x02, 0x10, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0],
            [0x0A, 0x0A, 0x04, 0, 0x08, 0x40, 0, 0, 0, 0, 0, 0]);
        _pages =
        [
            // AWRE, ARRE: what the store under us recovers, it recovers by itself.
            new ModePage([0x01, 0x0A, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0x01, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            _caching,
            _control,
            // DEXCPT: no informational exception is reported by sense data.
            new ModePage([0x1C, 0x0A, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0x1C, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ];
    }

    /// <summary>In ascending order of the code.</summary>
    public IReadOnlyList<ModePage> Pages => _pages;

    /// <summary>WCE.</summary>
    public bool WriteCache => (_caching.Current[2] & 0x04) != 0;

    public bool DescriptorSense => (_control.Current[2] & 0x04) != 0;

    public bool SoftwareWriteProtect => (_control.Current[4] & 0x08) != 0;

    public bool TaskAbortedStatus => (_control.Current[5] & 0x40) != 0;

    public ModePage? Find(byte code)
    {
        foreach (ModePage page in _pages)
        {
            if (page.Code == code)
            {
                return page;
            }
        }

        return null;
    }

    /// <summary>What a logical unit reset does: current values are the saved ones again.</summary>
    public void RestoreSaved()
    {
        foreach (ModePage page in _pages)
        {
            page.Saved.CopyTo(page.Current, 0);
        }
    }

    /// <summary>
    /// Takes up the attribute when the unit begins to serve: what is not in it is as by default. What an older or newer version wrote and this one does not know is left out;
    /// only changeable bits are taken. True when a current value has become another one.
    /// </summary>
    public bool Load(ReadOnlySpan<byte> attribute)
    {
        byte[][] before = [.. _pages.Select(static page => (byte[])page.Current.Clone())];
        foreach (ModePage page in _pages)
        {
            page.Default.CopyTo(page.Saved, 0);
        }

        ReadOnlySpan<byte> rest = attribute.Length > 0 && attribute[0] == SavedVersion ? attribute[1..] : [];
        while (rest.Length >= 2 && rest.Length >= 2 + rest[1])
        {
            ReadOnlySpan<byte> stored = rest[..(2 + rest[1])];
            if (Find(stored[0]) is { } page && page.Length == stored.Length)
            {
                for (int i = 2; i < page.Length; i++)
                {
                    page.Saved[i] = (byte)((page.Default[i] & ~page.Changeable[i]) | (stored[i] & page.Changeable[i]));
                }
            }

            rest = rest[stored.Length..];
        }

        RestoreSaved();
        return _pages.Where((page, i) => !page.Current.AsSpan().SequenceEqual(before[i])).Any();
    }

    /// <summary>Writes the attribute for pages whose values <paramref name="values"/> gives (in the order of <see cref="Pages"/>); returns its length.</summary>
    public int Store(byte[][] values, Span<byte> to)
    {
        to[0] = SavedVersion;
        int at = 1;
        foreach (byte[] value in values)
        {
            value.CopyTo(to[at..]);
            at += value.Length;
        }

        return at;
    }
}
