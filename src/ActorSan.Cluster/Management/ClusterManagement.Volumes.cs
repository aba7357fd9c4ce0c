using System.Text.Json;
using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Primaries;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Management;

/// <summary>What a node knows of its part of a volume, as it tells the others.</summary>
/// <param name="Store">Path; empty: no replica here.</param>
/// <param name="LeaseLeftMs">Of its own lease as primary; null: it has none.</param>
/// <param name="Attempt">What it tries to have decided and does not reach, and why; null: nothing.</param>
internal sealed record VolumeDetail(
    string Node, string Role, string Store, string? Fault, long SizeBytes, long Mark, Guid Incarnation, bool IsOldCopy, bool IsFailed, bool IsDiscarded, string? Attached, long? LeaseLeftMs,
    bool IsServing, bool IsDiskless, IReadOnlyList<PeerReport> Peers, IReadOnlyList<string> Waiting, IoReport? Io, string? Attempt);

/// <summary>Volumes as they are, and why.</summary>
public sealed partial class ClusterManagement
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<(Guid, string), (long Bytes, DateTimeOffset At, double Rate, long Most)> _copying = new();

    public async Task<IReadOnlyList<VolumeReport>> Volumes(CancellationToken cancellation)
    {
        CatalogNow catalog = RequireCatalog();
        MembershipView view = await View(cancellation).ConfigureAwait(false);
        return await Task.WhenAll(catalog.Document.Volumes.Select(volume => ReportOf(volume, catalog.Document, view, cancellation))).ConfigureAwait(false);
    }

    public async Task<VolumeReport?> Volume(string name, CancellationToken cancellation)
    {
        CatalogNow catalog = RequireCatalog();
        return catalog.Document.FindVolume(name) is { } volume
            ? await ReportOf(volume, catalog.Document, await View(cancellation).ConfigureAwait(false), cancellation).ConfigureAwait(false)
            : null;
    }

    public Task<IReadOnlyList<VolumeEvent>?> History(string name, int count, CancellationToken cancellation) => Task.FromResult<IReadOnlyList<VolumeEvent>?>(
        RequireCatalog().Document.FindVolume(name) is { } volume ? [.. _state.HistoryOf(volume.Id).TakeLast(count)] : null);

    public async Task<VolumeWhy?> Why(string name, CancellationToken cancellation)
    {
        CatalogNow catalog = RequireCatalog();
        if (catalog.Document.FindVolume(name) is not { } volume)
        {
            return null;
        }

        MembershipView view = await View(cancellation).ConfigureAwait(false);
        VolumeReport report = await ReportOf(volume, catalog.Document, view, cancellation).ConfigureAwait(false);
        return VolumeReasons.Of(report, node => IsReachable(view, node), _state.ConfigurationOf(volume.Id));
    }

    private async Task<VolumeReport> ReportOf(CatalogVolume volume, CatalogDocument catalog, MembershipView view, CancellationToken cancellation)
    {
        Configuration now = _state.ConfigurationOf(volume.Id) ?? volume.Decode();
        string[] nodes = [.. now.Replicas.Select(replica => replica.Node).Order(StringComparer.Ordinal)];
        string asked = JsonSerializer.Serialize(volume.Id, Json);
        VolumeDetail?[] details = await Task.WhenAll(nodes.Select(async node =>
            node == Node ? await OwnDetail(volume.Id).ConfigureAwait(false) : IsReachable(view, node) ? await TryAsk<VolumeDetail>(node, "volume", asked, cancellation).ConfigureAwait(false) : null)).ConfigureAwait(false);
        VolumeDetail? primary = details.FirstOrDefault(detail => detail is not null && detail.Node == now.Primary?.Node && detail.Peers is not null && detail.Role != nameof(VolumeRole.Secondary));
        ReplicaReport[] replicas = [.. nodes.Select((node, i) => ReplicaOf(volume, now, node, details[i], primary, IsReachable(view, node)))];
        (VolumeCondition condition, string state) = VolumeReasons.ConditionOf(now, replicas, primary?.IsServing ?? false, primary?.LeaseLeftMs, primary is not null, node => IsReachable(view, node));
        return new VolumeReport(
            volume.Name, volume.Id, now.Lineage, now.SizeBytes, volume.LogicalBlockBytes, condition, state, now.Primary?.Node, now.Epoch,
            [.. now.InSync.Select(member => member.Node).Order(StringComparer.Ordinal)],
            [.. now.Voters.Select(voter => voter.Node).Order(StringComparer.Ordinal)],
            [.. now.OldVoters.Select(voter => voter.Node).Order(StringComparer.Ordinal)],
            replicas,
            new VolumeSettingsReport(now.Settings.PreferredPrimary, now.Settings.OnNoQuorum == NoQuorumPolicy.Fail ? OnNoQuorum.Fail : OnNoQuorum.Suspend, now.Settings.ConfirmReads),
            primary?.LeaseLeftMs,
            primary?.Io,
            [.. catalog.Targets.SelectMany(target => target.Luns.Where(lun => lun.Volume == volume.Id).Select(lun => new ExportReport(target.Iqn, (ulong)lun.Number)))]);
    }

    private ReplicaReport ReplicaOf(CatalogVolume volume, Configuration now, string node, VolumeDetail? detail, VolumeDetail? primary, bool reachable)
    {
        ReplicaEntry entry = now.ReplicaOf(node)!;
        bool isMember = now.MemberOf(node) is not null;
        PeerReport? peer = primary?.Peers.Where(one => one.Node == node).Select(one => (PeerReport?)one).FirstOrDefault();
        long? toCopy = isMember ? 0 : peer?.ToCopyBytes;
        (double? rate, double? percent) = (null, null);
        bool syncing = !isMember && peer is { IsAttached: true };
        if (syncing && toCopy is { } bytes)
        {
            (rate, percent) = Progress(volume.Id, node, bytes);
        }

        (ReplicaCondition condition, string? what) = detail switch
        {
            _ when entry.Detached => (ReplicaCondition.Detached, "an administrator took it out of service; 'volume attach' brings it back"),
            null when !reachable => (ReplicaCondition.Unknown, isMember ? "its node does not answer" : "its node does not answer; it is out of sync"),
            null => (ReplicaCondition.Unknown, "its node did not say"),
            { Store.Length: 0 } => (ReplicaCondition.Missing, detail.Fault ?? "its store is not there"),
            { IsFailed: true } => (ReplicaCondition.Failed, "its store has failed; it is opened again by itself"),
            { IsDiscarded: true } => (ReplicaCondition.Discarded, "an administrator went on without it; 'volume discard' gives up what only it has"),
            { IsOldCopy: true } => (ReplicaCondition.OldCopy, "its store was put back to an older state; it is resynced"),
            _ when now.Primary?.Node == node => (ReplicaCondition.Primary, (string?)null),
            _ when isMember => (ReplicaCondition.InSync, primary is null ? detail?.Attempt : null),
            _ when syncing => (ReplicaCondition.Syncing, null),
            _ => (ReplicaCondition.Out, peer is { IsLinkUp: false } ? "no link from the primary to its node" : "waits for the primary to attach it"),
        };
        return new ReplicaReport(node, condition, what, (ReplicaProtocol)(entry.Protocol switch { ReplicationProtocol.A => 0, ReplicationProtocol.B => 1, _ => 2 }),
            toCopy, percent, rate, detail?.Mark ?? (entry.HighestMark > 0 ? entry.HighestMark : null), entry.Incarnation, detail is { Store.Length: > 0 } ? detail.Store : null);
    }

    // Between two looks at it.
    private (double? Rate, double? Percent) Progress(Guid volume, string node, long bytes)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        (long Bytes, DateTimeOffset At, double Rate, long Most) next = _copying.AddOrUpdate((volume, node), _ => (bytes, now, 0, bytes), (_, before) =>
        {
            double seconds = (now - before.At).TotalSeconds;
            return bytes > before.Bytes ? (bytes, now, 0, Math.Max(bytes, before.Most))
                : seconds < 0.2 ? before
                : (bytes, now, (before.Bytes - bytes) / seconds, before.Most);
        });
        return (next.Rate, next.Most == 0 ? 100 : 100.0 * (next.Most - bytes) / next.Most);
    }

    private async Task<VolumeDetail?> OwnDetail(Guid id)
    {
        if (_state.Side is not { } side)
        {
            return null;
        }

        (VolumeSide? volume, string role, long? leaseLeft, string? attempt) = await _loop.Invoke(() =>
        {
            VolumeSide? found = side.FindVolume(id);
            VolumeControl? control = found?.Control;
            long deadline = control is null || control.Epoch == 0 ? 0 : found!.Lease.DeadlineOf(control.Epoch);
            return (found, control?.Role.ToString() ?? nameof(VolumeRole.Secondary), deadline == 0 ? (long?)null : (deadline - _loop.NowNs) / 1_000_000, control is null ? null : AttemptOf(control, _loop.NowNs));
        }).ConfigureAwait(false);
        if (volume is null)
        {
            return null;
        }

        Replication.Volume.ReplicaReport? replica = volume.Volume is { } replicated ? await replicated.Report().ConfigureAwait(false) : null;
        IoReport? io = volume.Unit is { } unit ? await unit.Io().ConfigureAwait(false) : null;
        return new VolumeDetail(
            Node, role, replica?.Store ?? "", volume.Unavailable, volume.Volume?.Geometry.SizeBytes ?? 0, replica?.Mark ?? 0, replica?.Self.Incarnation ?? Guid.Empty, replica?.IsOldCopy ?? false,
            replica?.IsFailed ?? false, replica?.IsDiscarded ?? false, replica?.Attached, leaseLeft, replica?.Serving?.IsServing ?? false, replica?.Serving?.IsDiskless ?? false,
            replica?.Serving?.Peers ?? [], replica?.Serving?.Waiting ?? [], io, attempt);
    }

    private static string? AttemptOf(VolumeControl control, long nowNs) => control.LastVain is not { } vain ? null
        : $"its latest attempt {vain.Aim} ended {(nowNs - vain.EndedNs) / 1e9:F1} s ago: {vain.Describe()}{(control.Trying is { } trying ? $"; it tries {trying}" : "")}";
}
