using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Management;

/// <summary>A change of members as one node asks it of another that has the replica it hasn't, and its outcome in words.</summary>
/// <param name="Kind">The name of the change.</param>
internal sealed record ChangeForm(string Kind, string Node, string By, VolumeSettings? Settings)
{
    public static ChangeForm Of(MemberChange change) => change switch
    {
        Replication.Core.Control.AddReplica add => new(nameof(Replication.Core.Control.AddReplica), add.Node, "", null),
        Replication.Core.Control.RemoveReplica remove => new(nameof(Replication.Core.Control.RemoveReplica), remove.Node, "", null),
        Replication.Core.Control.ReplaceReplica replace => new(nameof(Replication.Core.Control.ReplaceReplica), replace.Node, replace.By, null),
        Replication.Core.Control.AddVoter add => new(nameof(Replication.Core.Control.AddVoter), add.Node, "", null),
        Replication.Core.Control.RemoveVoter remove => new(nameof(Replication.Core.Control.RemoveVoter), remove.Node, "", null),
        Replication.Core.Control.AttachReplica attach => new(nameof(Replication.Core.Control.AttachReplica), attach.Node, "", null),
        Replication.Core.Control.DetachReplica detach => new(nameof(Replication.Core.Control.DetachReplica), detach.Node, "", null),
        ChangeSettings settings => new(nameof(ChangeSettings), "", "", settings.Settings),
        DeleteVolume => new(nameof(DeleteVolume), "", "", null),
        _ => throw new NodeFaultException($"no such change: {change.GetType().Name}"),
    };

    public MemberChange ToChange() => Kind switch
    {
        nameof(Replication.Core.Control.AddReplica) => new Replication.Core.Control.AddReplica(Node),
        nameof(Replication.Core.Control.RemoveReplica) => new Replication.Core.Control.RemoveReplica(Node),
        nameof(Replication.Core.Control.ReplaceReplica) => new Replication.Core.Control.ReplaceReplica(Node, By),
        nameof(Replication.Core.Control.AddVoter) => new Replication.Core.Control.AddVoter(Node),
        nameof(Replication.Core.Control.RemoveVoter) => new Replication.Core.Control.RemoveVoter(Node),
        nameof(Replication.Core.Control.AttachReplica) => new Replication.Core.Control.AttachReplica(Node),
        nameof(Replication.Core.Control.DetachReplica) => new Replication.Core.Control.DetachReplica(Node),
        nameof(ChangeSettings) when Settings is not null => new ChangeSettings(Settings),
        nameof(DeleteVolume) => new DeleteVolume(),
        _ => throw new NodeFaultException($"no such change: {Kind}"),
    };

    /// <summary>Why it was not done.</summary>
    public static OperationOutcome Outcome(ChangeOutcome outcome, string volume)
    {
        string node = outcome.Node ?? "a node";
        (string sentence, string? rule) = outcome.Reason switch
        {
            ChangeReason.NotServing => ($"nobody serves volume {volume} now who could decide it", "R7"),
            ChangeReason.Busy => ($"another change of {volume} is under way", null),
            ChangeReason.NoAnswer => ($"{node} does not answer", null),
            ChangeReason.NoStore => ($"{node} has no sound store of {volume} yet: look at its log, and try again", "S8"),
            ChangeReason.NotNamed => ($"{node} has no replica of {volume}, or no vote", null),
            ChangeReason.TooManyReplicas => ($"{volume} has as many replicas as there are places for", "S1"),
            ChangeReason.IsPrimary => ($"{node} serves {volume}: hand it over first ('volume handover')", "R8"),
            ChangeReason.LastMember => ($"{node} is the only one that is in sync", "W7"),
            ChangeReason.LastVoter => ("nobody would vote", "R8"),
            ChangeReason.SameNode => ("a replica is not replaced by itself: a store that came new is resynced by itself", "S1"),
            ChangeReason.Deleted => ($"volume {volume} is deleted", null),
            ChangeReason.Detached => ($"{node} is out of service ('volume attach' brings it back)", null),
            _ => ("the change was not taken", null),
        };
        return outcome.End == ChangeEnd.Refused ? OperationOutcome.Refused(sentence, rule) : OperationOutcome.TryAgain(sentence);
    }
}
