namespace ActorSan.Replication.Core;

/// <summary>
/// Deliberate bugs, for the simulator alone: each breaks one rule of replication.md, and a test must see the simulator find it. A rule that is not worth breaking is not worth
/// having. Never set outside tests: the only constructor that takes any is internal.
/// </summary>
internal enum Bug
{
    None,

    /// <summary>W9: a chunk's bit goes although the sets of those who are out are not durable.</summary>
    ClearWithoutMove,

    /// <summary>W9: a chunk's bit goes although an unsettled write lies in it.</summary>
    ClearUnsettled,
}

/// <summary>Which deliberate bugs a core has. Shared by all cores of a simulated node.</summary>
public sealed class BugSet
{
    private readonly ulong _bits;

    private BugSet(ulong bits) => _bits = bits;

    /// <summary>What every product node has.</summary>
    public static BugSet Nothing { get; } = new(0);

    internal static BugSet Of(params ReadOnlySpan<Bug> bugs)
    {
        ulong bits = 0;
        foreach (Bug bug in bugs)
        {
            bits |= 1UL << (int)bug;
        }

        return new BugSet(bits);
    }

    internal bool Has(Bug bug) => (_bits & (1UL << (int)bug)) != 0;
}
