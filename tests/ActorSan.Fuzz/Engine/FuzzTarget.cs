namespace ActorSan.Fuzz.Engine;

/// <summary>What an input did, as numbers: each names one thing that was seen (an answer, a sense code, an end). New numbers make an input worth keeping.</summary>
internal sealed class Features
{
    private readonly List<ulong> _seen = [];
    private ulong _last;

    internal IReadOnlyList<ulong> Seen => _seen;

    /// <summary>Whether the number names a detail, or an order of two things, and not a thing.</summary>
    internal static bool IsDetail(ulong feature) => feature >> 63 != 0;

    internal void Clear()
    {
        _seen.Clear();
        _last = 0;
    }

    /// <summary>Notes the thing, and that it followed the one before.</summary>
    internal void Add(uint kind, ulong value)
    {
        ulong feature = ((ulong)kind << 56) ^ value;
        _seen.Add(feature);
        _seen.Add(Mix(_last, feature) | 1UL << 63);
        _last = feature;
    }

    /// <summary>Notes a detail: worth going on from, not worth keeping on disk.</summary>
    internal void AddDetail(uint kind, ulong value) => _seen.Add(Mix(kind, value) | 1UL << 63);

    private static ulong Mix(ulong first, ulong second)
    {
        ulong mixed = (first * 0x9E37_79B9_7F4A_7C15) ^ (second + 0x632B_E59B_D9B4_E019);
        mixed ^= mixed >> 29;
        return mixed * 0xBF58_476D_1CE4_E5B9;
    }
}

/// <summary>An input broke a rule that must hold for every input.</summary>
internal sealed class FindingException(string message) : Exception(message);

/// <summary>One entrance for bytes that nobody vouches for. Inputs are independent of each other: each meets a fresh state, so that one alone reproduces what it did.</summary>
internal abstract class FuzzTarget
{
    internal abstract string Name { get; }

    internal abstract int MaxInputBytes { get; }

    /// <summary>Well-formed inputs to begin with.</summary>
    internal abstract IEnumerable<byte[]> Seeds();

    /// <summary>Throws whatever the product throws, or a <see cref="FindingException"/>.</summary>
    internal abstract void Run(ReadOnlySpan<byte> input, Features features);

    /// <summary>Puts right, in place, what blind mutation always breaks (numbers in sequence, digests), so that inputs reach deeper. Called for most mutants.</summary>
    internal virtual void Repair(Span<byte> input, Random random)
    {
    }

    /// <summary>Where the parts of the input begin that may be moved as a whole.</summary>
    internal virtual void FindParts(ReadOnlySpan<byte> input, List<int> starts) => starts.Add(0);
}
