using ActorSan.Node.Daemon;
using Xunit;

namespace ActorSan.Tests.Node.Daemon;

public sealed class StateDirectoryTests
{
    [Fact]
    public void OneNodeAtATimeHasIt()
    {
        using var directory = new TemporaryDirectory();
        string path = Path.Combine(directory.Path, "state");
        using (StateDirectory.Open(path))
        {
            StateDirectoryInUseException failure = Assert.Throws<StateDirectoryInUseException>(() => StateDirectory.Open(path));
            Assert.Contains(path, failure.Message, StringComparison.Ordinal);
        }

        StateDirectory.Open(path).Dispose();
    }

    [Fact]
    public void OnlyItsOwnerSeesIt()
    {
        using var directory = new TemporaryDirectory();
        string path = Path.Combine(directory.Path, "a", "state");
        using StateDirectory state = StateDirectory.Open(path);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(path));
    }

    [Fact]
    public void TheLimitOfOpenFilesOnlyRises()
    {
        long before = FileLimit.Raise(1);
        Assert.True(before > 0);
        Assert.True(FileLimit.Raise(before) >= before);
        Assert.True(FileLimit.Raise(long.MaxValue) >= before);
    }
}
