using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Integration;

/// <summary>Many sessions, and many logins one after the other: memory, handles and threads stay what they are.</summary>
public sealed class ScaleTests
{
    [Fact]
    public async Task AThousandSessionsAtOnceEachDoIo()
    {
        await using TestNode node = await TestNode.Start();
        var sessions = new List<RawInitiator>();
        try
        {
            for (int i = 0; i < 1000; i++)
            {
                sessions.Add(node.LogIn((ulong)(0x8000_0001_0000 + i)));
            }

            for (int i = 0; i < sessions.Count; i++)
            {
                Assert.True(sessions[i].Execute(Cdb.Write16((ulong)i * 8, 8), dataOut: LifeTests.Bytes(8, (byte)i)).IsGood);
            }

            for (int i = 0; i < sessions.Count; i++)
            {
                // Each reads what another wrote.
                int other = sessions.Count - 1 - i;
                Assert.Equal(LifeTests.Bytes(8, (byte)other), sessions[i].Execute(Cdb.Read16((ulong)other * 8, 8), dataInBytes: 4096).Data);
            }
        }
        finally
        {
            sessions.ForEach(session => session.Dispose());
        }
    }

    [Fact]
    public async Task TenThousandLoginsLeaveNothingBehind()
    {
        await using TestNode node = await TestNode.Start();

        // The heap takes its size within the first thousands, once; what is left behind would grow with every thousand more.
        LogInAndOut(node, 10_000);
        long memory = node.Daemon.ResidentBytes();
        int handles = node.Daemon.HandleCount();
        int threads = node.Daemon.ThreadCount();
        LogInAndOut(node, 10_000);
        Assert.InRange(node.Daemon.HandleCount(), 0, handles + 8);
        Assert.InRange(node.Daemon.ThreadCount(), 0, threads + 8);
        Assert.InRange(node.Daemon.ResidentBytes(), 0, memory + (16 << 20));
    }

    private static void LogInAndOut(TestNode node, int times)
    {
        for (int i = 0; i < times; i++)
        {
            using RawInitiator initiator = node.LogIn((ulong)(0x8000_0002_0000 + (i % 16)));
            if (i % 2 == 0)
            {
                Assert.True(initiator.Execute(Cdb.Read16(0, 8), dataInBytes: 4096).IsGood);
                Assert.Equal(0, initiator.LogOut());
            }
        }
    }
}
