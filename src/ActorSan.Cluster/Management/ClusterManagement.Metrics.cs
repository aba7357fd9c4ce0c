using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Management;

/// <summary>What is told at once: health, and the counters of the last second.</summary>
public sealed partial class ClusterManagement
{
    private static readonly TimeSpan s_stale = TimeSpan.FromSeconds(5);
    private int _collecting;
    private DateTimeOffset _collected = DateTimeOffset.UtcNow;

    public HealthReport Health()
    {
        var reasons = new List<string>();
        bool healthy = true;
        if (_state.Side is null)
        {
            healthy = false;
            reasons.Add("the voter's journal is not read yet");
        }

        if (_state.Catalog is not { } catalog)
        {
            healthy = false;
            reasons.Add("the cluster's catalog is not known yet");
            return new HealthReport(Node, healthy, reasons);
        }

        string[] voters = [.. catalog.Value.Voters.Select(voter => voter.Node)];
        if (!HasMajority(_lastView, voters))
        {
            healthy = false;
            reasons.Add($"no majority of the voters {string.Join(", ", voters)} is reachable from here");
        }

        if (DateTimeOffset.UtcNow - _collected > s_stale)
        {
            healthy = false;
            reasons.Add("the node has not counted for more than 5 s: an actor or a thread hangs");
        }

        foreach (CatalogVolume volume in catalog.Document.Volumes)
        {
            if (_metrics?.Replicas.FirstOrDefault(replica => replica.Volume == volume.Name && replica.Node == Node) is { Condition: ReplicaCondition.Failed or ReplicaCondition.Missing } replica)
            {
                reasons.Add($"the replica of volume {volume.Name} is {replica.Condition.ToString().ToLowerInvariant()}");
            }
        }

        return new HealthReport(Node, healthy, reasons);
    }

    public NodeMetrics Metrics() => _metrics ?? new NodeMetrics(Node, _parts.Release, _started, false, _state.Catalog?.Value.Version ?? 0, [], [], [], [], [], []);

    // Beside the scrape, so that a scrape waits for nobody.
    private async Task Collect()
    {
        if (Interlocked.Exchange(ref _collecting, 1) == 1)
        {
            // The last one waits for a thread that hangs: one is enough to wait, and the health report says so.
            return;
        }

        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            MembershipView view = await View(patience.Token).ConfigureAwait(false);
            CatalogNow? catalog = _state.Catalog;
            var volumes = new List<VolumeMetrics>();
            var replicas = new List<ReplicaMetrics>();
            foreach (CatalogVolume volume in catalog?.Document.Volumes ?? [])
            {
                if (await OwnDetail(volume.Id).ConfigureAwait(false) is not { Store.Length: > 0 } detail)
                {
                    continue;
                }

                Configuration now = _state.ConfigurationOf(volume.Id) ?? volume.Decode();
                bool isPrimary = detail.Role != nameof(VolumeRole.Secondary);
                ReplicaReport[] all = [.. now.Replicas.Select(one => ReplicaOf(volume, now, one.Node, one.Node == Node ? detail : null, isPrimary ? detail : null, IsReachable(view, one.Node)))];
                (VolumeCondition condition, _) = VolumeReasons.ConditionOf(now, all, detail.IsServing, detail.LeaseLeftMs, isPrimary, node => IsReachable(view, node));
                volumes.Add(new VolumeMetrics(volume.Name, now.SizeBytes, isPrimary ? condition : VolumeCondition.Unknown, isPrimary, now.Epoch, now.InSync.Count, now.Replicas.Count, detail.Io ?? IoReport.None));
                foreach (ReplicaReport replica in all.Where(one => isPrimary || one.Node == Node))
                {
                    ReplicaCondition told = replica.Condition == ReplicaCondition.Unknown && now.MemberOf(replica.Node) is not null && isPrimary ? ReplicaCondition.InSync : replica.Condition;
                    replicas.Add(new ReplicaMetrics(volume.Name, replica.Node, told, replica.ToResyncBytes, replica.ResyncBytesPerSecond));
                }
            }

            string[] voters = [.. (catalog?.Value.Voters ?? default).Select(voter => voter.Node)];
            _metrics = new NodeMetrics(Node, _parts.Release, _started, HasMajority(view, voters), catalog?.Value.Version ?? 0, Members(view, catalog), volumes, replicas, [.. _state.Links],
                await _local.Sessions(patience.Token).ConfigureAwait(false), await _local.Threads(patience.Token).ConfigureAwait(false));
            _collected = DateTimeOffset.UtcNow;
        }
        catch (Exception failure) when (failure is OperationCanceledException or TimeoutException or InvalidOperationException or Akka.Actor.AskTimeoutException)
        {
            // The health report says that nothing was counted.
        }
        finally
        {
            Volatile.Write(ref _collecting, 0);
        }
    }
}
