namespace ActorSan.Cluster.Management;

/// <summary>
/// Everything between an administrator and the cluster, as the node that he talks to sees it. Any thread may call; reports are immutable. What this node knows itself it answers at
/// once; what others know it asks them for, and says who was silent instead of waiting for them.
/// </summary>
/// <remarks>
/// A query throws <see cref="ManagementUnavailableException"/> while this node can't know (it has not been founded, it has not read the catalog yet) and
/// <see cref="OperationCanceledException"/> when its token ends. It answers null for a thing that there isn't.
/// </remarks>
public interface IManagement
{
    /// <summary>The node that answers.</summary>
    string Node { get; }

    Task<ClusterReport> Cluster(CancellationToken cancellation);

    /// <summary>Ascending by name.</summary>
    Task<IReadOnlyList<VolumeReport>> Volumes(CancellationToken cancellation);

    Task<VolumeReport?> Volume(string name, CancellationToken cancellation);

    /// <summary>Who is primary and why, what would happen if each node died now, and what is refused by which rule.</summary>
    Task<VolumeWhy?> Why(string name, CancellationToken cancellation);

    /// <summary>The newest <paramref name="count"/> events of a volume, oldest first.</summary>
    Task<IReadOnlyList<VolumeEvent>?> History(string name, int count, CancellationToken cancellation);

    /// <summary>Ascending by name; sessions of nodes that did not answer are missing.</summary>
    Task<Gathered<TargetReport>> Targets(CancellationToken cancellation);

    Task<TargetReport?> Target(string iqn, CancellationToken cancellation);

    /// <summary>Ascending by node and id.</summary>
    Task<Gathered<SessionReport>> Sessions(CancellationToken cancellation);

    /// <summary>Ascending by name; of a node that did not answer there is what its membership tells.</summary>
    Task<Gathered<NodeReport>> Nodes(CancellationToken cancellation);

    Task<NodeReport?> NodeNamed(string name, CancellationToken cancellation);

    /// <summary>The actors of a node, from <c>/user</c> on.</summary>
    Task<ActorTree?> Actors(string node, CancellationToken cancellation);

    /// <summary>
    /// Carries one change out, wherever it has to be done. It ends when the cluster has decided, or it is known that it won't: never with an exception for what an administrator
    /// asked for, only with <see cref="OperationCanceledException"/>, after which nothing is known about the change.
    /// </summary>
    Task<OperationOutcome> Do(ManagementOperation operation, CancellationToken cancellation);

    /// <summary>Whether this node does what it should. At once, without a question to an actor: it answers when they are hung.</summary>
    HealthReport Health();

    /// <summary>What this node counts itself, for a scrape. At once, without a question to an actor or to another node.</summary>
    NodeMetrics Metrics();

    /// <summary>What happens in the cluster from now on, as far as this node hears of it.</summary>
    /// <param name="capacity">Events kept for a reader that is slow; older ones are lost then, and counted.</param>
    ISubscription<ManagementEvent> Events(int capacity);

    /// <summary>The log of this node: the newest <paramref name="last"/> lines that it still has, then what is written from now on.</summary>
    ISubscription<LogLine> Log(LogSeverity least, int last, int capacity);
}

/// <summary>This node can't answer now.</summary>
/// <param name="message">A sentence that says why, and what to do.</param>
public sealed class ManagementUnavailableException(string message) : Exception(message);

/// <summary>What several nodes were asked for.</summary>
/// <param name="Items">What they answered.</param>
/// <param name="Silent">The nodes that did not answer in time, ascending.</param>
public sealed record Gathered<T>(IReadOnlyList<T> Items, IReadOnlyList<string> Silent);
