using Xunit;

namespace ActorSan.Integration.Clusters;

/// <summary>All tests of clusters: one after another, beside nothing else, and on one cluster where a test leaves it as whole as it found it.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ClusterCollection : ICollectionFixture<SharedCluster>
{
    public const string Name = "clusters";
}

/// <summary>The cluster that most tests share: started by the first of them, whole again after each.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private TestCluster? _cluster;
    private bool _whole = true;

    /// <summary>Runs a test on it. After one that failed the next has a new cluster, and the old one's directory stays.</summary>
    internal async Task Use(Func<TestCluster, Task> test)
    {
        if (!_whole && _cluster is not null)
        {
            await _cluster.DisposeAsync();
            _cluster = null;
        }

        _whole = false;
        _cluster ??= await TestCluster.StartNew("shared");
        await test(_cluster);
        await _cluster.Whole();
        _whole = true;
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            if (_whole)
            {
                _cluster.Passed();
            }

            await _cluster.DisposeAsync();
        }
    }
}
