namespace ActorSan.Replication.Core;

/// <summary>
/// Deliberate bugs, for the simulator alone: each breaks one rule of replication.md, and a test must see the simulator find it. A rule that is not worth breaking is not worth
/// having. Never set outside tests: the only constructor that takes any is internal.
/// </summary>
internal enum Bug
{
    None,

    /// <summary>W9: a chunk's bit goes although the sets of those who are out are not durable.</summary>
    ClearWithoutMove,

    /// <summary>W9: a chunk's bit goes although an unsettled write lies in it.</summary>
    ClearUnsettled,

    // The engines, sorted.

    /// <summary>W3: a frame or an attachment of an older epoch counts.</summary>
    AcceptOldEpoch,

    /// <summary>W7: a peer that is not attached is not waited for, though its drop is not decided.</summary>
    AcknowledgeBeforeDrop,

    /// <summary>W5: a write is complete before the required peers have it.</summary>
    AcknowledgeBeforePeer,

    /// <summary>W4: a replica acknowledges before its store has it.</summary>
    AcknowledgeBeforeStore,

    /// <summary>§3, Protocols: an asynchronous replica is admitted like any other.</summary>
    AdmitAsynchronous,

    /// <summary>S4: the admission is proposed before the last write was acknowledged and flushed.</summary>
    AdmitBeforeLastAcknowledgement,

    /// <summary>S4, W10: admitted without the flush.</summary>
    AdmitWithoutFlush,

    /// <summary>S4: admitted without the sets of the others.</summary>
    AdmitWithoutSets,

    /// <summary>W11: what overlaps is applied while the redo slot of an older write is still to be replayed.</summary>
    ApplyOverSlot,

    /// <summary>§2, P8: an orderly stop sets the clean mark without the last flush.</summary>
    CleanWithoutFlush,

    /// <summary>W9: a chunk's bit goes although the store was not flushed.</summary>
    ClearBeforeFlush,

    /// <summary>W2: a write is complete before anyone has heard of the mark under which the own store has it.</summary>
    CompleteBeforeMarkIsHeard,

    /// <summary>S5: nothing bounds a resync or a verify.</summary>
    CopyAboveCeiling,

    /// <summary>S5: as much of a resync is under way while initiators ask as while nobody does.</summary>
    CopyDeepBesideForeground,

    /// <summary>S5: a resync waits for a moment in which no initiator asks for anything.</summary>
    CopyOnlyWhenIdle,

    /// <summary>§3, Protocols: the first set of an asynchronous replica goes when its turn begins.</summary>
    DropFirstSetAtTurn,

    /// <summary>P8, P10: a handover waits for the memory of what a hung store holds.</summary>
    DrainWaitsForHung,

    /// <summary>W4, P9: a member with a broken session counts as exact because a primary offered it an attachment.</summary>
    ExactWhileOut,

    /// <summary>W10: a flush is complete when the own store has done it.</summary>
    FlushWithoutPeers,

    /// <summary>W6: with `on-no-quorum = fail` only what waits for its completion at that moment is answered, once.</summary>
    FailOnce,

    /// <summary>§2: a store that has failed an I/O leaves no mark of it, and its next process goes on in the old session.</summary>
    ForgetFailure,

    /// <summary>P5, W12: a new primary does not send the attributes.</summary>
    ForgetAttributes,

    /// <summary>S2: what a syncing peer has not acknowledged when its link goes is forgotten.</summary>
    ForgetOutstanding,

    /// <summary>§2: the configuration that was told is not remembered.</summary>
    ForgetConfiguration,

    /// <summary>S5: a resync does not know how long the foreground waits.</summary>
    ForgetForegroundLatency,

    /// <summary>S7: the new part is not in the sets of those who are out.</summary>
    ForgetGrownPart,

    /// <summary>W7: what was in flight at a drop is not in the set.</summary>
    ForgetPendingAtDrop,

    /// <summary>P10: a write that the last member refused for want of space is in no set, though a syncing peer may have it.</summary>
    ForgetRefusedWrite,

    /// <summary>P10: a primary whose store has failed leaves before those that stay have flushed.</summary>
    GiveUpBeforeFlush,

    /// <summary>R6: an admission with unknown outcome is taken for one that failed.</summary>
    ForgetUnknownAdmission,

    /// <summary>W4: the list is not told on attaching.</summary>
    ForgetUnsettled,

    /// <summary>S1: what is written while a replica is out is not in its set.</summary>
    ForgetWritesWhileOut,

    /// <summary>S7: a growth goes on waiting for room at one that is required no more.</summary>
    GrowWaitsForGone,

    /// <summary>L4: nobody looks at the lease when an answer goes.</summary>
    IgnoreLease,

    /// <summary>S2: a syncing peer's intents are not in its set.</summary>
    IgnorePeerIntents,

    /// <summary>§2: the clean mark of an orderly stop stays while the store is written.</summary>
    KeepCleanMark,

    /// <summary>S4: between its gate and its admission a peer adds nothing to the sets that it was handed.</summary>
    KeepNoSetsFromGate,

    /// <summary>P10, S4: a primary whose store has failed leaves the gate of a peer that it will not admit as it is.</summary>
    KeepReadyGate,

    /// <summary>W12: the key of an attribute is free as soon as its change is complete, though its answer waits for a link that still has to send it.</summary>
    KeyFreeBeforeAnswer,

    /// <summary>S4: who is gated keeps no set for a member that is dropped before it is admitted.</summary>
    NoSetsWhileGated,

    /// <summary>L5, P10: only a write is looked at when a store hangs.</summary>
    OnlyWritesHang,

    /// <summary>S1: a set's pages count before the state page says that its place is theirs.</summary>
    PagesBeforePlace,

    /// <summary>W7: a decided configuration reaches the peers one by one, and a write may begin in between.</summary>
    PeersOneByOne,

    /// <summary>P8: a handover goes on from promises of long ago, though the voters may have stopped writing since.</summary>
    PassByOldPromises,

    /// <summary>W7: promises are asked for when a change is wanted, not before: initiators wait for two writes of the voters' journals.</summary>
    PromiseWhenWanted,

    /// <summary>P9: every replica promotes, whatever its session.</summary>
    PromoteSuspect,

    /// <summary>P10: the flush of those that stay is asked for when the store fails, and never if the first of them is decided a moment later.</summary>
    ProofOnlyAtFailure,

    /// <summary>P3: no fence: neither is the epoch made durable, nor does the older attachment end before the promotion is decided.</summary>
    PromoteWithoutFence,

    /// <summary>W8: a read does not wait for the writes before it.</summary>
    ReadWithoutLock,

    /// <summary>P6: serves before it has reconciled.</summary>
    ReconcileAfterServing,

    /// <summary>P5: nothing is reconciled.</summary>
    ReconcileNothing,

    /// <summary>P5: reconciles by frames without a seq, which nobody waits for.</summary>
    ReconcileOutsideTheWritePath,

    /// <summary>P10, R6: whose store is full answers so while an admission with unknown outcome may have made another member.</summary>
    RefuseAtOpenAdmission,

    /// <summary>S3: resync does not hold the range.</summary>
    ResyncWithoutLock,

    /// <summary>W11: what must not tear is an ordinary write at the peers.</summary>
    SendAtomicAsPlain,

    /// <summary>S2: a write that touches the set of a syncing peer is sent, and takes what it touches out of the set.</summary>
    SendIntoTheSet,

    /// <summary>S7: the new size is served as soon as everyone is asked to make room.</summary>
    ServeGrownEarly,

    /// <summary>W7: what is settled goes from the list before the configuration is noted that says who lacks it.</summary>
    SettleBeforeConfiguration,

    /// <summary>P9: a member that has not opened its store yet counts as one whose session is broken.</summary>
    SilentMeansBroken,

    /// <summary>W3, P9: a member whose power session has changed goes on in sync.</summary>
    TrustChangedSession,

    /// <summary>§2: a bitmap page with a damaged slot is taken for the latest.</summary>
    TrustDoubtfulPage,

    /// <summary>W2: marks are not compared: an old copy goes on.</summary>
    TrustOldCopy,

    /// <summary>S6: verify compares without holding the range.</summary>
    VerifyWithoutLock,

    /// <summary>W7: the wait for who leaves a write unanswered begins anew where his link ends.</summary>
    WaitAnewAtLoss,

    /// <summary>S1: only the primary keeps the whole volume in the set of a replica that is out wholly.</summary>
    WhollyInOneNode,

    // Lineages (P11), sorted.

    /// <summary>P11: a replica goes on in its lineage although it has heard of one that discards it.</summary>
    DiscardedGoesOn,

    /// <summary>P11: discarded, and what its own sets and list say is not added to its intents.</summary>
    DiscardWithoutSets,

    /// <summary>P11: a voter begins a lineage while the holder of one that it discards has a running grant.</summary>
    ForceDuringGrant,

    /// <summary>P11: what a second force has begun is forgotten when its node starts again.</summary>
    ForgetKeptLineage,

    /// <summary>P11: who forces without being a member takes the others for out by its own sets.</summary>
    LeftAtWhereWholly,

    // Members and voters, sorted.

    /// <summary>S1: a replica that comes new is taken for one that lacks nothing.</summary>
    EmptySetForNewReplica,

    /// <summary>S8: the catalog is founded on those who have answered in time.</summary>
    FoundWithoutAll,

    /// <summary>R8: a replica that the configuration does not name promotes, as if it were still a member.</summary>
    PromoteUnnamed,

    /// <summary>R8: a replica is removed while it is a member.</summary>
    RemoveWithoutDrop,

    /// <summary>R4, §2: the primary of a volume whose deletion is proposed goes on until it hears that it is decided.</summary>
    ServeAfterDelete,

    /// <summary>R8: the voters change in one step.</summary>
    VotersInOneStep,

    // The fencing hook (P12), sorted.

    /// <summary>P12: a node fences although it has decided nothing together with the other since its start: with old data, perhaps.</summary>
    FenceBack,

    /// <summary>P12: a success counts although something was decided since the hook was fired: the other may have come back.</summary>
    FenceCountsLate,

    /// <summary>P12: a hook that has failed counts.</summary>
    FenceFailedCounts,

    /// <summary>P12: a primary without its lease looks for the other voter all the time, and meets its promotion with a higher ballot.</summary>
    LookWithoutPause,

    /// <summary>P12: only a change in vain shows that the other one is gone: a primary that wants to change nothing waits for ever.</summary>
    VainOnlyByChange,

    /// <summary>P12: that a round was in vain is remembered beyond the outage that it belongs to.</summary>
    VainOutlivesGrant,

    // The register and the leases, sorted.

    /// <summary>L2: a value is accepted although a grant to another node runs.</summary>
    AcceptDuringForeignGrant,

    /// <summary>R2, §2: a voter answers requests that are meant for the journal that it has lost.</summary>
    AmnesiacVoterAnswers,

    /// <summary>P11: a voter grants and promises for a lineage that it has heard to be discarded.</summary>
    DiscardedLineageAnswers,

    /// <summary>L1: a voter grants an epoch although it has accepted a higher one.</summary>
    GrantBelowAcceptedEpoch,

    /// <summary>L1: what a voter grants by is the durable value, not the one that it has taken up.</summary>
    GrantByDurableValue,

    /// <summary>§2: nobody looks at the count of a journal that was put back.</summary>
    JournalCountIgnored,

    /// <summary>L2: renewals that are not younger than a Release are granted.</summary>
    LateRenewalAfterRelease,

    /// <summary>L3: the holder counts its lease from the receipt of the grant.</summary>
    LeaseCountedFromReceipt,

    /// <summary>L3: between the two steps of a change of voters the lease is counted by the new ones alone.</summary>
    LeaseCountedByOneVoterSet,

    /// <summary>L6: a longer lease than ever is granted before that is durable.</summary>
    LongerLeaseBeforeDurable,

    /// <summary>L6: a restarted voter promises and accepts at once.</summary>
    NoMuteAfterRestart,

    /// <summary>R3: between the two steps of a change of voters, a majority of the new ones alone is taken for one of the value.</summary>
    OldVotersIgnored,

    /// <summary>R3: the proposer changes the value that it knows, not the one with the highest accepted ballot.</summary>
    OwnValueInsteadOfHighest,

    /// <summary>R4: the holder goes on counting grants after it has proposed another primary.</summary>
    RenewalOvertakesAccept,

    /// <summary>R2, R5: a voter replies before its journal has it.</summary>
    ReplyBeforeDurable,

    /// <summary>R8: the second step of a change of voters is built on a first that is only seen, not known to be decided.</summary>
    SecondStepOnUndecidedFirst,
}

/// <summary>Which deliberate bugs a core has. Shared by all cores of a simulated node.</summary>
public sealed class BugSet
{
    private readonly UInt128 _bits;

    private BugSet(UInt128 bits) => _bits = bits;

    /// <summary>What every product node has.</summary>
    public static BugSet Nothing { get; } = new(0);

    internal static BugSet Of(params ReadOnlySpan<Bug> bugs)
    {
        UInt128 bits = 0;
        foreach (Bug bug in bugs)
        {
            bits |= UInt128.One << (int)bug;
        }

        return new BugSet(bits);
    }

    internal bool Has(Bug bug) => (_bits & (UInt128.One << (int)bug)) != UInt128.Zero;
}
