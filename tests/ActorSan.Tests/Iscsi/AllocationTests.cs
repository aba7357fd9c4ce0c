using ActorSan.Storage.Threads;
using ActorSan.Tests.Iscsi.Harness;
using Xunit;

namespace ActorSan.Tests.Iscsi;

/// <summary>In steady state a command costs no managed memory on the I/O thread that serves it.</summary>
public sealed class AllocationTests
{
    private const int Batch = 32;
    private const int Laps = 6;
    private const int Exchanges = 12;

    public static TheoryData<IoEngineKind, string, bool> Cases
    {
        get
        {
            var cases = new TheoryData<IoEngineKind, string, bool>();
            foreach (IoEngineKind engine in new[] { IoEngineKind.IoUring, IoEngineKind.Epoll })
            {
                cases.Add(engine, "HeaderDigest=None\0DataDigest=None\0", false);
                cases.Add(engine, "HeaderDigest=CRC32C\0DataDigest=CRC32C\0", false);
                cases.Add(engine, "HeaderDigest=None\0DataDigest=None\0", true);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_command_allocates_nothing(IoEngineKind engine, string digests, bool crossing)
    {
        await using ServerFixture fixture = await ServerFixture.Start(
            threads: crossing ? 2 : 1,
            options: new ActorSan.Iscsi.IscsiServerOptions { Placement = ActorSan.Iscsi.SessionPlacement.Spread },
            engine: engine);

        // The second connection of two threads lives on the one that is not the unit's home, or the first does: both are measured.
        using RawInitiator first = await LogIn(fixture, digests, 0x4000_0000_0001);
        using RawInitiator second = await LogIn(fixture, digests, 0x4000_0000_0002);
        await FillWindow(fixture, first);
        await FillWindow(fixture, second);
        long[] least = [.. fixture.Threads.Select(_ => long.MaxValue)];
        long[] before = await Allocated(fixture);
        for (int lap = 0; lap < Laps; lap++)
        {
            for (int i = 0; i < Exchanges; i++)
            {
                await Exchange(first);
                await Exchange(second);
            }

            long[] after = await Allocated(fixture);
            for (int i = 0; i < least.Length; i++)
            {
                least[i] = Math.Min(least[i], after[i] - before[i]);
            }

            before = after;
        }

        // Asking the thread is a posted task of its own: less than one byte a command is left to it. The least of the laps, for the reason that SteadyAllocation gives.
        long commands = Exchanges * 2 * Batch * 2;
        Assert.All(least, bytes => Assert.InRange(bytes, 0, commands - 1));
    }

    /// <summary>
    /// A connection makes a task whenever more of them are alive than ever before, so how many the exchanges make depends on how the threads are scheduled: on a busy host
    /// dozens were made at any time. The window bounds them: commands that fill it, kept in the unit until all are there, make all that there can be.
    /// </summary>
    private static async Task FillWindow(ServerFixture fixture, RawInitiator initiator)
    {
        int window = new ActorSan.Iscsi.SessionSettings().CommandWindow;
        byte[] data = new byte[512];
        fixture.Unit.Keep = true;
        for (uint i = 0; i < window; i += 2)
        {
            await initiator.Send(initiator.Command(i, RawInitiator.Write10(i, 1), write: true, expected: 512), data);
            await initiator.Send(initiator.Command(i + 1, RawInitiator.Read10(i, 1), read: true, expected: 512));
        }

        for (int i = 0; i < window; i++)
        {
            Assert.True(await fixture.Unit.Kept.WaitAsync(TimeSpan.FromSeconds(20)));
        }

        await fixture.Unit.Home!.Invoke(() =>
        {
            fixture.Unit.Keep = false;
            fixture.Unit.Release();
            return 0;
        });
        for (int i = 0; i < window; i++)
        {
            Assert.Equal(0, (await initiator.Receive()).Header[3]);
        }
    }

    private static async Task Exchange(RawInitiator initiator)
    {
        byte[] data = new byte[512];
        for (uint i = 0; i < Batch; i++)
        {
            await initiator.Send(initiator.Command(i, RawInitiator.Write10(i, 1), write: true, expected: 512), data);
            await initiator.Send(initiator.Command(Batch + i, RawInitiator.Read10(i, 1), read: true, expected: 512));
        }

        for (int i = 0; i < Batch * 2; i++)
        {
            Assert.Equal(0, (await initiator.Receive()).Header[3]);
        }
    }

    private static async Task<long[]> Allocated(ServerFixture fixture)
    {
        var bytes = new List<long>();
        foreach (IoThread thread in fixture.Threads)
        {
            bytes.Add(await thread.Invoke(GC.GetAllocatedBytesForCurrentThread));
        }

        return [.. bytes];
    }

    private static async Task<RawInitiator> LogIn(ServerFixture fixture, string digests, ulong isid)
    {
        RawInitiator initiator = await RawInitiator.Connect(fixture.Portal);
        initiator.Isid = isid;
        await initiator.Login($"InitiatorName={RawInitiator.Name}\0TargetName={ServerFixture.Target}\0InitialR2T=No\0{digests}");
        return initiator;
    }
}
