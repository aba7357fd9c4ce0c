namespace ActorSan.Node;

/// <summary>What the process says at its end; part of the interface for scripts and supervisors.</summary>
public static class ExitCode
{
    /// <summary>Done; for <c>run</c>: stopped in order, every volume flushed.</summary>
    public const int Success = 0;

    /// <summary>It failed, or stopped without having been able to do it in order; the log says why.</summary>
    public const int Failure = 1;

    /// <summary>The command line or the configuration is wrong: trying again without a change is useless.</summary>
    public const int Usage = 2;

    /// <summary>The state directory is in use by another process; for <c>format</c> and <c>inspect</c>: the store is.</summary>
    public const int InUse = 3;

    /// <summary>A second signal cut an ordered stop short.</summary>
    public const int Interrupted = 130;
}
