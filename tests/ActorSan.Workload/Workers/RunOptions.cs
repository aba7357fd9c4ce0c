namespace ActorSan.Workload.Workers;

/// <summary>What <c>workload run</c> does, and for how long.</summary>
internal sealed record RunOptions
{
    /// <summary>ADDRESS:PORT of each path, in the order in which they are tried.</summary>
    internal required IReadOnlyList<string> Portals { get; init; }

    internal required string Target { get; init; }

    internal required string Initiator { get; init; }

    internal int Lun { get; init; }

    /// <summary>Workers that read and write; each has one operation outstanding.</summary>
    internal int Workers { get; init; }

    /// <summary>Workers that do COMPARE AND WRITE on a few blocks that they share.</summary>
    internal int CompareWorkers { get; init; }

    /// <summary>One more worker makes, changes and checks a persistent reservation, with a second initiator that must be kept out.</summary>
    internal bool Reservations { get; init; }

    /// <summary>How much of the unit is used, from its beginning, in bytes.</summary>
    internal long SpanBytes { get; init; }

    /// <summary>An operation has 1 to so many blocks.</summary>
    internal int MostBlocks { get; init; }

    internal int ReadPercent { get; init; }

    internal int FuaPercent { get; init; }

    /// <summary>A worker flushes after so many operations; 0: never.</summary>
    internal int FlushEvery { get; init; }

    /// <summary>All workers use all blocks, instead of a zone each.</summary>
    internal bool Shared { get; init; }

    /// <summary>Every block of the span is written first: for a unit that is not fresh.</summary>
    internal bool Prefill { get; init; }

    /// <summary>Operations a second of all workers together; 0: as many as come.</summary>
    internal int Rate { get; init; }

    internal ulong Seed { get; init; }

    internal TimeSpan Patience { get; init; }

    internal TimeSpan CommandTimeout { get; init; }

    internal TimeSpan PathTimeout { get; init; }

    /// <summary>How often the target is asked for its portals; zero: never.</summary>
    internal TimeSpan Rediscover { get; init; }

    /// <summary>Zero: until a signal.</summary>
    internal TimeSpan Duration { get; init; }
}
