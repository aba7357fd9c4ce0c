using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Frames;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// S5: a replica comes back to a busy volume, perhaps while the primary's disk is slow. Its resync stays below the ceiling, stays near the floor while initiators suffer, and
/// is never slower than the floor; so does a verify behind it. While initiators ask little of it is under way.
/// </summary>
internal sealed class PacedStory() : DirectedScenario("paced", "a resync and a verify under load obey ceiling, floor and latency objective, and end")
{
    private const long Floor = 100;
    private const long Ceiling = 800;
    private const int PieceBytes = 64;
    private const int Depth = 2;

    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(50, 70);
        plan.Options["piece"] = 4;
        plan.Options["resync-min"] = Floor;
        long at = random.Range(300 * Ms, 600 * Ms);
        long back = at + random.Range(2_000 * Ms, 2_500 * Ms);
        bool slow = random.Coin();
        plan.Options["at"] = at;
        plan.Options["resync-max"] = slow || random.Coin() ? Ceiling : 1 << 20;
        plan.Options["slow-from"] = slow ? back : 0;
        plan.Add(FaultKind.Crash, at, Other, 0, back - at);
        if (slow)
        {
            plan.Add(FaultKind.DiskSlow, back - (150 * Ms), First, 0, 3 * Second, 10);
        }

        Writes(plan, random, 60, at + (100 * Ms), back, longest: 5);
        for (long now = at; now < back + (13 * Second); now += random.Range(5 * Ms, 25 * Ms))
        {
            bool reads = random.Coin();
            plan.Add(now, random.Next(10), First, reads ? SimOpKind.Read : SimOpKind.Write, random.Next((int)plan.Option("blocks")), 1);
        }

        plan.Add(FaultKind.Operator, back + (14 * Second), First, Other);
        plan.HealAtNs = back + (22 * Second);
    }

    protected override void Operate(SimWorld world, VolumeSetup setup, VolumeOperator people, PlanFault fault)
    {
        if (world.Nodes[fault.Node].Process?.Program is VolumeProgram { Engine: { } engine } program)
        {
            program.Process.Post(SimSides.Engine, () => engine.Execute(new Verify()));
        }
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup)
    {
        var meter = new Meter(world, plan);
        setup.Data.OnSent = meter.OnSent;
        setup.Heard = meter.OnHeard;
        world.At(world.Now + plan.HealAtNs - 1, meter.OnEnd);
    }

    private sealed class Meter(SimWorld world, Plan plan)
    {
        private readonly long _beginNs = world.Now;
        private readonly long _sizeBytes = plan.Option("blocks") * 16;
        private readonly long _ceiling = plan.Option("resync-max");
        private double _level;
        private long _levelAtNs = world.Now;
        private long _resyncFromNs;
        private long _resyncEndNs;
        private long _whileSlowBytes;
        private long _verified = -1;
        private int _underWay;

        public void OnSent(string from, string to, Frame frame)
        {
            if (frame.Kind == FrameKind.Gate)
            {
                _resyncEndNs = world.Now;
            }

            if (frame.Kind == FrameKind.ResyncAck)
            {
                _underWay = Math.Max(0, _underWay - 1);
            }

            if (frame.Kind is not (FrameKind.Resync or FrameKind.Digest))
            {
                return;
            }

            if (frame.Kind == FrameKind.Resync)
            {
                _underWay++;
                CheckDepth();
            }

            _level = Math.Max(0, _level - ((world.Now - _levelAtNs) * 1e-9 * _ceiling)) + frame.LengthBytes;
            _levelAtNs = world.Now;

            // The bucket, and what was let through earlier and waited for its range or its bytes.
            if (_level > Math.Max(PieceBytes, _ceiling / 20) + (PieceBytes * Depth))
            {
                world.Fail($"S5: {from} copies to {to} faster than the ceiling of {_ceiling} bytes a second");
            }

            long slowFrom = plan.Option("slow-from");
            if (slowFrom > 0 && world.Now - _beginNs >= slowFrom && world.Now - _beginNs < slowFrom + (1_500 * Ms))
            {
                _whileSlowBytes += frame.LengthBytes;
            }
        }

        // Where nothing is slow the floor is never owed, and somebody asks all the time.
        private void CheckDepth()
        {
            long askedFromNs = _beginNs + plan.Option("at");
            if (plan.Option("slow-from") == 0 && world.Now >= askedFromNs && world.Now < askedFromNs + (10 * Second) && _underWay > 1)
            {
                world.Fail($"S5: {_underWay} pieces of a resync are under way while initiators ask");
            }
        }

        public void OnHeard(string node, EngineEvent happened)
        {
            if (happened is PeerAttached { InSync: false })
            {
                _resyncFromNs = world.Now;
                _underWay = 0;
            }
            else if (happened is VerifyEnded ended)
            {
                _verified = ended.ComparedBytes;
                if (ended.DifferentBytes > 0)
                {
                    world.Fail($"S6: {node} found {ended.DifferentBytes} bytes that differ");
                }
            }
        }

        public void OnEnd()
        {
            long most = (_sizeBytes * Second / Floor) + (3 * Second / 2);
            if (_resyncFromNs > 0 && (_resyncEndNs < _resyncFromNs || _resyncEndNs - _resyncFromNs > most))
            {
                world.Fail($"S5: the resync of {_sizeBytes} bytes took longer than the floor of {Floor} bytes a second allows: {(_resyncEndNs - _resyncFromNs) / 1e9:F1} s");
            }

            // The floor's part of that time, as much again for the tenths of a second in which by luck nobody waited, and what was begun before.
            if (_whileSlowBytes > (Floor * 3) + (PieceBytes * (1 + Depth)))
            {
                world.Fail($"S5: {_whileSlowBytes} bytes were copied while initiators waited ten times as long as usual");
            }

            if (_resyncFromNs > 0 && plan.Faults.Exists(static fault => fault.Kind == FaultKind.Operator) && _verified != _sizeBytes)
            {
                world.Fail($"S6: a verify of {_sizeBytes} bytes compared {_verified}");
            }
        }
    }
}
