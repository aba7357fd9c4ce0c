using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>P12: two nodes that vote, no witness, and a switch for the other one's power. They lose each other, once or more; who was switched off comes back, perhaps still alone.</summary>
internal sealed class FencedStory() : DirectedScenario("fenced", "two nodes without a witness: one switches the other off and goes on alone, and that one comes back with old data")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Nodes = 2;
        plan.Options["hook"] = 1;
        plan.Options["blocks"] = random.Range(2, 16);
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        plan.Options["fence-delay-ms"] = random.Range(200, 2_500);
        plan.Options["preferred"] = random.Coin() ? 1 : 0;
        long end = 0;
        long at = random.Range(300 * Ms, 900 * Ms);
        int times = 1 + random.Next(3);
        for (int i = 0; i < times; i++)
        {
            long away = random.Range(1_500 * Ms, 7_000 * Ms);
            int node = random.Next(2);
            switch (random.Next(8))
            {
                case 0:
                    plan.Add(FaultKind.Crash, at, node, 0, random.Range(100 * Ms, away));
                    break;
                case 1:
                    plan.Add(FaultKind.PowerLoss, at, node, 0, random.Range(100 * Ms, away));
                    break;
                case 2:
                    plan.Add(FaultKind.Freeze, at, node, 0, random.Range(500 * Ms, away), (long)SimSides.Both);
                    break;
                case 3:
                    plan.Add(FaultKind.CutControl, at, node, 1 - node, away);
                    break;
                default:
                    plan.Add(FaultKind.Isolate, at, node, 0, away);
                    break;
            }

            if (random.Next(3) == 0)
            {
                plan.Add(FaultKind.Crash, at + random.Range(0, away), random.Next(2), 0, random.Range(20 * Ms, 500 * Ms));
            }

            end = Math.Max(end, at + away);
            plan.Add(FaultKind.Operator, at + away + random.Range(100 * Ms, 1_500 * Ms), random.Next(2), 0, 0, VolumeOperator.VotersValue);
            at += away + random.Range(-1_000 * Ms, 3_000 * Ms);
        }

        Writes(plan, random, (int)random.Range(20, 80), 0, end);
        Reads(plan, random, 30, 0, end, random.Next(2));
        Flushes(plan, random, random.Next(6), 0, end);
        plan.HealAtNs = end + random.Range(500 * Ms, 3_000 * Ms);
    }
}
