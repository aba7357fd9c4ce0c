namespace ActorSan.Integration;

/// <summary>A block device made of a file: losetup, as root.</summary>
internal sealed class LoopDevice : IAsyncDisposable
{
    private LoopDevice(string path) => Path = path;

    internal string Path { get; }

    internal static async Task<LoopDevice> Make(string file, long bytes)
    {
        using (FileStream made = File.Create(file))
        {
            made.SetLength(bytes);
        }

        return new LoopDevice((await ForeignInitiatorTests.Succeed("losetup", "--find", "--show", file)).Output.Trim());
    }

    public async ValueTask DisposeAsync() => await ForeignInitiatorTests.Succeed("losetup", "--detach", Path);
}

/// <summary>A small file system of its own, so that it can be full.</summary>
internal sealed class LoopMount : IAsyncDisposable
{
    private readonly LoopDevice _device;

    private LoopMount(LoopDevice device, string mountPoint)
    {
        _device = device;
        MountPoint = mountPoint;
    }

    internal string MountPoint { get; }

    internal static async Task<LoopMount> Xfs(string file, string mountPoint, long bytes)
    {
        LoopDevice device = await LoopDevice.Make(file, bytes);
        Directory.CreateDirectory(mountPoint);
        await ForeignInitiatorTests.Succeed("mkfs.xfs", "-q", device.Path);
        await ForeignInitiatorTests.Succeed("mount", device.Path, mountPoint);
        return new LoopMount(device, mountPoint);
    }

    public async ValueTask DisposeAsync()
    {
        await ForeignInitiatorTests.Succeed("umount", MountPoint);
        await _device.DisposeAsync();
    }
}
