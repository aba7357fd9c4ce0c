using ActorSan.Storage.Threads;

namespace ActorSan.Cluster.Messages;

/// <summary>To <c>io</c>: start all threads. Answered by <see cref="IoThreadsStarted"/>, or <see cref="IoThreadFailed"/> for the first that fails.</summary>
public sealed record StartIoThreads;

public sealed record IoThreadsStarted(IReadOnlyList<IoThread> Threads);

/// <summary>From a thread's actor: its ring stands.</summary>
public sealed record IoThreadStarted(int Index, IoThread Thread);

/// <summary>From a thread's actor: it could not start, or its loop died.</summary>
public sealed record IoThreadFailed(int Index, string Name, Exception Failure);

/// <summary>To <c>io</c> and its children: end the loops. Answered by <see cref="IoThreadsStopped"/>.</summary>
public sealed record StopIoThreads;

/// <param name="Faults">Threads that did not end in time.</param>
public sealed record IoThreadsStopped(IReadOnlyList<string> Faults);

/// <summary>From a thread's actor: the loop ended as asked.</summary>
public sealed record IoThreadEnded(int Index, string? Fault);

/// <summary>To a thread's actor, or to <c>io</c> for all. Answered by <see cref="IoThreadReport"/>, one for each thread.</summary>
public sealed record GetIoThreadReport;

public sealed record IoThreadReport(int Index, string Name, IoEngineKind Engine, int? Cpu, bool Running, IoThreadCounters Counters);

/// <summary>To <c>io</c>. Answered by an array of <see cref="IoThreadReport"/>, ascending by number.</summary>
public sealed record GetIoThreadReports;
