using ActorSan.Replication.Core;
using ActorSan.Simulator.Runner;

namespace ActorSan.Simulator.Volumes;

/// <summary>All kinds of histories of a volume.</summary>
internal static class VolumeScenarios
{
    // What each kind found; the table with the numbers of seeds is in BUGS.md.
    private static readonly SortedDictionary<string, string[]> s_bugs = new(StringComparer.Ordinal)
    {
        ["all"] = [nameof(Bug.TrustChangedSession), nameof(Bug.AcknowledgeBeforeStore), nameof(Bug.AdmitBeforeLastAcknowledgement)],
        ["crashes"] = [nameof(Bug.ReconcileNothing)],
        ["power"] = [nameof(Bug.ClearUnsettled), nameof(Bug.ExactWhileOut)],
        ["deposed"] = [nameof(Bug.IgnoreLease), nameof(Bug.AcknowledgeBeforePeer), nameof(Bug.ReadWithoutLock)],
        ["half-written"] = [nameof(Bug.ResyncWithoutLock), nameof(Bug.AcceptOldEpoch), nameof(Bug.AcknowledgeBeforeDrop)],
        ["one-sided"] = [nameof(Bug.ForgetUnsettled), nameof(Bug.ReconcileAfterServing), nameof(Bug.ReconcileOutsideTheWritePath), nameof(Bug.ForgetAttributes)],

        // With confirmed reads the lease protects nothing that the fence does not: the one is found with the other switched off as well.
        ["confirmed"] = [nameof(Bug.PromoteWithoutFence) + "+" + nameof(Bug.IgnoreLease)],
        ["rotten"] = [nameof(Bug.VerifyWithoutLock)],
        ["short-crash"] = [nameof(Bug.ApplyOverSlot)],
        ["admission"] = [nameof(Bug.ForgetUnknownAdmission)],
        ["replaced"] = [nameof(Bug.WhollyInOneNode)],
        ["kept-set"] = [nameof(Bug.ClearWithoutMove)],
        ["handed-set"] = [nameof(Bug.AdmitWithoutSets), nameof(Bug.ForgetPendingAtDrop), nameof(Bug.KeepNoSetsFromGate)],
        ["syncing"] = [nameof(Bug.SendIntoTheSet)],
        ["slow-start"] = [nameof(Bug.SilentMeansBroken)],
        ["gate-and-drop"] = [nameof(Bug.NoSetsWhileGated)],
        ["hung"] = [nameof(Bug.DrainWaitsForHung)],
        ["hung-read"] = [nameof(Bug.OnlyWritesHang)],
        ["other-place"] = [nameof(Bug.PagesBeforePlace)],
        ["failing-gate"] = [nameof(Bug.ProofOnlyAtFailure)],
        ["stuck"] = [nameof(Bug.LookWithoutPause)],
        ["one-write"] = [nameof(Bug.PromiseWhenWanted)],
        ["old-promises"] = [nameof(Bug.PassByOldPromises)],
        ["late-configuration"] = [nameof(Bug.SettleBeforeConfiguration)],
        ["two-leave"] = [nameof(Bug.PeersOneByOne)],
        ["grow-gate"] = [nameof(Bug.GrowWaitsForGone)],
        ["all-fail"] = [nameof(Bug.FailOnce)],
        ["failed-gate"] = [nameof(Bug.KeepReadyGate)],
        ["unmissed"] = [nameof(Bug.VainOnlyByChange)],
        ["short-pauses"] = [nameof(Bug.VainOutlivesGrant)],
        ["forced-again"] = [nameof(Bug.ForgetKeptLineage)],
        ["key"] = [nameof(Bug.KeyFreeBeforeAnswer)],
        ["failed-flush"] = [nameof(Bug.ForgetFailure)],
        ["stopped"] = [nameof(Bug.KeepCleanMark), nameof(Bug.CleanWithoutFlush)],
        ["silent"] = [nameof(Bug.WaitAnewAtLoss)],
        ["full"] = [nameof(Bug.ForgetRefusedWrite)],
        ["full-gate"] = [nameof(Bug.RefuseAtOpenAdmission), nameof(Bug.GiveUpBeforeFlush)],
        ["in-transit"] = [nameof(Bug.ForgetOutstanding)],
        ["dark"] = [nameof(Bug.ForgetWritesWhileOut), nameof(Bug.PromoteSuspect), nameof(Bug.AdmitWithoutFlush), nameof(Bug.SendAtomicAsPlain), nameof(Bug.FlushWithoutPeers)],
        ["short-power"] = [nameof(Bug.IgnorePeerIntents), nameof(Bug.ClearBeforeFlush)],
        ["old-copy"] = [nameof(Bug.TrustOldCopy), nameof(Bug.CompleteBeforeMarkIsHeard)],
        ["asynchronous"] = [nameof(Bug.AdmitAsynchronous), nameof(Bug.DropFirstSetAtTurn), nameof(Bug.ForgetOutstanding)],
        ["damaged"] = [nameof(Bug.ForgetConfiguration), nameof(Bug.TrustDoubtfulPage)],
        ["grow"] = [nameof(Bug.ForgetGrownPart), nameof(Bug.ServeGrownEarly)],
        ["paced"] = [nameof(Bug.CopyAboveCeiling), nameof(Bug.CopyDeepBesideForeground), nameof(Bug.CopyOnlyWhenIdle), nameof(Bug.ForgetForegroundLatency)],
        ["forced"] = [nameof(Bug.DiscardWithoutSets), nameof(Bug.DiscardedGoesOn), nameof(Bug.ForceDuringGrant)],
        ["fenced"] = [nameof(Bug.FenceBack), nameof(Bug.FenceCountsLate), nameof(Bug.FenceFailedCounts)],
        ["forced-out"] = [nameof(Bug.LeftAtWhereWholly)],
    };

    public static void AddTo(ScenarioRegistry registry)
    {
        foreach (RandomProfile profile in Profiles())
        {
            _ = registry.Add(new RandomScenario(profile) { Bugs = s_bugs.GetValueOrDefault(profile.Kind, []) });
        }

        foreach (VolumeScenario story in MemberStories())
        {
            _ = registry.Add(story);
        }

        foreach (DirectedScenario story in Stories())
        {
            _ = registry.Add(story);
        }
    }

    private static IEnumerable<DirectedScenario> Stories() =>
    [
        new DeposedStory() { Bugs = s_bugs["deposed"] },
        new HalfWrittenStory() { Bugs = s_bugs["half-written"] },
        new KeptSetStory() { Bugs = s_bugs["kept-set"] },
        new HandedSetStory() { Bugs = s_bugs["handed-set"] },
        new SyncingStory() { Bugs = s_bugs["syncing"] },
        new DarkStory() { Bugs = s_bugs["dark"] },
        new ShortPowerStory() { Bugs = s_bugs["short-power"] },
        new OldCopyStory() { Bugs = s_bugs["old-copy"] },
        new OneSidedStory() { Bugs = s_bugs["one-sided"] },
        new ConfirmedStory() { Bugs = s_bugs["confirmed"] },
        new RottenStory() { Bugs = s_bugs["rotten"] },
        new ShortCrashStory() { Bugs = s_bugs["short-crash"] },
        new AdmissionStory() { Bugs = s_bugs["admission"] },
        new ReplacedStory() { Bugs = s_bugs["replaced"] },
        new InTransitStory() { Bugs = s_bugs["in-transit"] },
        new SlowStartStory() { Bugs = s_bugs["slow-start"] },
        new GateAndDropStory() { Bugs = s_bugs["gate-and-drop"] },
        new HungStory() { Bugs = s_bugs["hung"] },
        new HungReadStory() { Bugs = s_bugs["hung-read"] },
        new OtherPlaceStory() { Bugs = s_bugs["other-place"] },
        new FailedFlushStory() { Bugs = s_bugs["failed-flush"] },
        new SilentStory() { Bugs = s_bugs["silent"] },
        new FullStory() { Bugs = s_bugs["full"] },
        new FullGateStory() { Bugs = s_bugs["full-gate"] },
        new FailingGateStory() { Bugs = s_bugs["failing-gate"] },
        new StuckStory() { Bugs = s_bugs["stuck"] },
        new OneWriteStory() { Bugs = s_bugs["one-write"] },
        new OldPromisesStory() { Bugs = s_bugs["old-promises"] },
        new LateConfigurationStory() { Bugs = s_bugs["late-configuration"] },
        new TwoLeaveStory() { Bugs = s_bugs["two-leave"] },
        new GrowGateStory() { Bugs = s_bugs["grow-gate"] },
        new AllFailStory() { Bugs = s_bugs["all-fail"] },
        new FailedGateStory() { Bugs = s_bugs["failed-gate"] },
        new UnmissedStory() { Bugs = s_bugs["unmissed"] },
        new ShortPausesStory() { Bugs = s_bugs["short-pauses"] },
        new ForcedAgainStory() { Bugs = s_bugs["forced-again"] },
        new KeyStory() { Bugs = s_bugs["key"] },
        new StoppedStory() { Bugs = s_bugs["stopped"] },
        new AsynchronousStory() { Bugs = s_bugs["asynchronous"] },
        new DamagedStory() { Bugs = s_bugs["damaged"] },
        new GrowStory() { Bugs = s_bugs["grow"] },
        new PacedStory() { Bugs = s_bugs["paced"] },
        new ForcedStory() { Bugs = s_bugs["forced"] },
        new FencedStory() { Bugs = s_bugs["fenced"] },
        new ForcedOutStory() { Bugs = s_bugs["forced-out"] },
    ];

    private static IEnumerable<VolumeScenario> MemberStories() =>
    [
        new MembersScenario() { Bugs = [nameof(Bug.EmptySetForNewReplica), nameof(Bug.RemoveWithoutDrop)] },
        new VotersStory()
        {
            Bugs = [nameof(Bug.VotersInOneStep), nameof(Bug.OldVotersIgnored), nameof(Bug.LeaseCountedByOneVoterSet)],
        },
        new AmnesiaStory() { Bugs = [nameof(Bug.AmnesiacVoterAnswers), nameof(Bug.JournalCountIgnored)] },
        new MachineStory() { Bugs = [nameof(Bug.PromoteUnnamed)] },
        new RemovalStory(),
        new FoundingStory(),
        new DeletedStory() { Bugs = [nameof(Bug.ServeAfterDelete)] },
    ];

    private static IEnumerable<RandomProfile> Profiles() =>
    [
        new("quiet", "no faults at all: start, founding, resync, service"),
        new("crashes", "processes are killed and come back") { Faults = [FaultKind.Crash, FaultKind.Crash, FaultKind.Unreachable] },
        new("power", "nodes lose power, one by one or all") { Faults = [FaultKind.PowerLoss, FaultKind.PowerLossOfAll, FaultKind.Crash] },
        new("network", "cuts of either plane, resets, losses") { Faults = [FaultKind.CutControl, FaultKind.CutData, FaultKind.Isolate, FaultKind.ResetLink, FaultKind.ControlLoss, FaultKind.ControlDouble, FaultKind.ControlLate, FaultKind.Unreachable] },
        new("freezes", "nodes or sides of them stand still and go on with old beliefs") { Faults = [FaultKind.Freeze, FaultKind.CutData, FaultKind.Crash] },
        new("handover", "operators hand over at bad moments") { Faults = [FaultKind.Operator, FaultKind.Operator, FaultKind.Crash, FaultKind.ResetLink, FaultKind.Freeze, FaultKind.CutControl, FaultKind.Stop, FaultKind.Stop] },
        new("stores", "disks fail, hang, fill up, are slow") { Faults = [FaultKind.DiskHang, FaultKind.DiskFull, FaultKind.FailReads, FaultKind.FailWrites, FaultKind.FailFlushes, FaultKind.FailPages, FaultKind.DiskSlow, FaultKind.Crash] },
        new("copies", "disks are replaced by empty ones and put back to older copies") { Faults = [FaultKind.DiskImage, FaultKind.DiskPutBack, FaultKind.DiskReplaced, FaultKind.Crash, FaultKind.ResetLink] },
        new("rare", "few writes, quiet ends") { Rare = true, Faults = [FaultKind.Crash, FaultKind.PowerLoss, FaultKind.PowerLossOfAll, FaultKind.Isolate, FaultKind.ResetLink, FaultKind.CutData] },
        new("hot", "few blocks, much overlap") { HotBlocks = true, Faults = [FaultKind.Crash, FaultKind.Isolate, FaultKind.ResetLink, FaultKind.CutData, FaultKind.Freeze, FaultKind.Operator] },
        new("forces", "operators force and discard at bad moments") { Forces = true, Faults = [FaultKind.Operator, FaultKind.Operator, FaultKind.Operator, FaultKind.Crash, FaultKind.PowerLoss, FaultKind.PowerLossOfAll, FaultKind.Isolate, FaultKind.CutData, FaultKind.CutControl, FaultKind.Freeze, FaultKind.ResetLink, FaultKind.ControlLoss, FaultKind.JournalSlow, FaultKind.DiskSlow, FaultKind.FailWrites] },
        new("fences", "two nodes that can switch each other off, and no witness") { Hook = true, Faults = [FaultKind.Crash, FaultKind.PowerLoss, FaultKind.Isolate, FaultKind.Isolate, FaultKind.CutControl, FaultKind.CutData, FaultKind.Freeze, FaultKind.ControlLoss, FaultKind.ControlLate, FaultKind.JournalSlow, FaultKind.DiskSlow, FaultKind.FailWrites, FaultKind.Operator] },
        new("all", "everything together") { MaxFaults = 14, Faults = [FaultKind.Crash, FaultKind.PowerLoss, FaultKind.PowerLossOfAll, FaultKind.Freeze, FaultKind.CutControl, FaultKind.CutData, FaultKind.Isolate, FaultKind.ResetLink, FaultKind.ControlLoss, FaultKind.DiskHang, FaultKind.FailWrites, FaultKind.DiskSlow, FaultKind.JournalSlow, FaultKind.ClockDrift, FaultKind.Operator, FaultKind.Unreachable, FaultKind.Stop, FaultKind.FailFlushes] },
    ];
}
