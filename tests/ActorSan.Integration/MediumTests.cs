using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Integration;

/// <summary>Media that are full, fail or are devices: what the initiator is told, and that the node goes on. Wants root and loop devices.</summary>
public sealed class MediumTests
{
    [Fact]
    public async Task AFullFileSystemIsToldAsSpaceAllocationFailedAndPassesWhenThereIsSpaceAgain()
    {
        await using TestNode node = TestNode.Prepare();
        LoopMount small = node.Own(await LoopMount.Xfs(node.PathOf("small.img"), node.PathOf("mount"), 320 << 20));
        string configuration = TestNode.Configuration("1 GiB").Replace("disk.store", small.MountPoint + "/disk.store", StringComparison.Ordinal);
        await node.Run(configuration);
        using (RawInitiator initiator = node.LogIn())
        {
            RawResult full = default!;
            ulong lba = 0;
            byte[] data = LifeTests.Bytes(2048, 0x33);
            do
            {
                full = initiator.Execute(Cdb.Write16(lba, 2048), dataOut: data);
                lba += 2048;
            }
            while (full.IsGood && lba < 2_000_000);

            Assert.Equal(0x072707, full.SenseCode);
            Assert.True(initiator.Execute(Cdb.Read16(0, 2048), dataInBytes: data.Length).Data.AsSpan().SequenceEqual(data));

            // UNMAP of the first 64 MiB gives the space that the refused write lacked.
            byte[] unmap = [0, 22, 0, 16, 0, 0, 0, 0, .. new byte[8], 0, 2, 0, 0, 0, 0, 0, 0];
            Assert.True(initiator.Execute(Cdb.Make(0x42, 0, 0, 0, 0, 0, 0, 0, 24), dataOut: unmap).IsGood);
            Assert.True(initiator.Execute(Cdb.Write16(lba - 2048, 2048), dataOut: data).IsGood);
        }

        await node.Stop();
    }

    [Fact]
    public async Task ABlockDeviceIsFormattedServedAndRecognisedAgain()
    {
        await using TestNode node = TestNode.Prepare();
        LoopDevice device = node.Own(await LoopDevice.Make(node.PathOf("device.img"), 128 << 20));
        string configuration = TestNode.Configuration().Replace("store { path = disk.store, size = 64 MiB }, format = if-missing", $"store {{ kind = device, path = {device.Path} }}", StringComparison.Ordinal);
        (int refused, string log) = await node.RunToEnd(configuration);
        Assert.Equal(1, refused);
        Assert.Contains("actorsan format", log, StringComparison.Ordinal);
        (int formatted, string output) = await node.Verb(configuration, "format", "disk");
        Assert.True(formatted == 0, output);
        await node.Run(configuration);
        using (RawInitiator initiator = node.LogIn())
        {
            Assert.True(initiator.Execute(Cdb.Write16(2048, 64, fua: true), dataOut: LifeTests.Bytes(64, 0x44)).IsGood);
        }

        await node.Stop();
        await node.Run(configuration);
        using RawInitiator again = node.LogIn();
        Assert.Equal(LifeTests.Bytes(64, 0x44), again.Execute(Cdb.Read16(2048, 64), dataInBytes: 64 * 512).Data);
    }

    [Fact]
    public async Task ADeviceThatLosesItsMediumFailsCommandsNotTheNode()
    {
        await using TestNode node = TestNode.Prepare();
        LoopDevice device = node.Own(await LoopDevice.Make(node.PathOf("device.img"), 128 << 20));
        string configuration = TestNode.Configuration().Replace("store { path = disk.store, size = 64 MiB }, format = if-missing", $"store {{ kind = device, path = {device.Path} }}", StringComparison.Ordinal);
        (int formatted, string output) = await node.Verb(configuration, "format", "disk");
        Assert.True(formatted == 0, output);
        await node.Run(configuration);
        using RawInitiator initiator = node.LogIn();
        Assert.True(initiator.Execute(Cdb.Write16(0, 64), dataOut: LifeTests.Bytes(64, 0x44)).IsGood);

        // The loop device's file loses its end: what lies there reads and writes with EIO.
        using (FileStream backing = new(node.PathOf("device.img"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            backing.SetLength(backing.Length / 2);
        }

        RawResult capacity = initiator.Execute(Cdb.ReadCapacity16, dataInBytes: 32);
        ulong last = System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(capacity.Data) & ~7UL;
        RawResult read = initiator.Execute(Cdb.Read16(last - 64, 8), dataInBytes: 4096);
        Assert.Equal(0x031100, read.SenseCode);
        Assert.True(initiator.Execute(Cdb.Read16(0, 64), dataInBytes: 64 * 512).IsGood);
        await node.Daemon.Logged("Read", TimeSpan.FromSeconds(10));
        await node.Kill();
    }

    [Fact]
    public async Task AnEncryptedVolumeShowsNothingOnTheDiskAndOpensWithItsKeyAlone()
    {
        await using TestNode node = TestNode.Prepare();
        await WriteKey(node.PathOf("node.key"), 1);
        await WriteKey(node.PathOf("other.key"), 2);
        string configuration = TestNode.Configuration("16 MiB", "volumes.disk.encryption { mode = aes-256-xts, key-file = node.key }");
        await node.Run(configuration);
        byte[] secret = [.. Enumerable.Range(0, 64 * 512).Select(i => (byte)"ACTORSAN-PLAINTEXT-"[i % 19])];
        using (RawInitiator initiator = node.LogIn())
        {
            Assert.True(initiator.Execute(Cdb.Write16(0, 64), dataOut: secret).IsGood);
            Assert.True(initiator.Execute(Cdb.WriteAtomic16(64, 64), dataOut: secret).IsGood);
        }

        await node.Stop();
        byte[] stored = await File.ReadAllBytesAsync(node.PathOf("disk.store"));
        Assert.True(stored.AsSpan().IndexOf("PLAINTEXT"u8) < 0);
        (int code, string log) = await node.RunToEnd(configuration.Replace("node.key", "other.key", StringComparison.Ordinal));
        Assert.Equal(1, code);
        Assert.Contains("key", log, StringComparison.Ordinal);
        await node.Run(configuration);
        using RawInitiator again = node.LogIn();
        Assert.Equal(secret, again.Execute(Cdb.Read16(0, 64), dataInBytes: secret.Length).Data);
        Assert.Equal(secret, again.Execute(Cdb.Read16(64, 64), dataInBytes: secret.Length).Data);
    }

    private static async Task WriteKey(string path, byte fill)
    {
        await File.WriteAllTextAsync(path, Convert.ToHexStringLower([.. Enumerable.Range(fill, 32).Select(i => (byte)(i * 7))]) + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
