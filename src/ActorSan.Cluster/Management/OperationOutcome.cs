namespace ActorSan.Cluster.Management;

public enum OutcomeKind
{
    /// <summary>Decided: things are as they were asked to be, now or before.</summary>
    Done,

    /// <summary>Nothing has changed, and the same will be refused until something else has.</summary>
    Refused,

    /// <summary>Not now, or it is not known whether it was done. The same again is safe.</summary>
    TryAgain,

    /// <summary>There is no such volume, node, target, session …</summary>
    NotFound,
}

/// <param name="Sentence">Whole: what was done, or why not and what to do about it.</param>
/// <param name="Rule">The rule of replication.md that refuses; null: none.</param>
public sealed record OperationOutcome(OutcomeKind Kind, string Sentence, string? Rule = null)
{
    /// <summary>Something was done before it was refused: it is not tried a second time without being asked for.</summary>
    public bool IsFinal { get; init; }

    public static OperationOutcome Done(string sentence) => new(OutcomeKind.Done, sentence);

    public static OperationOutcome Refused(string sentence, string? rule = null) => new(OutcomeKind.Refused, sentence, rule);

    public static OperationOutcome TryAgain(string sentence) => new(OutcomeKind.TryAgain, sentence);

    public static OperationOutcome NotFound(string sentence) => new(OutcomeKind.NotFound, sentence);
}
