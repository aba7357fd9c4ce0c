using System.Buffers.Binary;
using System.Runtime.Serialization;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Serialization;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Tests.Replication.Register;
using ActorSan.Tests.Replication.Wire;
using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit2;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Cluster.Serialization;

/// <summary>The bytes of control messages, as an ActorSystem with the node's bindings writes and reads them.</summary>
[Collection("traps")]
public sealed class ControlSerializerTests : TestKit
{
    private const string Settings = "akka { loglevel = WARNING, stdout-loglevel = OFF, remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 } }";
    private static readonly Guid Id = new("00112233-4455-6677-8899-aabbccddeeff");
    private static readonly RegisterKey Key = new("volume/1", Id);
    private static readonly VoterId Voter = new("hera", Id);

    public ControlSerializerTests()
        : base(ConfigurationFactory.ParseString(Settings).WithFallback(ConfigurationFactory.ParseString(ControlHocon.Text)))
    {
    }

    public static TheoryData<string> Names => [.. ControlSamples.Messages.Select(type => type.Name)];

    private ControlSerializer Wire => (ControlSerializer)Sys.Serialization.FindSerializerForType(typeof(ControlMessage));

    [Fact]
    public void EveryMessageAndEveryValueThatThereIsMayBeSent()
    {
        Assert.True(ControlSamples.Messages.Count >= 28);
        Assert.All(ControlSamples.Messages, message => Assert.NotNull(ControlWire.Current.Written(message)));
        Assert.All(ControlSamples.Messages, message => Assert.IsType<ControlSerializer>(Sys.Serialization.FindSerializerForType(message)));
        Assert.All(ControlSamples.Concrete(typeof(RegisterValue)), value => Assert.Contains(value, ControlWire.Current.Types.Types));
        Assert.All(ControlSamples.Concrete(typeof(MemberChange)), value => Assert.Contains(value, ControlWire.Current.Types.Types));
    }

    [Fact]
    public void LeaseMessagesHaveALaneOfTheirOwn()
        => Assert.Equal(
            ControlSamples.Messages.Where(message => message.Namespace == typeof(Renew).Namespace),
            ControlSamples.Messages.Where(message => ControlWire.Current.Written(message)!.Lane == ControlLane.Lease));

    [Theory]
    [MemberData(nameof(Names))]
    public void IsReadAsItWasWritten(string name)
        => ControlSamples.Of(ControlSamples.Named(name)).Sample(
            message =>
            {
                byte[] bytes = Wire.ToBinary(message);
                object back = Wire.FromBinary(bytes, Wire.Manifest(message));
                Assert.Equal(message, back);
                Assert.Equal(message.GetType(), back.GetType());
                Assert.Equal(bytes, Wire.ToBinary(back));
            },
            iter: 100);

    [Theory]
    [MemberData(nameof(Names))]
    public void NamesNoTypeOfTheRuntime(string name)
    {
        ControlMessage message = ControlSamples.Of(ControlSamples.Named(name)).Single();
        string text = System.Text.Encoding.Latin1.GetString(Wire.ToBinary(message)) + Wire.Manifest(message);
        Assert.DoesNotContain("ActorSan", text, StringComparison.Ordinal);
        Assert.DoesNotContain("System", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Private", text, StringComparison.Ordinal);
    }

    [Fact]
    public void DamageIsFoundWhereverItIs()
    {
        var message = new Accept("atlas", Key, Voter, 3, new Ballot(4, "atlas", Id), WireSamples.KnownConfiguration);
        byte[] good = Wire.ToBinary(message);
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= (byte)(1 << (at % 8));
            AssertRefused("damaged", bad, "accept:1");
            AssertRefused("damaged", good[..at], "accept:1");
        }

        AssertRefused("damaged", good, "begin:1");
        AssertRefused("damaged", [.. good, 0], "accept:1");
    }

    [Fact]
    public void UnknownMessagesAndVersionsAreNamed()
    {
        byte[] good = Wire.ToBinary(new VoterQuery("atlas", Key));
        AssertRefused("No such message is known", good, "no-such:1");
        AssertRefused("No such message is known", good, "");
        AssertRefused("No such message is known", good, typeof(VoterQuery).AssemblyQualifiedName!);
        AssertRefused("Known is voter-query:1", good, "voter-query:2");
        AssertRefused("Known is voter-query:1", good, "voter-query:1:1");
        AssertRefused("Known is voter-query:1", good, "voter-query");
    }

    [Fact]
    public void WhatIsNotAllowedIsNotWritten()
    {
        var cell = new Cell { Version = 1, Voters = [Voter], Id = Id };
        Assert.Contains("Cell is not allowed", Assert.Throws<SerializationException>(() => Wire.ToBinary(new Learn("atlas", Key, cell))).Message, StringComparison.Ordinal);
        Assert.Contains("String is not sent", Assert.Throws<SerializationException>(() => Wire.ToBinary("text")).Message, StringComparison.Ordinal);
        Assert.Throws<SerializationException>(() => Wire.Manifest(new ForeignMessage("atlas")));
        Assert.Equal(Wire.FromBinary(Wire.ToBinary(new VoterQuery("a", Key)), "voter-query:1"), new VoterQuery("a", Key));
    }

    [Fact]
    public void ATypeThatIsNotAllowedIsRefusedBeforeItIsMade()
    {
        byte[] trap = Trap.Payload();
        int before = Trap.Made;
        _ = new Hyperion.Serializer().Deserialize<object>(new MemoryStream(trap));
        Assert.Equal(before + 1, Trap.Made);

        // In the place of the whole payload, and of a value in it: the last field of a Learn.
        AssertRefused("type that is not allowed", Sealed("learn:1", trap), "learn:1");
        byte[] learn = Wire.ToBinary(new Learn("atlas", Key, WireSamples.KnownConfiguration))[4..];
        int value = learn.AsSpan().IndexOf([(byte)254, (byte)NumberOf(typeof(Configuration)), (byte)0]);
        AssertRefused("Value is of a type that is not allowed (kind 255)", Sealed("learn:1", [.. learn[..value], .. trap]), "learn:1");
        foreach (byte kind in new byte[] { 1, 9, 16, 250, 251, 252, 253 })
        {
            AssertRefused($"not allowed (kind {kind})", Sealed("learn:1", [.. learn[..value], kind, .. learn[(value + 1)..]]), "learn:1");
        }

        // Allowed, but not there; and a number that is none.
        AssertRefused("Value is a RegisterKey, which is not allowed here", Sealed("learn:1", [.. learn[..value], 254, (byte)NumberOf(typeof(RegisterKey)), 0]), "learn:1");
        AssertRefused("number 65535", Sealed("learn:1", [.. learn[..value], 254, 255, 255]), "learn:1");
        AssertRefused("the payload is a Learn", Sealed("begin:1", learn), "begin:1");
        AssertRefused("Value is missing", Sealed("learn:1", [.. learn[..value], 0]), "learn:1");
        AssertRefused("1 bytes too many", Sealed("learn:1", [.. learn, 0]), "learn:1");
        Assert.Equal(before + 1, Trap.Made);
    }

    [Fact]
    public void ARefusalIsLogged()
    {
        EventFilter.Warning(contains: "learn:1 is refused").ExpectOne(() => AssertRefused("type that is not allowed", Sealed("learn:1", Trap.Payload()), "learn:1"));
        EventFilter.Warning(contains: "no-such:7 is refused").ExpectOne(() => AssertRefused("No such message", [], "no-such:7"));
    }

    [Fact]
    public void WhatHasNoSerializerIsRefusedBothWays()
    {
        Assert.IsType<RefusingSerializer>(Sys.Serialization.FindSerializerForType(typeof(Trap)));
        EventFilter.Warning(contains: "has no serializer").ExpectOne(
            () => Assert.Throws<SerializationException>(() => Sys.Serialization.FindSerializerForType(typeof(Trap)).ToBinary(new Trap())));
        string json = $$"""{"$type":"{{typeof(Trap).AssemblyQualifiedName}}"}""";
        EventFilter.Warning(contains: "JSON serializer is refused").ExpectOne(
            () => Assert.Throws<SerializationException>(() => Sys.Serialization.Deserialize(System.Text.Encoding.UTF8.GetBytes(json), 1, typeof(Trap).AssemblyQualifiedName!)));
    }

    /// <summary>Bytes with a right checksum, as only a peer could send them that means harm: refused, or a message of the kind that was named; never more memory than a few times the bytes.</summary>
    [Fact]
    public void CraftedBytesMakeNothingElse()
    {
        Sys.EventStream.SetLogLevel(Akka.Event.LogLevel.ErrorLevel);
        byte[] trap = Trap.Payload();
        int made = Trap.Made;
        int read = 0;
        Gen<ControlMessage> any = Gen.OneOf(ControlSamples.Messages.Select(ControlSamples.Of).ToArray());
        Gen.Select(any, Gen.Select(Gen.Int[0, 6], Gen.Int[0, int.MaxValue], Gen.Byte).Array[1, 4]).Sample(
            (message, mutations) =>
            {
                string manifest = Wire.Manifest(message);
                byte[] payload = mutations.Aggregate(Wire.ToBinary(message)[4..], (bytes, mutation) => Mutated(bytes, mutation.Item1, mutation.Item2, mutation.Item3, trap));
                byte[] bytes = Sealed(manifest, payload);
                long before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    object back = Wire.FromBinary(bytes, manifest);
                    Assert.Equal(message.GetType(), back.GetType());
                    Assert.Equal(bytes, Wire.ToBinary(back));
                    _ = Interlocked.Increment(ref read);
                }
                catch (SerializationException)
                {
                }

                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
            },
            iter: 20000,
            threads: 1);
        Assert.Equal(made, Trap.Made);
        Assert.InRange(read, 200, 19000);
    }

    /// <summary>Two releases that are next to each other, both ways, while a message changes.</summary>
    [Fact]
    public void ANodeOneReleaseOlderUnderstandsAndIsUnderstood()
    {
        WireType[] types = [new(typeof(RegisterKey)), new(typeof(FormerWish)), new(typeof(Wish))];
        var former = new WireContract(
            "wish", 1, ControlLane.Register, typeof(Wish), typeof(FormerWish), wish => new FormerWish(((Wish)wish).From, ((Wish)wish).Key), shape => new Wish(((FormerWish)shape).From, ((FormerWish)shape).Key, 0));
        var system = (ExtendedActorSystem)Sys;
        var first = new ControlSerializer(system, new ControlWire(types[..2], [WireContract.Of<FormerWish>("wish", 1, ControlLane.Register)]));
        var second = new ControlSerializer(system, new ControlWire(types, [former, WireContract.Of<Wish>("wish", 2, ControlLane.Register) with { ToShape = null }]));
        var third = new ControlSerializer(system, new ControlWire(types, [former with { ToShape = null }, WireContract.Of<Wish>("wish", 2, ControlLane.Register)]));

        Assert.Equal(new Wish("atlas", Key, 0), Through(first, second, new FormerWish("atlas", Key)));
        Assert.Equal(new FormerWish("atlas", Key), Through(second, first, new Wish("atlas", Key, 7)));
        Assert.Equal(new Wish("atlas", Key, 7), Through(third, second, new Wish("atlas", Key, 7)));
        Assert.Equal(new Wish("atlas", Key, 0), Through(second, third, new Wish("atlas", Key, 7)));
        Assert.Contains("Known is wish:1", Assert.Throws<SerializationException>(() => Through(third, first, new Wish("atlas", Key, 7))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AListThatCannotBeIsRefusedAtOnce()
    {
        WireContract wish = WireContract.Of<Wish>("wish", 1, ControlLane.Register);
        Assert.Contains("RegisterKey, in Wish, has no form", Assert.Throws<ArgumentException>(() => new ControlWire([new(typeof(Wish))], [wish])).Message, StringComparison.Ordinal);
        Assert.Contains("stands twice", Assert.Throws<ArgumentException>(() => new ControlWire([new(typeof(RegisterKey)), new(typeof(RegisterKey))], [])).Message, StringComparison.Ordinal);
        Assert.Contains("is not in the list", Assert.Throws<ArgumentException>(() => new ControlWire([new(typeof(RegisterKey))], [wish])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new ControlWire([new(typeof(RegisterKey)), new(typeof(Wish))], [wish, wish]));
        Assert.Throws<ArgumentException>(() => new ControlWire([new(typeof(RegisterKey)), new(typeof(Wish))], [wish, wish with { Version = 2 }]));
        Assert.Contains("Int32, in Counted, has no form", Assert.Throws<ArgumentException>(() => new WireTypes([new(typeof(Counted))])).Message, StringComparison.Ordinal);
    }

    internal static byte[] Sealed(string manifest, byte[] payload)
    {
        byte[] bytes = [0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, ControlSerializer.Checksum(manifest, bytes));
        return bytes;
    }

    private static byte[] Mutated(byte[] bytes, int how, int where, byte with, byte[] trap)
    {
        int at = bytes.Length == 0 ? 0 : where % bytes.Length;
        byte[] lengths = [.. BitConverter.GetBytes(with % 2 == 0 ? int.MaxValue : -with)];
        return how switch
        {
            0 => [.. bytes[..at], with, .. bytes[Math.Min(at + 1, bytes.Length)..]],
            1 => [.. bytes[..at], .. bytes[Math.Min(at + 1, bytes.Length)..]],
            2 => [.. bytes[..at], with, .. bytes[at..]],
            3 => bytes[..at],
            4 => [.. bytes[..at], .. lengths, .. bytes[Math.Min(at + 4, bytes.Length)..]],
            5 => [.. bytes[..at], .. trap, .. bytes[at..]],
            _ => [.. bytes[..at], (byte)(with % 2 == 0 ? 254 : 255), .. bytes[Math.Min(at + 1, bytes.Length)..]],
        };
    }

    private static int NumberOf(Type type) => ControlWire.Current.Types.Types.ToList().IndexOf(type);

    private static object Through(ControlSerializer from, ControlSerializer to, ControlMessage message) => to.FromBinary(from.ToBinary(message), from.Manifest(message));

    private void AssertRefused(string reason, byte[] bytes, string manifest)
        => Assert.Contains(reason, Assert.Throws<SerializationException>(() => Wire.FromBinary(bytes, manifest)).Message, StringComparison.Ordinal);

    internal sealed record Wish(string From, RegisterKey Key, long Size) : ControlMessage;

    internal sealed record FormerWish(string From, RegisterKey Key) : ControlMessage;

    private sealed record Counted(int Count);

    private sealed record ForeignMessage(string From) : ControlMessage;

    /// <summary>Counts how many there have ever been; Hyperion makes such a one by its constructor.</summary>
    public sealed class Trap : List<int>
    {
        private static int s_made;

        public Trap() => _ = Interlocked.Increment(ref s_made);

        public static int Made => Volatile.Read(ref s_made);

        public static byte[] Payload()
        {
            using var stream = new MemoryStream();
            new Hyperion.Serializer().Serialize(new Trap(), stream);
            return stream.ToArray();
        }
    }
}
