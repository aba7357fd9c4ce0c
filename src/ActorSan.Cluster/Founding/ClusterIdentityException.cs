namespace ActorSan.Cluster.Founding;

/// <summary>Why a node has no cluster identity, or gets none. Numbers name nothing on disk.</summary>
public enum IdentityFault : byte
{
    /// <summary>There is no file.</summary>
    Missing,

    /// <summary>There is one already, or something that belongs to another cluster.</summary>
    Taken,

    /// <summary>It is not as it was written.</summary>
    Damaged,

    /// <summary>It was written by a release that this one does not know.</summary>
    OtherFormat,

    /// <summary>Others than its owner may read or write it.</summary>
    Exposed,

    /// <summary>It cannot be read or written.</summary>
    Unreachable,

    /// <summary>The configuration does not make this node one of a cluster, or not one of its founders.</summary>
    Unconfigured,
}

/// <summary>The identity is refused; nothing was changed. The message is a sentence that says what to do.</summary>
public sealed class ClusterIdentityException(IdentityFault fault, string sentence, Exception? inner = null) : Exception(sentence, inner)
{
    public IdentityFault Fault { get; } = fault;
}
