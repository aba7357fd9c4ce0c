using System.Diagnostics;

namespace ActorSan.Workload.Paths;

/// <summary>One command on one path, from its submission to the end.</summary>
internal sealed class Attempt(PathSession session, ScsiCommand command, TimeSpan timeout)
{
    private readonly TaskCompletionSource<AttemptResult> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal PathSession Session { get; } = session;

    internal ScsiCommand Command { get; } = command;

    /// <summary>In <see cref="Stopwatch"/>'s ticks.</summary>
    internal long Deadline { get; } = Stopwatch.GetTimestamp() + (long)(timeout.TotalSeconds * Stopwatch.Frequency);

    /// <summary>libiscsi's task, from the moment at which it is sent.</summary>
    internal nint Native { get; set; }

    /// <summary>The data that goes out, where libiscsi can read it until the task is freed.</summary>
    internal nint Buffer { get; set; }

    internal Task<AttemptResult> Result => _done.Task;

    internal void End(AttemptResult result) => _done.TrySetResult(result);
}
