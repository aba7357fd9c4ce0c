namespace ActorSan.Cluster.Management;

/// <summary>
/// What an administrator wants changed. Each is a record inside this one, and says how things are to be, not what is to be done: the same again is safe. Names are checked for their
/// form before they come here; whether there is such a thing is for who carries it out to say.
/// </summary>
public abstract partial record ManagementOperation
{
    private ManagementOperation()
    {
    }

    /// <param name="Address">HOST:PORT of the control messages of a member.</param>
    public sealed record JoinCluster(string Address) : ManagementOperation;

    /// <summary>In order: its volumes are handed over first.</summary>
    public sealed record LeaveCluster(string Node) : ManagementOperation;

    /// <summary>It is taken for gone now, whatever it does.</summary>
    public sealed record DownNode(string Node) : ManagementOperation;

    /// <summary>As <see cref="DownNode"/>, for all that are unreachable from the node that is asked.</summary>
    public sealed record DownUnreachable : ManagementOperation;

    /// <summary>It hands over its volumes, and serves none until <see cref="UndrainNode"/>.</summary>
    public sealed record DrainNode(string Node) : ManagementOperation;

    public sealed record UndrainNode(string Node) : ManagementOperation;

    /// <summary>It never returns: its replicas and votes are given up, its name is free.</summary>
    public sealed record ForgetNode(string Node) : ManagementOperation;
}
