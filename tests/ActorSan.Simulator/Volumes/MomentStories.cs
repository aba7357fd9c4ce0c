using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// P10: the last member's store fails while the admission of another is being decided, and whoever decides stands still for a moment: the store fails before the engine knows the
/// other member, and that is told after it is decided.
/// </summary>
internal sealed class FailingGateStory() : DirectedScenario("failing-gate", "P10: the last member's store fails in the moment in which another one is admitted")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = 12;
        plan.Options["says-gone"] = 0;
        long back = 1_800 * Ms;
        plan.Add(FaultKind.Crash, 300 * Ms, Other, 0, back - (300 * Ms));
        Writes(plan, random, 10, 400 * Ms, 1_600 * Ms, longest: 1);
        long slow = random.Range(300, 800);
        for (int node = 0; node < 3; node++)
        {
            plan.Add(FaultKind.JournalSlow, back, node, 0, 2 * Second, slow);
        }

        long still = back + random.Range(15 * Ms, 90 * Ms);
        long length = random.Range(100 * Ms, 250 * Ms);
        plan.Add(FaultKind.Freeze, still, First, 0, length, (long)SimSides.Control);
        plan.Add(FaultKind.FailFlushes, still, First, 0, 0, 1);
        plan.Add(still + random.Range(1 * Ms, length / 2), 0, First, SimOpKind.Flush, 0, 0);
        Writes(plan, random, 10, still + length, still + (3 * Second), longest: 1);
        Reads(plan, random, 20, still + length, still + (3 * Second), First);
        plan.HealAtNs = 7 * Second;
    }
}

/// <summary>
/// W12: attributes are changed while a member is silent. When it is dropped, the changes are complete one after the other, while its link still has to send some of them; then
/// somebody who knows only what is durable serves.
/// </summary>
internal sealed class KeyStory() : DirectedScenario("key", "W12: of two changes of an attribute the one answered last is the one in force")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["ack-ms"] = random.Range(200, 600);
        long at = random.Range(500 * Ms, 800 * Ms);
        long drop = at + (plan.Option("ack-ms") * Ms);
        long back = drop + random.Range(50 * Ms, 600 * Ms);
        plan.Add(FaultKind.CutData, at, First, Other, back - at);
        if (random.Coin())
        {
            plan.Add(FaultKind.CutData, at, Other, First, back - at);
        }

        Writes(plan, random, 6, at, drop);
        Attributes(plan, random, 12, SimOpKind.SetAttribute, at + (10 * Ms), drop + (200 * Ms), First);
        Attributes(plan, random, 12, SimOpKind.GetAttribute, drop, back + (1_400 * Ms), First);
        plan.Add(FaultKind.Crash, back + random.Range(500 * Ms, 1_500 * Ms), First, 0, random.Range(50 * Ms, 3_000 * Ms));
        plan.HealAtNs = back + (4 * Second);
    }
}
