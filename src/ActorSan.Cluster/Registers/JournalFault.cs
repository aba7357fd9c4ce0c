namespace ActorSan.Cluster.Registers;

/// <summary>Why a journal is not used.</summary>
public enum JournalFault : byte
{
    /// <summary>It cannot be reached, opened or written.</summary>
    Unreachable,

    /// <summary>What is there was not made by this program.</summary>
    Foreign,

    /// <summary>It is ours, and parts of it are missing or wrong.</summary>
    Damaged,

    /// <summary>It belongs to another cluster.</summary>
    OtherCluster,

    /// <summary>It belongs to another node of this cluster.</summary>
    OtherNode,

    /// <summary>It was written by a release that this one does not know.</summary>
    OtherFormat,

    /// <summary>A commit would not be durable when it returns.</summary>
    NotDurable,
}

/// <summary>The journal is refused; nothing in it was changed. The message says what to do.</summary>
public sealed class JournalException(JournalFault fault, string sentence, Exception? inner = null) : Exception(sentence, inner)
{
    public JournalFault Fault { get; } = fault;

    internal static void CheckOwner(string place, JournalIdentity found, Guid clusterId, string node)
    {
        if (found.ClusterId != clusterId)
        {
            throw new JournalException(JournalFault.OtherCluster,
                $"{place} is the journal of a node of cluster {found.ClusterId}, and this node belongs to {clusterId}. Configure this cluster's journal; a node that joins another cluster starts with a new one.");
        }

        if (found.Node != node)
        {
            throw new JournalException(JournalFault.OtherNode,
                $"{place} is the journal of node '{found.Node}', and this node is '{node}'. Each node has a journal of its own: set actorsan.node.name or actorsan.journal right.");
        }
    }
}
