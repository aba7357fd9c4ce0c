using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using ActorSan.Tests.Shared;

namespace ActorSan.Integration.Clusters;

/// <summary>
/// An initiator with several paths to one unit, as multipath-tools would drive them: a command that a path does not carry, or that it answers with NOT READY, goes to the next, until
/// one has done it or the patience is over. One command at a time. An end that is an answer (reservation conflict, miscompare) is returned as it is.
/// </summary>
internal sealed class PathsInitiator(string target, IReadOnlyList<string> addresses, string name = "iqn.2026-01.org.actorsan:raw-initiator") : IDisposable
{
    private const int NotReady = 2;
    private const int UnitAttention = 6;
    private const int AbortedCommand = 0xB;
    private const byte CheckCondition = 0x02;
    private const byte Busy = 0x08;
    private const byte TaskSetFull = 0x28;
    private const byte TaskAborted = 0x40;
    private const int BlockBytes = 512;
    private const int BlocksAtOnce = 256;
    private static readonly TimeSpan s_answer = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);
    private readonly RawInitiator?[] _paths = new RawInitiator?[addresses.Count];
    private int _path;

    /// <summary>How long a command is tried over all paths.</summary>
    internal TimeSpan Patience { get; init; } = TestCluster.Patience;

    /// <summary>The path that carried the last command.</summary>
    internal string Address => addresses[_path];

    /// <summary>How often a command went to another path.</summary>
    internal int Switches { get; private set; }

    /// <exception cref="TimeoutException">No path did it.</exception>
    internal RawResult Execute(byte[] cdb, byte[]? dataOut = null, int dataInBytes = 0)
    {
        var clock = Stopwatch.StartNew();
        string last = "";
        while (clock.Elapsed < Patience)
        {
            try
            {
                RawResult result = Path().Execute(cdb, 0, dataOut, dataInBytes);
                int key = result.SenseCode >> 16;
                bool again = result.Status is Busy or TaskSetFull or TaskAborted || (result.Status == CheckCondition && key is NotReady or UnitAttention or AbortedCommand);
                if (!again && result.Response == 0)
                {
                    return result;
                }

                last = $"status {result.Status:x2}, response {result.Response:x2}, sense {result.SenseCode:x6} of {Address}";
                if (result.Status == CheckCondition && key == UnitAttention)
                {
                    continue;
                }
            }
            catch (Exception failure) when (failure is SocketException or IOException or InvalidDataException or ObjectDisposedException or RawLoginRefusedException)
            {
                last = $"{failure.Message} of {Address}";
                _paths[_path]?.Dispose();
                _paths[_path] = null;
            }

            _path = (_path + 1) % addresses.Count;
            Switches++;
            Thread.Sleep(s_pause);
        }

        throw new TimeoutException($"no path did it within {Patience.TotalSeconds} s; the last said: {last}");
    }

    /// <summary>Writes blocks that say which they are and of which generation they are.</summary>
    internal void Write(long block, int count, int generation)
    {
        for (int done = 0; done < count; done += BlocksAtOnce)
        {
            int now = Math.Min(BlocksAtOnce, count - done);
            RawResult result = Execute(Cdb.Write16((ulong)(block + done), (uint)now), Stamped(block + done, now, generation));
            if (!result.IsGood)
            {
                throw new InvalidOperationException($"write of {now} blocks at {block + done}: status {result.Status:x2}, sense {result.SenseCode:x6}");
            }
        }
    }

    internal byte[] Read(long block, int count)
    {
        byte[] all = new byte[count * BlockBytes];
        for (int done = 0; done < count; done += BlocksAtOnce)
        {
            int now = Math.Min(BlocksAtOnce, count - done);
            RawResult result = Execute(Cdb.Read16((ulong)(block + done), (uint)now), dataInBytes: now * BlockBytes);
            if (!result.IsGood || result.Data.Length != now * BlockBytes)
            {
                throw new InvalidOperationException($"read of {now} blocks at {block + done}: status {result.Status:x2}, sense {result.SenseCode:x6}, {result.Data.Length} bytes");
            }

            result.Data.CopyTo(all, done * BlockBytes);
        }

        return all;
    }

    /// <summary>Whether the blocks are those that were written as that generation.</summary>
    internal bool Has(long block, int count, int generation) => Read(block, count).AsSpan().SequenceEqual(Stamped(block, count, generation));

    internal void Flush() => _ = Execute(Cdb.SynchronizeCache10);

    public void Dispose()
    {
        foreach (RawInitiator? path in _paths)
        {
            path?.Dispose();
        }
    }

    internal static byte[] Stamped(long block, int count, int generation)
    {
        byte[] bytes = new byte[count * BlockBytes];
        for (int at = 0; at < bytes.Length; at += 16)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(at), block + (at / BlockBytes));
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(at + 8), generation);
        }

        return bytes;
    }

    private RawInitiator Path()
    {
        if (_paths[_path] is { } there)
        {
            return there;
        }

        RawInitiator session = RawInitiator.Connect(ClusterMember.PortalPort, Address, s_answer);
        try
        {
            session.LogIn(new RawLoginOptions { TargetName = target, InitiatorName = name, Isid = 0x8000_0000_0001UL + (ulong)_path });
        }
        catch
        {
            session.Dispose();
            throw;
        }

        return _paths[_path] = session;
    }
}
