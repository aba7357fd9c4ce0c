using ActorSan.Cluster.Engines;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using Xunit;

namespace ActorSan.Tests.Cluster.Engines;

/// <summary>Where a node keeps its replicas: made whole or made again, and never over something.</summary>
public sealed class ReplicaStoreDirectoryTests : IDisposable
{
    private const long SizeBytes = 16 << 20;
    private static readonly Guid Volume = new("11111111-2222-3333-4444-555555555555");
    private readonly string _path = Directory.CreateTempSubdirectory("actorsan-replicas-").FullName;
    private readonly ReplicaStoreDirectory _stores;

    public ReplicaStoreDirectoryTests() => _stores = new ReplicaStoreDirectory(_path, direct: false, thick: false, node: "atlas");

    [Fact]
    public void A_store_is_made_once_and_is_the_same_afterwards()
    {
        Guid? made = Make();
        Assert.NotNull(made);
        Assert.Equal(made, Make());
    }

    /// <summary>The process was killed while it made the store.</summary>
    [Fact]
    public void A_format_that_was_cut_short_is_done_again()
    {
        byte[] bytes = new byte[1 << 20];
        Superblock.FormattingMagic.CopyTo(bytes);
        File.WriteAllBytes(_stores.PathOf(Volume), bytes);
        Assert.NotNull(Make());
        Assert.NotNull(Make());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12 << 20)]
    public void A_file_that_holds_something_else_is_refused_and_left_as_it_is(int where)
    {
        byte[] bytes = new byte[14 << 20];
        bytes[where] = 0x5A;
        File.WriteAllBytes(_stores.PathOf(Volume), bytes);
        StoreException refused = Assert.Throws<StoreException>(() => Make());
        Assert.True(refused.Fault is StoreFault.Foreign or StoreFault.NotEmpty, refused.Message);
        Assert.Equal(bytes, File.ReadAllBytes(_stores.PathOf(Volume)));
    }

    [Fact]
    public void A_directory_that_is_not_there_is_not_made()
    {
        Directory.Delete(_path);
        Assert.Equal(StoreFault.Missing, Assert.Throws<StoreException>(() => Make()).Fault);
        Assert.False(Directory.Exists(_path));
    }

    public void Dispose()
    {
        if (Directory.Exists(_path))
        {
            Directory.Delete(_path, recursive: true);
        }
    }

    private Guid? Make() => _stores.Make(Volume, "v", SizeBytes, 512, 4096);
}
