namespace ActorSan.Workload;

/// <summary>What the workload can't do, in a sentence for its user.</summary>
internal sealed class WorkloadException(string message) : Exception(message);
