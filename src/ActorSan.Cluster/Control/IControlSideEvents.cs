using ActorSan.Cluster.Catalog;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Control;

/// <summary>What the control side tells its node, on its thread: handed on at once.</summary>
public interface IControlSideEvents
{
    /// <summary>The catalog is known, or another is decided.</summary>
    void CatalogDecided(RegisterKey key, DocumentValue value, CatalogDocument document);

    /// <summary>How an attempt to found or to find the catalog ended; it goes on until one succeeds.</summary>
    void CatalogSought(bool founds, CatalogOutcome outcome);

    /// <summary>A newer configuration of that volume is decided.</summary>
    void ConfigurationDecided(Guid volumeId, Configuration? before, Configuration now);

    /// <summary>Something for the volume's history, or for the log where <paramref name="volumeId"/> is empty.</summary>
    void Noted(Guid volumeId, ControlNote note, string sentence);

    /// <summary>Requests wait here that another node may answer by now: initiators do well to go there.</summary>
    void LetGo(Guid volumeId);

    /// <summary>§2: the node's journal was put back to an older state: it votes no more until it has a new one.</summary>
    void JournalPutBack(long seen, long writeCount);
}

/// <summary>What kind of thing is noted.</summary>
public enum ControlNote : byte
{
    /// <summary>Who is primary.</summary>
    Role,

    /// <summary>Who is in sync.</summary>
    InSync,

    /// <summary>Leases.</summary>
    Lease,

    /// <summary>This node's replica and its store.</summary>
    Replica,

    /// <summary>What an operator wanted.</summary>
    Operator,

    /// <summary>Something that should not be.</summary>
    Fault,
}
