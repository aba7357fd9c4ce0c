namespace ActorSan.Pbm;

/// <summary>What the process says at its end; part of the interface for scripts.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>Failed, refused, or not now.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>The node does not answer, or is not who it should be.</summary>
    public const int Unreachable = 3;
}

/// <summary>Ends a command with an exit code and a sentence.</summary>
internal sealed class PbmException(int exitCode, string message) : Exception(message)
{
    public int ExitCode => exitCode;
}
