using System.Diagnostics;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Stores.Faults;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

public sealed class StoreOpenerTests
{
    private const int Mebi = 1 << 20;

    [Fact]
    public void ASecondOpenerIsRefusedUntilTheFirstLetsGo()
    {
        using var file = new TemporaryFile();
        IStoreHandle first = StoreOpener.Open(new StoreOptions { Path = file.Path, Create = true });
        StoreException refused = Assert.Throws<StoreException>(() => file.Open());
        Assert.Equal(StoreFault.InUse, refused.Fault);
        Assert.Contains(file.Path, refused.Message, StringComparison.Ordinal);
        Assert.Equal(StoreFault.InUse, Assert.Throws<StoreException>(() => file.Open(readOnly: true)).Fault);
        first.Dispose();
        file.Open().Dispose();
    }

    [Fact]
    public async Task AnotherProcessIsShutOutAndShutsOut()
    {
        using var file = new TemporaryFile();
        using (StoreOpener.Open(new StoreOptions { Path = file.Path, Create = true }))
        {
            using Process stranger = Flock(file.Path, "-n", "true");
            await stranger.WaitForExitAsync();
            Assert.Equal(1, stranger.ExitCode);
        }

        // The other holds it until its input ends, and says when it does.
        using Process holder = Flock(file.Path, "", "sh -c 'echo held; cat'");
        Assert.Equal("held", await holder.StandardOutput.ReadLineAsync());
        Assert.Equal(StoreFault.InUse, Assert.Throws<StoreException>(() => file.Open()).Fault);
        holder.StandardInput.Close();
        await holder.WaitForExitAsync();
        file.Open().Dispose();
    }

    [Fact]
    public void WhatIsNotThereOrNotAStoreIsRefusedWithItsReason()
    {
        using var file = new TemporaryFile();
        string directory = Path.GetDirectoryName(file.Path)!;
        AssertRefused(StoreFault.Missing, file.Path);
        AssertRefused(StoreFault.Missing, Path.Combine(file.Path, "below"));
        AssertRefused(StoreFault.Refused, directory);
        AssertRefused(StoreFault.Refused, "/dev/null");
        AssertRefused(StoreFault.Missing, "/dev/no-such-device", StoreMedium.BlockDevice);
        StoreOpener.Open(new StoreOptions { Path = file.Path, Create = true }).Dispose();
        AssertRefused(StoreFault.Refused, file.Path, StoreMedium.BlockDevice);
        StoreException exists = Assert.Throws<StoreException>(() => StoreOpener.Open(new StoreOptions { Path = file.Path, Create = true }));
        Assert.Equal(StoreFault.NotEmpty, exists.Fault);
        Assert.Equal(StoreFault.Missing, Assert.Throws<StoreException>(() => StoreOpener.Open(new StoreOptions { Path = Path.Combine(directory, "none", "x"), Create = true })).Fault);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AHandleReadsWritesAndZeroes(bool direct)
    {
        using var file = new TemporaryFile();
        using IStoreHandle handle = StoreOpener.Open(new StoreOptions { Path = file.Path, Create = true, Direct = direct });
        Assert.True(handle.CanGrow);
        handle.SetSize(16 * Mebi);
        Assert.Equal(16 * Mebi, handle.Traits.SizeBytes);
        Assert.True(handle.IsZero(0, 16 * Mebi));

        byte[] bytes = Pattern.Of(3 * Mebi, 11);
        handle.WriteAt(Mebi, bytes);
        byte[] read = new byte[bytes.Length - 1001];
        handle.ReadAt(Mebi + 1000, read);
        Assert.Equal(bytes[1000..(1000 + read.Length)], read);
        Assert.False(handle.IsZero(0, 16 * Mebi));
        Assert.True(handle.IsZero(0, Mebi));
        Assert.False(handle.IsZero((4 * Mebi) - 512, 512));

        handle.ZeroAt(Mebi, 3 * Mebi, allocate: false);
        Assert.True(handle.IsZero(0, 16 * Mebi));
        handle.Sync();
        Assert.InRange(file.Sectors, 0, Mebi / 512);
        handle.ZeroAt(0, 8 * Mebi, allocate: true);
        handle.Sync();
        Assert.InRange(file.Sectors, 8 * Mebi / 512, long.MaxValue);
        Assert.True(handle.IsZero(0, 16 * Mebi));
    }

    [Fact]
    public void TheTestVariableKnowsItsValuesAndRefusesOthers()
    {
        using IStoreHandle handle = StoreOpener.OpenMemory(Mebi);
        Assert.Same(handle, VolatileStoreHandle.Decorate(handle, null));
        Assert.Same(handle, VolatileStoreHandle.Decorate(handle, "0"));
        Assert.True(VolatileStoreHandle.Decorate(handle, "1").Traits.VolatileCache);
        Assert.IsType<VolatileStoreHandle>(VolatileStoreHandle.Decorate(handle, "ignore-flush"));
        Assert.Equal(StoreFault.Refused, Assert.Throws<StoreException>(() => VolatileStoreHandle.Decorate(handle, "yes")).Fault);
    }

    private static void AssertRefused(StoreFault fault, string path, StoreMedium medium = StoreMedium.File)
    {
        StoreException refused = Assert.Throws<StoreException>(() => StoreOpener.Open(new StoreOptions { Path = path, Medium = medium }));
        Assert.Equal(fault, refused.Fault);
        Assert.Contains(path, refused.Message, StringComparison.Ordinal);
    }

    private static Process Flock(string path, string options, string command)
    {
        var start = new ProcessStartInfo("sh", ["-c", $"exec flock {options} {path} {command}"]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        return Process.Start(start)!;
    }
}
