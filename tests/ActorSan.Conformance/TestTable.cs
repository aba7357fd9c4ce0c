namespace ActorSan.Conformance;

/// <summary>The logical units that exercise everything; the numbers are their LUNs on the conformance target.</summary>
internal enum Unit
{
    /// <summary>Thin, 512 byte logical and 4096 byte physical blocks, by two portals.</summary>
    Thin = 0,

    /// <summary>Thin with physical = logical blocks.</summary>
    Flat = 1,

    Removable = 2,
    WriteProtected = 3,
    Encrypted = 4,
}

/// <summary>Says which test runs where, once and for all: never 'the best of several'.</summary>
internal static class TestTable
{
    /// <summary>Every test that Debian's iscsi-test-cu 1.19 has under ALL; a tool that lists others is not the one this board is about.</summary>
    internal const int ExpectedCount = 230;

    private static readonly Dictionary<string, Unit> s_families = new(StringComparer.Ordinal)
    {
        // These eject the medium, or forbid it.
        ["NoMedia"] = Unit.Removable,
        ["PreventAllow"] = Unit.Removable,
        ["StartStopUnit"] = Unit.Removable,
        ["ReadOnly"] = Unit.WriteProtected,

        // CRYPTO ERASE exists on an encrypted volume alone; the other sanitize tests run on the same unit, which is the one that is slowed down for them.
        ["Sanitize"] = Unit.Encrypted,
    };

    private static readonly Dictionary<string, Unit> s_tests = new(StringComparer.Ordinal)
    {
        // Unmaps single logical blocks and expects each to be a hole: so logical and physical block must be one.
        ["GetLBAStatus.UnmapSingle"] = Unit.Flat,
    };

    /// <summary>Where <c>Family.Test</c> runs.</summary>
    internal static Unit UnitOf(string name) =>
        s_tests.TryGetValue(name, out Unit exact) ? exact
        : s_families.TryGetValue(name[..name.IndexOf('.', StringComparison.Ordinal)], out Unit family) ? family
        : Unit.Thin;

    /// <summary>Tests that need a second path to the same unit.</summary>
    internal static bool NeedsTwoPaths(string name) => name.StartsWith("MultipathIO.", StringComparison.Ordinal);

    /// <summary>Reads the tool's own list (<c>iscsi-test-cu -l</c>).</summary>
    internal static IReadOnlyList<string> ParseList(string output)
    {
        var names = new List<string>();
        foreach (string line in output.Split('\n', StringSplitOptions.TrimEntries))
        {
            string[] parts = line.Split('.');
            if (parts is ["ALL", _, _])
            {
                names.Add(line[4..]);
            }
        }

        return names;
    }
}
