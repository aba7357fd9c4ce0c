using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Integration;

/// <summary>
/// kill -9 under load on a store that, like a disk with a volatile cache, loses at the kill what was not flushed. Every flushed and every FUA block must be there, and
/// what must not tear is whole.
/// </summary>
public sealed class CrashTests
{
    private const int Blocks = 512;
    private static readonly Dictionary<string, string> s_volatile = new(StringComparer.Ordinal) { ["ACTORSAN_TEST_VOLATILE_STORE"] = "1" };
    private static readonly Dictionary<string, string> s_lying = new(StringComparer.Ordinal) { ["ACTORSAN_TEST_VOLATILE_STORE"] = "ignore-flush" };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task AKillUnderLoadLosesNothingThatWasFlushed(int seed)
    {
        await using TestNode node = TestNode.Prepare();
        await node.Run(TestNode.Configuration("8 MiB"), s_volatile);
        History history = await RunAndKill(node, seed);
        await node.Run(TestNode.Configuration("8 MiB"));
        Assert.Empty(history.Violations(ReadAll(node)));
    }

    [Fact]
    public async Task WithTheFlushSwitchedOffTheLossIsSeen()
    {
        await using TestNode node = TestNode.Prepare();
        await node.Run(TestNode.Configuration("8 MiB"), s_lying);
        History history = await RunAndKill(node, 1);
        await node.Run(TestNode.Configuration("8 MiB"));
        Assert.NotEmpty(history.Violations(ReadAll(node)));
    }

    [Fact]
    public async Task WithTheWriteCacheOffEveryAcknowledgedWriteIsThere()
    {
        string configuration = TestNode.Configuration("8 MiB", "defaults.volume.write-cache = off");
        await using TestNode node = TestNode.Prepare();
        await node.Run(configuration, s_volatile);
        using (RawInitiator initiator = node.LogIn())
        {
            for (int block = 0; block < 64; block++)
            {
                Assert.True(initiator.Execute(Cdb.Write16((ulong)block, 1), dataOut: LifeTests.Bytes(1, (byte)(block + 1))).IsGood);
            }
        }

        await node.Kill();
        await node.Run(configuration);
        byte[] found = ReadAll(node);
        Assert.All(Enumerable.Range(0, 64), block => Assert.Equal((byte)(block + 1), found[block * 512]));
    }

    [Fact]
    public async Task ReservationsWithAptplOutliveAKill()
    {
        await using TestNode node = TestNode.Prepare();
        await node.Run(TestNode.Configuration("8 MiB"), s_volatile);
        byte[] parameters = new byte[24];
        parameters[15] = 0x77;
        parameters[20] = 0x01;
        using (RawInitiator initiator = node.LogIn())
        {
            Assert.True(initiator.Execute(Cdb.Make(0x5F, 0x00, 0, 0, 0, 0, 0, 0, 24), dataOut: parameters).IsGood);
            byte[] reserve = new byte[24];
            reserve[7] = 0x77;
            Assert.True(initiator.Execute(Cdb.Make(0x5F, 0x01, 0x05, 0, 0, 0, 0, 0, 24), dataOut: reserve).IsGood);
        }

        await node.Kill();
        await node.Run(TestNode.Configuration("8 MiB"));
        using RawInitiator same = node.LogIn();
        Assert.Equal(0x77, same.Execute(Cdb.Make(0x5E, 0x01, 0, 0, 0, 0, 0, 0, 24), dataInBytes: 24).Data[15]);
        using RawInitiator stranger = node.LogIn(initiator: "iqn.2026-01.org.actorsan:stranger");
        Assert.Equal(0x18, stranger.Execute(Cdb.Write16(0, 1), dataOut: LifeTests.Bytes(1, 1)).Status);
    }

    private static byte[] ReadAll(TestNode node)
    {
        using RawInitiator initiator = node.LogIn();
        RawResult all = initiator.Execute(Cdb.Read16(0, Blocks), dataInBytes: Blocks * 512);
        Assert.True(all.IsGood);
        return all.Data;
    }

    /// <summary>Writes, atomic writes, compares, FUA and flushes one after another; the kill comes while commands are on their way.</summary>
    private static async Task<History> RunAndKill(TestNode node, int seed)
    {
        var random = new Random(seed);
        var history = new History();
        using RawInitiator initiator = node.LogIn();
        for (int step = 0; step < 400; step++)
        {
            history.Step(initiator, random);
        }

        // Some more that nobody waits for.
        for (int i = 0; i < 16; i++)
        {
            history.Send(initiator, random);
        }

        await node.Kill();
        return history;
    }

    /// <summary>What was written, in order, and what of it must be there.</summary>
    private sealed class History
    {
        private readonly byte[] _now = new byte[Blocks];

        // For each block the fills it may have: the last durable one, and every one since.
        private readonly List<byte>[] _possible = [.. Enumerable.Range(0, Blocks).Select(_ => new List<byte> { 0 })];
        private readonly List<(int First, int Count, byte Fill)> _wholes = [];
        private byte _fill;

        internal void Step(RawInitiator initiator, Random random)
        {
            int first = random.Next(Blocks / 16) * 16;
            byte fill = Next();
            switch (random.Next(6))
            {
                case 0:
                    Assert.True(initiator.Execute(Cdb.SynchronizeCache10).IsGood);
                    for (int block = 0; block < Blocks; block++)
                    {
                        _possible[block] = [_now[block]];
                    }

                    break;
                case 1:
                    int count = random.Next(1, 16);
                    Assert.True(initiator.Execute(Cdb.Write16((ulong)first, (uint)count, fua: true), dataOut: LifeTests.Bytes(count, fill)).IsGood);
                    Wrote(first, count, fill, durable: true);
                    break;
                case 2:
                    // Atomic and answered: its redo slot has it.
                    Assert.True(initiator.Execute(Cdb.WriteAtomic16((ulong)first, 16), dataOut: LifeTests.Bytes(16, fill)).IsGood);
                    Wrote(first, 16, fill, durable: true);
                    break;
                case 3:
                    byte[] both = [.. Enumerable.Range(first, 8).SelectMany(block => Enumerable.Repeat(_now[block], 512)), .. LifeTests.Bytes(8, fill)];
                    Assert.True(initiator.Execute(Cdb.CompareAndWrite((ulong)first, 8), dataOut: both).IsGood);
                    Wrote(first, 8, fill, durable: true);
                    break;
                default:
                    int blocks = random.Next(1, 16);
                    Assert.True(initiator.Execute(Cdb.Write16((ulong)first, (uint)blocks), dataOut: LifeTests.Bytes(blocks, fill)).IsGood);
                    Wrote(first, blocks, fill, durable: false);
                    break;
            }
        }

        internal void Send(RawInitiator initiator, Random random)
        {
            int first = random.Next(Blocks / 16) * 16;
            byte fill = Next();
            bool atomic = random.Next(2) == 0;
            _ = initiator.SendCommand(atomic ? Cdb.WriteAtomic16((ulong)first, 16) : Cdb.Write16((ulong)first, 16), 0, 16 * 512, read: false, LifeTests.Bytes(16, fill), write: true);
            Wrote(first, 16, fill, durable: false);
            if (atomic)
            {
                _wholes.Add((first, 16, fill));
            }
        }

        internal IReadOnlyList<string> Violations(byte[] found)
        {
            var violations = new List<string>();
            for (int block = 0; block < Blocks; block++)
            {
                ReadOnlySpan<byte> bytes = found.AsSpan(block * 512, 512);
                if (bytes.IndexOfAnyExcept(bytes[0]) >= 0)
                {
                    violations.Add($"block {block} is torn");
                }
                else if (!_possible[block].Contains(bytes[0]))
                {
                    violations.Add($"block {block} has {bytes[0]}, not one of {string.Join(", ", _possible[block])}");
                }
            }

            foreach ((int first, int count, byte fill) in _wholes)
            {
                // Where nothing was sent after it: all of it or nothing.
                int[] last = [.. Enumerable.Range(first, count).Where(block => _now[block] == fill)];
                int there = last.Count(block => found[block * 512] == fill);
                if (there != 0 && there != last.Length)
                {
                    violations.Add($"the atomic write at {first} is torn: {there} of {last.Length} blocks");
                }
            }

            return violations;
        }

        private byte Next() => _fill = (byte)((_fill % 255) + 1);

        private void Wrote(int first, int count, byte fill, bool durable)
        {
            for (int block = first; block < first + count; block++)
            {
                _now[block] = fill;
                if (durable)
                {
                    _possible[block].Clear();
                }

                _possible[block].Add(fill);
            }
        }
    }
}
