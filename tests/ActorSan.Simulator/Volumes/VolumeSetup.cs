using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Check;
using ActorSan.Simulator.Net;

namespace ActorSan.Simulator.Volumes;

/// <summary>What all nodes of one simulated volume share.</summary>
internal sealed class VolumeSetup
{
    public required Guid VolumeId { get; init; }

    public required RegisterKey Key { get; init; }

    public required Configuration First { get; init; }

    public required SimControlNet Control { get; init; }

    public required SimDataNet Data { get; init; }

    public required EngineOptions Engine { get; init; }

    public required ActorSan.Replication.Core.Control.ControlOptions Decisions { get; init; }

    public required LeaseSettings Leases { get; init; }

    public required ProposerSettings Rounds { get; init; }

    public required BugSet Bugs { get; init; }

    /// <summary>P12; null: no hook.</summary>
    public SimFencing? Fencing { get; init; }

    public required Facts Facts { get; init; }

    public required PowerBook Power { get; init; }

    public required LineageBook Lineages { get; init; }

    public required bool WriteCache { get; init; }

    /// <summary>Opening a store takes up to so long.</summary>
    public required long OpenNs { get; init; }

    /// <summary>A block was turned behind everyone's back: verify may find differences.</summary>
    public required bool MayRot { get; init; }

    /// <summary>By node: its lineage, and the newest version that its replica has on its Configuration page.</summary>
    public Dictionary<string, (Guid Lineage, long Version)> Remembered { get; } = new(StringComparer.Ordinal);

    /// <summary>By store incarnation: a mark that it had reached at the least when a write of it was answered: somebody has heard it by then (W2).</summary>
    public Dictionary<Guid, long> AnsweredMarks { get; } = [];

    /// <summary>What each node's engine tells, for what a scenario measures.</summary>
    public Action<string, EngineEvent>? Heard { get; set; }

    /// <summary>Null: not checked.</summary>
    public Covering? Covering { get; set; }

    /// <summary>S7: so many of the first nodes are told to write the first value on its voters; 0: it is there already.</summary>
    public int Founders { get; init; }

    /// <summary>S7: the first value is on all voters, and the catalog names the volume.</summary>
    public bool IsNamed { get; private set; }

    /// <summary>Once, at every node that runs.</summary>
    public event Action? Named;

    public void Name()
    {
        if (!IsNamed)
        {
            IsNamed = true;
            Named?.Invoke();
        }
    }
}
