using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>
/// What an operator wants of a volume (R8, S1, S8). Each says how it is to be, not what is to be done: the same command again, at whatever node, goes on where the last one ended.
/// </summary>
public abstract record MemberChange;

/// <summary>S8: a replica more, out wholly until it is resynced. Its store is formatted with the volume's id already.</summary>
public sealed record AddReplica(string Node) : MemberChange;

/// <summary>R8: drop, then remove it, with its vote. It keeps its bytes.</summary>
public sealed record RemoveReplica(string Node) : MemberChange;

/// <summary>The replica of <paramref name="Node"/>, and its vote, go to <paramref name="By"/>. A member goes only when the new one is a member.</summary>
public sealed record ReplaceReplica(string Node, string By) : MemberChange;

/// <summary>A vote more: a witness's, or that of a node whose replica is there already.</summary>
public sealed record AddVoter(string Node) : MemberChange;

public sealed record RemoveVoter(string Node) : MemberChange;

/// <summary>These nodes vote, and no others.</summary>
public sealed record ChangeVoters(ValueList<string> Nodes) : MemberChange;

public sealed record ChangeSettings(VolumeSettings Settings) : MemberChange;

/// <summary>Out of service, still named: what it misses is kept in its set (S1).</summary>
public sealed record DetachReplica(string Node) : MemberChange;

/// <summary>Back into service, by a resync of its set.</summary>
public sealed record AttachReplica(string Node) : MemberChange;

/// <summary>§2: a tombstone. No replica serves it any more, and its id is never used again.</summary>
public sealed record DeleteVolume : MemberChange;

public enum ChangeEnd : byte
{
    None,

    /// <summary>Decided: the volume is as it was to be.</summary>
    Done,

    /// <summary>It stays as it is, and the same command will find the same until something else has changed.</summary>
    Refused,

    /// <summary>Not now, or not known: the same command again is safe.</summary>
    TryAgain,
}

/// <summary>Numbers are on the wire.</summary>
public enum ChangeReason : byte
{
    None = 0,

    /// <summary>Nobody is known to serve, or it has ceased to meanwhile.</summary>
    NotServing = 1,

    /// <summary>Another command is under way that concerns the same node, or too many are.</summary>
    Busy = 2,

    /// <summary>A node that must say which store or journal it has does not answer, or the primary does not.</summary>
    NoAnswer = 3,

    /// <summary>The node has no sound store of this volume.</summary>
    NoStore = 4,

    /// <summary>No replica of this volume is there.</summary>
    NotNamed = 5,

    /// <summary>As many as there are places for their sets.</summary>
    TooManyReplicas = 6,

    /// <summary>It serves: hand over first.</summary>
    IsPrimary = 7,

    /// <summary>Nobody else is in sync.</summary>
    LastMember = 8,

    /// <summary>Nobody would vote.</summary>
    LastVoter = 9,

    /// <summary>A replica is not replaced by itself: the primary names a store that came new by itself (S1).</summary>
    SameNode = 10,
    Deleted = 11,

    /// <summary>It is out of service, and would never be in sync.</summary>
    Detached = 12,
}

/// <param name="Node">Whom the reason is about; null: nobody in particular.</param>
public sealed record ChangeOutcome(ChangeEnd End, ChangeReason Reason = ChangeReason.None, string? Node = null);

/// <summary>R7: an operator's command, sent to whoever is primary.</summary>
/// <param name="Instance">Of the asking process, which numbers its wishes.</param>
public sealed record ChangeWish(string From, RegisterKey Key, Guid Instance, long Id, MemberChange Change) : ControlMessage;

public sealed record ChangeAnswer(string From, RegisterKey Key, Guid Instance, long Id, ChangeOutcome Outcome) : ControlMessage;
