using ActorSan.Replication.Core;
using ActorSan.Simulator.Runner;

namespace ActorSan.Simulator.Volumes;

/// <summary>All kinds of histories of a volume.</summary>
internal static class VolumeScenarios
{
    private static readonly string[] s_bugs = [.. Enum.GetNames<Bug>().Where(name => name != nameof(Bug.None))];

    public static void AddTo(ScenarioRegistry registry)
    {
        foreach (RandomProfile profile in Profiles())
        {
            _ = registry.Add(new RandomScenario(profile) { Bugs = profile.Kind is "quiet" or "stores" or "copies" or "all" ? [] : s_bugs });
        }

        foreach (DirectedScenario story in Stories())
        {
            _ = registry.Add(story);
        }
    }

    private static IEnumerable<DirectedScenario> Stories() =>
    [
        new DeposedStory() { Bugs = s_bugs },
        new HalfWrittenStory() { Bugs = s_bugs },
        new KeptSetStory() { Bugs = s_bugs },
        new HandedSetStory() { Bugs = s_bugs },
        new SyncingStory() { Bugs = s_bugs },
        new DarkStory() { Bugs = s_bugs },
        new ShortPowerStory() { Bugs = s_bugs },
        new OldCopyStory() { Bugs = s_bugs },
    ];

    private static IEnumerable<RandomProfile> Profiles() =>
    [
        new("quiet", "no faults at all: start, founding, resync, service"),
        new("crashes", "processes are killed and come back") { Faults = [FaultKind.Crash] },
        new("power", "nodes lose power, one by one or all") { Faults = [FaultKind.PowerLoss, FaultKind.PowerLossOfAll, FaultKind.Crash] },
        new("network", "cuts of either plane, resets, losses") { Faults = [FaultKind.CutControl, FaultKind.CutData, FaultKind.Isolate, FaultKind.ResetLink, FaultKind.ControlLoss, FaultKind.ControlDouble, FaultKind.ControlLate] },
        new("freezes", "nodes or sides of them stand still and go on with old beliefs") { Faults = [FaultKind.Freeze, FaultKind.CutData, FaultKind.Crash] },
        new("handover", "operators hand over at bad moments") { Faults = [FaultKind.Operator, FaultKind.Operator, FaultKind.Crash, FaultKind.ResetLink, FaultKind.Freeze, FaultKind.CutControl] },
        new("stores", "disks fail, hang, fill up, are slow") { Faults = [FaultKind.DiskHang, FaultKind.DiskFull, FaultKind.FailReads, FaultKind.FailWrites, FaultKind.FailFlushes, FaultKind.FailPages, FaultKind.DiskSlow, FaultKind.Crash] },
        new("copies", "disks are replaced by empty ones and put back to older copies") { Faults = [FaultKind.DiskImage, FaultKind.DiskPutBack, FaultKind.DiskReplaced, FaultKind.Crash, FaultKind.ResetLink] },
        new("rare", "few writes, quiet ends") { Rare = true, Faults = [FaultKind.Crash, FaultKind.PowerLoss, FaultKind.PowerLossOfAll, FaultKind.Isolate, FaultKind.ResetLink, FaultKind.CutData] },
        new("hot", "few blocks, much overlap") { HotBlocks = true, Faults = [FaultKind.Crash, FaultKind.Isolate, FaultKind.ResetLink, FaultKind.CutData, FaultKind.Freeze, FaultKind.Operator] },
        new("all", "everything together") { MaxFaults = 14, Faults = [FaultKind.Crash, FaultKind.PowerLoss, FaultKind.PowerLossOfAll, FaultKind.Freeze, FaultKind.CutControl, FaultKind.CutData, FaultKind.Isolate, FaultKind.ResetLink, FaultKind.ControlLoss, FaultKind.DiskHang, FaultKind.FailWrites, FaultKind.DiskSlow, FaultKind.JournalSlow, FaultKind.ClockDrift, FaultKind.Operator] },
    ];
}
