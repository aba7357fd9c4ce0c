using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Net;
using ActorSan.Simulator.World;
using Xunit;

namespace ActorSan.Tests.Replication.Simulation;

public sealed unsafe class NetTests
{
    private const long Second = 1_000_000_000;

    [Fact]
    public void FramesArriveInOrderWithTheirOwnBytesAndHoldsComeBack()
    {
        using var pair = new Pair(1);
        pair.Send(200);
        pair.Run(Second);
        Assert.Equal(Enumerable.Range(1, 200), pair.B.Heard);
        Assert.Equal(200, pair.A.HoldsBack);
        pair.Net.CheckNothingIsKept();
        Assert.Null(pair.World.Violation);
        Assert.Equal(0, pair.World.Memory.Outstanding);
    }

    [Fact]
    public void AResetLosesTheEndOfWhatWasOnItsWayAndIsToldToBoth()
    {
        for (ulong seed = 1; seed <= 50; seed++)
        {
            using var pair = new Pair(seed);
            pair.Send(50);
            pair.Run(300_000);
            pair.Net.Reset(0, 1);
            pair.Run(2 * Second);
            Assert.Equal(Enumerable.Range(1, pair.B.Heard.Count), pair.B.Heard);
            Assert.Equal((2, 1, 2, 1), (pair.A.Ups, pair.A.Downs, pair.B.Ups, pair.B.Downs));
            Assert.Equal(50, pair.A.HoldsBack);
            int before = pair.B.Heard.Count;
            pair.Send(5);
            pair.Run(Second);
            Assert.Equal([51, 52, 53, 54, 55], pair.B.Heard.Skip(before));
            Assert.Null(pair.World.Violation);
        }
    }

    [Fact]
    public void ACutHoldsWhatIsSentThatWayAndEndsInATimeout()
    {
        using var pair = new Pair(4);
        pair.Net.Cut(0, 1);
        pair.Send(10);
        pair.Run(100_000_000);
        Assert.Empty(pair.B.Heard);
        Assert.True(pair.A.HoldsBack < 10);
        pair.Net.Mend(0, 1);
        pair.Run(Second);
        Assert.Equal(Enumerable.Range(1, 10), pair.B.Heard);
        Assert.Equal((10, 0), (pair.A.HoldsBack, pair.A.Downs));

        pair.Net.Cut(1, 0);
        pair.Send(10);
        pair.Run(5 * Second);
        Assert.Equal((1, 1), (pair.A.Downs, pair.B.Downs));
        Assert.Equal((20, 1), (pair.A.HoldsBack, pair.A.Ups));
        pair.Net.Mend(1, 0);
        pair.Run(Second);
        Assert.Equal((2, 2), (pair.A.Ups, pair.B.Ups));
        Assert.Null(pair.World.Violation);
    }

    [Fact]
    public void AProcessThatGoesIsNoticedAtOnceOrByItsSilence()
    {
        using var pair = new Pair(4);
        pair.Nodes[1].Crash();
        pair.Run(Second / 2);
        Assert.Equal(1, pair.A.Downs);
        pair.Nodes[1].Start();
        pair.Run(Second);
        Assert.Equal((2, 1), (pair.A.Ups, pair.B.Ups));
        pair.Nodes[1].LosePower();
        pair.Run(Second / 5);
        Assert.Equal(1, pair.A.Downs);
        pair.Run(5 * Second);
        Assert.Equal(2, pair.A.Downs);
        Assert.Null(pair.World.Violation);
    }

    [Fact]
    public void CancelGivesHoldsBackAndDropsWhatIsNotOnTheWire()
    {
        using var pair = new Pair(11);
        pair.Net.Options.QueueHighNs = 50_000_000;
        pair.Send(40);
        pair.A.Link!.Cancel(7);
        pair.Run(Second);
        Assert.Equal(40, pair.A.HoldsBack);
        Assert.True(pair.B.Heard.Count < 40);
        Assert.Null(pair.World.Violation);
    }

    [Fact]
    public void WhoChangesBytesThatALinkReadsIsFound()
    {
        using var pair = new Pair(2);
        pair.Send(1);
        pair.A.Buffer[0] ^= 1;
        pair.Run(Second);
        Assert.Contains("still reads were changed", pair.World.Violation, StringComparison.Ordinal);
    }

    [Fact]
    public void BytesAreKeptAsLongAsTheyAreAndPoisonedThen()
    {
        using var pair = new Pair(2);
        pair.B.KeepNext = true;
        pair.Send(1);
        pair.Run(Second);
        Assert.Equal(pair.A.Buffer[5], pair.B.Kept[5]);
        pair.Net.CheckNothingIsKept();
        Assert.Contains("never released", pair.World.Violation, StringComparison.Ordinal);
        pair.B.KeptOwner!.Release();
        Assert.Equal(SimMemory.Poison, pair.B.Kept[5]);
    }

    [Fact]
    public void ControlMessagesGoTheirOwnWays()
    {
        using var world = new SimWorld(3);
        var heard = new List<int>();
        SimNode[] nodes = [world.AddNode("a"), world.AddNode("b")];
        var net = new SimControlNet(world);
        foreach (SimNode node in nodes)
        {
            node.Boot = process => new Listener(heard);
            node.Start();
        }

        IControlNetwork sender = net.For(nodes[0].Process!);
        net.Options.Loss = 0.1;
        net.Options.Double = 0.1;
        for (int i = 0; i < 500; i++)
        {
            sender.Send("b", new Number(i));
        }

        world.RunUntil(world.Now + Second);
        Assert.NotEqual(heard.Order(), heard);
        Assert.InRange(heard.Distinct().Count(), 400, 490);
        Assert.True(heard.Count > heard.Distinct().Count());
        heard.Clear();
        net.Cut(0, 1);
        sender.Send("b", new Number(1));
        net.For(nodes[1].Process!).Send("a", new Number(2));
        sender.Send("a", new Number(3));
        sender.Send("nobody", new Number(4));
        world.RunUntil(world.Now + Second);
        Assert.Equal([2, 3], heard.Order());
    }

    private sealed record Number(int Value) : ControlMessage;

    private sealed class Listener(List<int> heard) : ISimProgram
    {
        public ISimVolume? Volume => null;

        public void OnControl(string from, ControlMessage message) => heard.Add(((Number)message).Value);

        public void OnGone()
        {
        }
    }

    private sealed class Pair : IDisposable
    {
        private int _sent;

        public Pair(ulong seed)
        {
            World = new SimWorld(seed);
            Nodes = [World.AddNode("a"), World.AddNode("b")];
            Net = new SimDataNet(World);
            for (int i = 0; i < 2; i++)
            {
                SimNode peer = Nodes[1 - i];
                int index = i;
                Nodes[i].Boot = process =>
                {
                    Ends[index] = new End();
                    Ends[index].Link = Net.Attach(process, peer, Ends[index]);
                    return Ends[index];
                };
                Nodes[i].Start();
            }

            Run(Second);
            Assert.True(A.Link!.IsUp && B.Link!.IsUp);
        }

        public SimWorld World { get; }

        public SimNode[] Nodes { get; }

        public SimDataNet Net { get; }

        public End[] Ends { get; } = new End[2];

        public End A => Ends[0];

        public End B => Ends[1];

        public void Run(long ns) => World.RunUntil(World.Now + ns);

        public void Send(int count)
        {
            for (int i = 0; i < count; i++)
            {
                var frame = new Frame { Kind = FrameKind.Write, Attachment = 7, Epoch = 1, Seq = ++_sent, LengthBytes = 32, DataBytes = 32 };
                A.Link!.Send(frame, A.Buffer, new Hold(A) { Sends = 1 });
            }
        }

        public void Dispose()
        {
            A.Dispose();
            B.Dispose();
            World.Dispose();
        }
    }

    private sealed class Hold(End end) : SendHold
    {
        public override void OnReleased() => end.HoldsBack++;
    }

    private sealed class End : ISimProgram, ILinkUser, IDisposable
    {
        public End()
        {
            Buffer = (byte*)NativeMemory.Alloc(32);
            for (int i = 0; i < 32; i++)
            {
                Buffer[i] = (byte)i;
            }
        }

        public IPeerLink? Link { get; set; }

        public byte* Buffer { get; }

        public List<int> Heard { get; } = [];

        public int HoldsBack { get; set; }

        public int Ups { get; private set; }

        public int Downs { get; private set; }

        public int Gones { get; private set; }

        public bool KeepNext { get; set; }

        public byte* Kept { get; private set; }

        public ReceivedData? KeptOwner { get; private set; }

        public ISimVolume? Volume => null;

        public void OnControl(string from, ControlMessage message)
        {
        }

        public void OnGone()
        {
        }

        public void OnLinkUp(IPeerLink link) => Ups++;

        public void OnLinkDown(IPeerLink link) => Downs++;

        public void OnPeerGone(IPeerLink link)
        {
            Assert.True(link.IsGone && !link.IsUp);
            Gones++;
        }

        public void OnFrame(IPeerLink link, in Frame frame, byte* data, ReceivedData? owner)
        {
            Assert.True(link.IsUp);
            Heard.Add((int)frame.Seq);
            Assert.Equal(31, data[31]);
            if (KeepNext)
            {
                owner!.Keep();
                Kept = data;
                KeptOwner = owner;
            }
        }

        public void Dispose() => NativeMemory.Free(Buffer);
    }
}
