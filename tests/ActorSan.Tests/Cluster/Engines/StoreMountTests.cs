using ActorSan.Cluster.Engines;
using Xunit;

namespace ActorSan.Tests.Cluster.Engines;

/// <summary>A file system that is not mounted is no new disk.</summary>
public sealed class StoreMountTests : IDisposable
{
    private const string Root = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
    private readonly string _state = Directory.CreateTempSubdirectory("actorsan-mount-").FullName;
    private string _mounts = Root;

    private string File => Path.Combine(_state, StoreMount.FileName);

    [Fact]
    public void Where_it_was_or_on_a_file_system_of_its_own_it_may_be()
    {
        Assert.Null(Fault("/srv/san/replicas"));
        Assert.Null(Fault("/srv/san/replicas"));
        _mounts += Mounted("/srv/san");
        Assert.Null(Fault("/srv/san/replicas"));
        Assert.Equal(["/srv/san/replicas", "/srv/san"], System.IO.File.ReadAllLines(File));

        // Another disk at the same place.
        _mounts = Root + Mounted("/srv/san").Replace("/dev/sdb1", "/dev/sdc1", StringComparison.Ordinal);
        Assert.Null(Fault("/srv/san/replicas"));
    }

    [Theory]
    [InlineData("/srv/san")]
    [InlineData("/srv/san/replicas")]
    [InlineData("/srv")]
    public void Without_its_file_system_it_is_refused_until_that_is_there_or_forgotten(string mountPoint)
    {
        _mounts += Mounted("/srv/other") + Mounted("/srv/sane") + Mounted(mountPoint);
        Assert.Null(Fault("/srv/san/replicas"));
        _mounts = Root + Mounted("/srv/other") + Mounted("/srv/sane");
        for (int i = 0; i < 2; i++)
        {
            string fault = Fault("/srv/san/replicas")!;
            Assert.Contains($"mounted at {mountPoint}, and that is not mounted: the directory is on / now", fault, StringComparison.Ordinal);
            Assert.Contains($"remove {File} first", fault, StringComparison.Ordinal);
        }

        _mounts += Mounted(mountPoint);
        Assert.Null(Fault("/srv/san/replicas"));
        _mounts = Root;
        System.IO.File.Delete(File);
        Assert.Null(Fault("/srv/san/replicas"));
    }

    [Fact]
    public void Another_directory_is_another_matter()
    {
        _mounts += Mounted("/srv/san");
        Assert.Null(Fault("/srv/san/replicas"));
        Assert.Null(Fault("/var/lib/replicas"));
        Assert.Equal(["/var/lib/replicas", "/"], System.IO.File.ReadAllLines(File));
    }

    [Fact]
    public void Blanks_in_a_mount_point_are_understood()
    {
        _mounts += Mounted(@"/srv/my\040san");
        Assert.Null(Fault("/srv/my san/replicas"));
        Assert.Equal("/srv/my san", System.IO.File.ReadAllLines(File)[1]);
    }

    [Fact]
    public void Links_are_followed()
    {
        string real = Directory.CreateDirectory(Path.Combine(_state, "real", "replicas")).FullName;
        string link = Directory.CreateSymbolicLink(Path.Combine(_state, "link"), Path.GetDirectoryName(real)!).FullName;
        _mounts += Mounted(Path.Combine(_state, "real"));
        Assert.Null(Fault(Path.Combine(link, "replicas")));
        Assert.Equal(Path.Combine(_state, "real"), System.IO.File.ReadAllLines(File)[1]);
    }

    [Fact]
    public void On_this_system_it_is_found_out() => Assert.Null(new StoreMount(File).Fault(_state));

    public void Dispose() => Directory.Delete(_state, recursive: true);

    private static string Mounted(string at) => $"30 22 8:17 / {at} rw - xfs /dev/sdb1 rw\n";

    private string? Fault(string directory) => new StoreMount(File, () => _mounts).Fault(directory);
}
