using System.Text;
using ActorSan.Cluster.Founding;
using ActorSan.Storage;
using ActorSan.Tests.Node;
using Xunit;

namespace ActorSan.Tests.Cluster.Founding;

public sealed class ClusterIdentityTests : IDisposable
{
    private const string Golden = """
        actorsan-cluster-identity 1
        cluster 8d1f0a52-6a3e-4f6b-9d0e-1c2b3a495867
        key 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
        founder yes
        made 2026-01-31T12:00:00Z

        """;

    private readonly TemporaryDirectory _directory = new();

    private string PathOf => Path.Combine(_directory.Path, ClusterIdentity.FileName);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void ANodeHasNoneUntilItIsMade() => Assert.Null(ClusterIdentity.Read(_directory.Path));

    [Fact]
    public void WhatIsMadeIsReadAgain()
    {
        ClusterIdentity made = ClusterIdentity.Create(_directory.Path, TimeProvider.System);
        ClusterIdentity read = ClusterIdentity.Read(_directory.Path)!;
        Assert.Equal((made.ClusterId, made.Made, true), (read.ClusterId, read.Made, read.Founder));
        Assert.Equal(made.LinkKey(), read.LinkKey());
        Assert.Equal(ClusterIdentity.KeyBytes, read.LinkKey().Length);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(PathOf));
        Assert.Equal([PathOf], Directory.GetFiles(_directory.Path));
        Assert.DoesNotContain(Convert.ToHexStringLower(read.LinkKey()), read.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void NoTwoClustersAreTheSame()
    {
        using var other = new TemporaryDirectory();
        ClusterIdentity one = ClusterIdentity.Create(_directory.Path, TimeProvider.System);
        ClusterIdentity two = ClusterIdentity.Create(other.Path, TimeProvider.System);
        Assert.NotEqual(one.ClusterId, two.ClusterId);
        Assert.NotEqual(one.LinkKey(), two.LinkKey());
    }

    [Fact]
    public void TheFileIsTheSpecifiedOne()
    {
        string text = Golden + $"checksum {Crc32C.Compute(Encoding.ASCII.GetBytes(Golden)):x8}\n";
        Assert.Equal("checksum 107dd89b\n", text[Golden.Length..]);
        _directory.Write(ClusterIdentity.FileName, text);
        ClusterIdentity read = ClusterIdentity.Read(_directory.Path)!;
        Assert.Equal(Guid.Parse("8d1f0a52-6a3e-4f6b-9d0e-1c2b3a495867"), read.ClusterId);
        Assert.Equal([.. Enumerable.Range(0, 32).Select(number => (byte)number)], read.LinkKey());
        Assert.Equal(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero), read.Made);
        Assert.Equal(text, Encoding.ASCII.GetString(IdentityFile.Format(read)));
    }

    [Fact]
    public void FoundedIsDurable()
    {
        ClusterIdentity made = ClusterIdentity.Create(_directory.Path, TimeProvider.System);
        made.MarkFounded();
        Assert.False(made.Founder);
        ClusterIdentity read = ClusterIdentity.Read(_directory.Path)!;
        Assert.Equal((made.ClusterId, made.Made, false), (read.ClusterId, read.Made, read.Founder));
        Assert.Equal(made.LinkKey(), read.LinkKey());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(PathOf));
        read.MarkFounded();
    }

    [Fact]
    public void ASecondOneIsRefused()
    {
        ClusterIdentity made = ClusterIdentity.Create(_directory.Path, TimeProvider.System);
        byte[] before = File.ReadAllBytes(PathOf);
        Assert.Equal(IdentityFault.Taken, Assert.Throws<ClusterIdentityException>(() => ClusterIdentity.Create(_directory.Path, TimeProvider.System)).Fault);
        using var other = new TemporaryDirectory();
        ClusterIdentity.Create(other.Path, TimeProvider.System);
        Assert.Equal(IdentityFault.Taken,
            Assert.Throws<ClusterIdentityException>(() => ClusterIdentity.Import(_directory.Path, Path.Combine(other.Path, ClusterIdentity.FileName), TimeProvider.System)).Fault);
        Assert.Equal(before, File.ReadAllBytes(PathOf));
        Assert.Equal(made.ClusterId, ClusterIdentity.Read(_directory.Path)!.ClusterId);
    }

    [Fact]
    public void AnotherNodeTakesClusterAndKeyAndIsNoFounder()
    {
        ClusterIdentity made = ClusterIdentity.Create(_directory.Path, TimeProvider.System);
        using var other = new TemporaryDirectory();
        ClusterIdentity taken = ClusterIdentity.Import(other.Path, PathOf, TimeProvider.System);
        Assert.Equal((made.ClusterId, false), (taken.ClusterId, taken.Founder));
        Assert.Equal(made.LinkKey(), ClusterIdentity.Read(other.Path)!.LinkKey());
        Assert.True(ClusterIdentity.Read(_directory.Path)!.Founder);
    }

    [Fact]
    public void WhatIsNoIdentityIsNotTaken()
    {
        using var other = new TemporaryDirectory();
        string file = other.Write("wrong", "something else\n");
        Assert.Equal(IdentityFault.Damaged, Assert.Throws<ClusterIdentityException>(() => ClusterIdentity.Import(_directory.Path, file, TimeProvider.System)).Fault);
        Assert.Equal(IdentityFault.Missing, Assert.Throws<ClusterIdentityException>(() => ClusterIdentity.Import(_directory.Path, file + "x", TimeProvider.System)).Fault);
        Assert.Empty(Directory.GetFiles(_directory.Path));
    }

    [Fact]
    public void EveryChangedByteIsDamage()
    {
        ClusterIdentity.Create(_directory.Path, TimeProvider.System);
        byte[] good = File.ReadAllBytes(PathOf);
        for (int i = 0; i < good.Length; i++)
        {
            byte[] bad = [.. good];
            bad[i] ^= 1;
            RefusedAndLeft(bad, bytes => new string(Encoding.Latin1.GetChars(bytes)).Split('\n')[0] is "actorsan-cluster-identity 0" ? IdentityFault.OtherFormat : IdentityFault.Damaged);
        }
    }

    [Fact]
    public void EveryOtherLengthIsDamage()
    {
        ClusterIdentity.Create(_directory.Path, TimeProvider.System);
        byte[] good = File.ReadAllBytes(PathOf);
        for (int length = 0; length < good.Length; length++)
        {
            RefusedAndLeft(good[..length], _ => IdentityFault.Damaged);
        }

        RefusedAndLeft([.. good, (byte)'\n'], _ => IdentityFault.Damaged);
        RefusedAndLeft(new byte[1 << 20], _ => IdentityFault.Damaged);
    }

    [Fact]
    public void AnotherReleasesFormatIsNamed()
    {
        RefusedAndLeft(Encoding.ASCII.GetBytes("actorsan-cluster-identity 2\nwhatever\n"), _ => IdentityFault.OtherFormat);
    }

    [Fact]
    public void AKeyThatOthersMayReadIsRefused()
    {
        ClusterIdentity.Create(_directory.Path, TimeProvider.System);
        File.SetUnixFileMode(PathOf, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        ClusterIdentityException failure = Assert.Throws<ClusterIdentityException>(() => ClusterIdentity.Read(_directory.Path));
        Assert.Equal(IdentityFault.Exposed, failure.Fault);
        Assert.Contains("chmod 600", failure.Message, StringComparison.Ordinal);
    }

    private void RefusedAndLeft(byte[] bytes, Func<byte[], IdentityFault> fault)
    {
        File.WriteAllBytes(PathOf, bytes);
        File.SetUnixFileMode(PathOf, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        ClusterIdentityException failure = Assert.Throws<ClusterIdentityException>(() => ClusterIdentity.Read(_directory.Path));
        Assert.Equal(fault(bytes), failure.Fault);
        Assert.Equal(bytes, File.ReadAllBytes(PathOf));
    }
}
