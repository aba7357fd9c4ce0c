using System.Text.Json;
using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Engines;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Cluster.Management;

/// <summary>What must be done on one node, asked of it by another.</summary>
/// <param name="Kind">promote, force, discard, verify, resync, kick, member.</param>
internal sealed record RemoteOperation(string Kind, Guid Volume, IReadOnlyList<string> Voters, IReadOnlyList<string> MayLose, IReadOnlyList<Guid> Discards, long Session, string Text);

/// <summary>Asked of a node: does its iSCSI side export the target as this version of the catalog has it? Answered when it does, or after a while.</summary>
/// <param name="Luns">Ascending; null: it is to be exported no more.</param>
internal sealed record ExpectedExport(string Iqn, long Version, IReadOnlyList<ulong>? Luns);

internal sealed record ExportAnswer(bool Exported);

/// <summary>A store that a node has made for a volume that did not come about: to be deleted.</summary>
internal sealed record UnwantedStore(Guid VolumeId, Guid Incarnation, string Name, long SizeBytes, int LogicalBlockBytes, int PhysicalBlockBytes);

/// <param name="Fault">For people; null: it is gone.</param>
internal sealed record StoreUnmade(string? Fault);

/// <summary>Changes of volumes and their replicas.</summary>
public sealed partial class ClusterManagement
{
    private const int MostReplicas = 3;
    private static readonly TimeSpan s_makePatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_readPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_exportPatience = TimeSpan.FromMilliseconds(1500);
    private static readonly TimeSpan s_exportLook = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_servePatience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_operationPatience = TimeSpan.FromSeconds(30);

    public async Task<OperationOutcome> Do(ManagementOperation operation, CancellationToken cancellation)
    {
        try
        {
            long known = _state.Catalog?.Value.Version ?? 0;
            OperationOutcome outcome = await Dispatch(operation, cancellation).ConfigureAwait(false);
            if (outcome is { IsFinal: false, Kind: OutcomeKind.Refused or OutcomeKind.NotFound } && await KnowsMoreThan(known).ConfigureAwait(false))
            {
                // What was just done at another node may not have been heard of here: no is said by what is decided, not by what was known.
                outcome = await Dispatch(operation, cancellation).ConfigureAwait(false);
            }

            _state.Tell(new ManagementEvent(DateTimeOffset.UtcNow, Node, EventKind.Operation, outcome.Kind == OutcomeKind.Done ? EventSeverity.Information : EventSeverity.Warning,
                operation.GetType().Name, $"{operation}: {outcome.Sentence}"));
            return outcome;
        }
        catch (ManagementUnavailableException unavailable)
        {
            return OperationOutcome.TryAgain(unavailable.Message);
        }
        catch (TimeoutException late)
        {
            return OperationOutcome.TryAgain($"{late.Message}: whether it was done is not known. Look, and give the same command again");
        }
        catch (NodeFaultException refusal)
        {
            return OperationOutcome.Refused(refusal.Message);
        }
    }

    private Task<OperationOutcome> Dispatch(ManagementOperation operation, CancellationToken cancellation) => operation switch
    {
        ManagementOperation.CreateVolume create => Create(create, cancellation),
        ManagementOperation.DeleteVolume delete => Delete(delete.Name, cancellation),
        ManagementOperation.ResizeVolume resize => Resize(resize.Name, resize.SizeBytes, cancellation),
        ManagementOperation.PromoteVolume { Force: null } promote => HandOver(promote.Name, promote.Node, cancellation),
        ManagementOperation.PromoteVolume promote => Force(promote, cancellation),
        ManagementOperation.HandOverVolume hand => HandOver(hand.Name, hand.To, cancellation),
        ManagementOperation.AttachReplica attach => Change(attach.Name, new Replication.Core.Control.AttachReplica(attach.Node), $"the replica of {attach.Node} is back in service and is resynced", cancellation),
        ManagementOperation.DetachReplica detach => Change(detach.Name, new Replication.Core.Control.DetachReplica(detach.Node), $"the replica of {detach.Node} is out of service; what it misses is kept", cancellation),
        ManagementOperation.DiscardReplica discard => At(discard.Name, discard.Node, "discard", cancellation),
        ManagementOperation.VerifyVolume verify => AtPrimary(verify.Name, "verify", "", cancellation),
        ManagementOperation.ResyncVolume resync => Resync(resync, cancellation),
        ManagementOperation.AddReplica add => Add(add.Name, add.Node, cancellation),
        ManagementOperation.RemoveReplica remove => Change(remove.Name, new Replication.Core.Control.RemoveReplica(remove.Node), $"{remove.Node} has no replica of {remove.Name} any more; its store keeps its bytes", cancellation),
        ManagementOperation.ReplaceReplica replace => Replace(replace, cancellation),
        ManagementOperation.AddVoter add => Change(add.Name, new Replication.Core.Control.AddVoter(add.Node), $"{add.Node} votes", cancellation),
        ManagementOperation.RemoveVoter remove => Change(remove.Name, new Replication.Core.Control.RemoveVoter(remove.Node), $"{remove.Node} votes no more", cancellation),
        ManagementOperation.SetVolumeSettings settings => Set(settings, cancellation),
        ManagementOperation.DrainNode drain => SetDrained(drain.Node, true, cancellation),
        ManagementOperation.UndrainNode undrain => SetDrained(undrain.Node, false, cancellation),
        ManagementOperation.ForgetNode forget => Forget(forget.Node, cancellation),
        ManagementOperation.KickSession kick => Kick(kick, cancellation),
        ManagementOperation.JoinCluster or ManagementOperation.LeaveCluster or ManagementOperation.DownNode or ManagementOperation.DownUnreachable => _local.Member(operation, cancellation),
        _ => DoTarget(operation, cancellation),
    };

    private async Task<OperationOutcome> Create(ManagementOperation.CreateVolume create, CancellationToken cancellation)
    {
        CatalogNow catalog = RequireCatalog();
        if (catalog.Document.FindVolume(create.Name) is not null)
        {
            return OperationOutcome.Refused($"there is a volume {create.Name} already");
        }

        MembershipView view = await View(cancellation).ConfigureAwait(false);
        string[] storage = [.. _state.Hellos.Values.Where(hello => hello.IsStorage && IsReachable(view, hello.From)).Select(hello => hello.From).Order(StringComparer.Ordinal)];
        string[] replicas = create.Replicas.Count > 0 ? [.. create.Replicas] : [.. storage.Take(MostReplicas)];
        if (replicas.FirstOrDefault(node => !storage.Contains(node, StringComparer.Ordinal)) is { } stranger)
        {
            return OperationOutcome.Refused($"{stranger} is no storage node that is there; those are {(storage.Length == 0 ? "none" : string.Join(", ", storage))}");
        }

        if (replicas.Length == 0)
        {
            return OperationOutcome.TryAgain("no storage node is there that could hold a replica");
        }

        string[] voters = create.Voters.Count > 0 ? [.. create.Voters] : replicas;
        if (create.Voters.Count == 0 && replicas.Length % 2 == 0 && TieBreakers(catalog, view, replicas) is { Length: > 0 } others)
        {
            if (others.FirstOrDefault(node => _state.Hellos.ContainsKey(node) && IsReachable(view, node)) is not { } tieBreaker)
            {
                return OperationOutcome.TryAgain($"{string.Join(" or ", others)} would vote beside the replicas' nodes, so that one of them may be lost, and is not there yet: start it, or say with --voters who votes");
            }

            voters = [.. replicas, tieBreaker];
        }

        if (voters.FirstOrDefault(node => !_state.Hellos.ContainsKey(node) || !IsReachable(view, node)) is { } absent)
        {
            return OperationOutcome.Refused($"{absent} is to vote and is not there: all voters must be up while a volume begins");
        }

        if (create.PreferredPrimary is { } preferred && !replicas.Contains(preferred, StringComparer.Ordinal))
        {
            return OperationOutcome.Refused($"{preferred} is to be preferred as primary and has no replica");
        }

        var id = Guid.NewGuid();
        var entries = new List<ReplicaEntry>();
        int physical = Math.Max(4096, create.BlockSizeBytes);
        ReplicaMadeBy[] made = await Task.WhenAll(replicas.Select(async node =>
            new ReplicaMadeBy(node, await _rpc.Make(node, id, create.Name, create.SizeBytes, create.BlockSizeBytes, physical, s_makePatience, cancellation).ConfigureAwait(false)))).ConfigureAwait(false);
        foreach (ReplicaMadeBy one in made)
        {
            if (one.Made.Fault is { } fault)
            {
                await UnmakeAll(made.Where(other => other.Made.Fault is null), id, create, physical, cancellation).ConfigureAwait(false);
                return OperationOutcome.Refused($"{one.Node} can't hold a replica: {fault}") with { IsFinal = true };
            }

            // S7: all of them were formatted just now and read as zeroes: what is not written afterwards nobody lacks.
            bool isFirst = one.Node == (create.PreferredPrimary ?? replicas[0]);
            entries.Add(new ReplicaEntry(one.Node, one.Made.Incarnation, LeftAt: isFirst ? null : 0));
        }

        string firstNode = create.PreferredPrimary ?? replicas[0];
        var first = new Configuration
        {
            Version = 1,
            VolumeId = id,
            Lineage = Guid.NewGuid(),
            Voters = [.. voters.Order(StringComparer.Ordinal).Select(node => _state.Hellos[node].Voter)],
            InSync = [new Member(firstNode, entries.First(entry => entry.Node == firstNode).Incarnation, Guid.NewGuid())],
            Replicas = [.. entries],
            SizeBytes = create.SizeBytes,
            Settings = new VolumeSettings
            {
                OnNoQuorum = create.OnNoQuorum == OnNoQuorum.Fail ? NoQuorumPolicy.Fail : NoQuorumPolicy.Suspend,
                ConfirmReads = create.ConfirmReads,
                PreferredPrimary = create.PreferredPrimary,
            },
        };
        var volume = new CatalogVolume(id, create.Name, CatalogVolume.Encode(first), create.BlockSizeBytes, physical, DateTimeOffset.UtcNow);
        if (await Begin(volume, first).ConfigureAwait(false) is { } refusal)
        {
            return OperationOutcome.TryAgain(refusal);
        }

        if (await ChangeCatalog((CatalogDocument now, out string? why) =>
            {
                why = now.FindVolume(create.Name) is { } other && other.Id != id ? $"there is a volume {create.Name} already" : null;
                return why is null ? now.With(volume) : null;
            }).ConfigureAwait(false) is { } failed)
        {
            return OperationOutcome.TryAgain(failed);
        }

        bool serves = await Until(async () => (await Volume(create.Name, cancellation).ConfigureAwait(false))?.Condition is VolumeCondition.Healthy or VolumeCondition.Syncing or VolumeCondition.Degraded, cancellation).ConfigureAwait(false);
        return OperationOutcome.Done($"volume {create.Name} is made on {string.Join(", ", replicas)}, id {id}; voters {string.Join(", ", voters)}{(voters.Length == 2 ? ". With two voters nobody takes over by himself when one is lost: a third is added with 'voter add'" : "")}{(serves ? "" : ". It is not served yet: see 'volume why'")}");
    }

    // Nothing has been said about the volume yet, to anybody who votes: nobody can serve it.
    private Task UnmakeAll(IEnumerable<ReplicaMadeBy> made, Guid id, ManagementOperation.CreateVolume create, int physicalBlockBytes, CancellationToken cancellation) =>
        Task.WhenAll(made.Select(one =>
        {
            var unwanted = new UnwantedStore(id, one.Made.Incarnation, create.Name, create.SizeBytes, create.BlockSizeBytes, physicalBlockBytes);
            return one.Node == Node ? Task.FromResult<StoreUnmade?>(Unmake(unwanted)) : TryAsk<StoreUnmade>(one.Node, "unmake", JsonSerializer.Serialize(unwanted, Json), cancellation);
        }));

    private StoreUnmade Unmake(UnwantedStore unwanted)
    {
        if (_state.Catalog?.Document.FindVolume(unwanted.VolumeId) is not null || _state.ConfigurationOf(unwanted.VolumeId) is not null)
        {
            return new StoreUnmade("it is a volume's");
        }

        try
        {
            ReplicaStoreDirectory.Of(_settings)?.Unmake(unwanted.VolumeId, unwanted.Incarnation, unwanted.Name, unwanted.SizeBytes, unwanted.LogicalBlockBytes, unwanted.PhysicalBlockBytes);
            return new StoreUnmade(null);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or StoreException)
        {
            return new StoreUnmade(failure.Message);
        }
    }

    // Who makes the voters an odd number: a witness before a node with stores. Those who vote about the catalog are meant even where they have not been heard of.
    private string[] TieBreakers(CatalogNow catalog, MembershipView view, string[] replicas) =>
    [
        .. catalog.Value.Voters.Select(voter => voter.Node).Concat(view.Members.Select(member => member.Name)).Distinct(StringComparer.Ordinal).Where(node => !replicas.Contains(node, StringComparer.Ordinal))
            .OrderBy(node => _state.Hellos.TryGetValue(node, out NodeHello? hello) && hello.IsStorage).ThenBy(node => node, StringComparer.Ordinal),
    ];

    private Task<string?> Begin(CatalogVolume volume, Configuration first)
    {
        var told = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        ControlSide side = _state.Side!;
        _loop.Post(() => side.BeginVolume(volume, first, fault => _ = told.TrySetResult(fault)));
        return told.Task.WaitAsync(s_operationPatience);
    }

    private Task<string?> ChangeCatalog(CatalogChange change)
    {
        RequireCatalog();
        var told = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        ControlSide side = _state.Side!;
        _loop.Post(() => side.ChangeCatalog(change, fault => _ = told.TrySetResult(fault)));
        return told.Task.WaitAsync(s_operationPatience);
    }

    private async Task<bool> KnowsMoreThan(long version)
    {
        if (_state is { Catalog: not null, Side: { } side })
        {
            var told = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _loop.Post(() => side.ReadCatalog(fault => _ = told.TrySetResult(fault)));
            try
            {
                _ = await told.Task.WaitAsync(s_readPatience).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // Without a majority: what is known here has to do.
            }
        }

        return _state.Catalog?.Value.Version > version;
    }

    private async Task<OperationOutcome> Delete(string name, CancellationToken cancellation)
    {
        if (RequireCatalog().Document.FindVolume(name) is not { } volume)
        {
            return NoVolume(name);
        }

        if (RequireCatalog().Document.Targets.FirstOrDefault(target => target.Luns.Any(lun => lun.Volume == volume.Id)) is { } target)
        {
            return OperationOutcome.Refused($"volume {name} is mapped by target {target.Iqn}: unmap it first ('target unmap')");
        }

        OperationOutcome outcome = await Change(name, new DeleteVolume(), "deleted", cancellation).ConfigureAwait(false);
        if (outcome.Kind != OutcomeKind.Done)
        {
            return outcome;
        }

        string? fault = await ChangeCatalog((CatalogDocument now, out string? why) =>
        {
            why = null;
            return now.Without(volume);
        }).ConfigureAwait(false);
        return fault is null ? OperationOutcome.Done($"volume {name} is deleted") : OperationOutcome.TryAgain(fault);
    }

    // At the primary, which alone hears who has no room.
    private async Task<OperationOutcome> Resize(string name, long sizeBytes, CancellationToken cancellation)
    {
        if (await SideOf(name, cancellation).ConfigureAwait(false) is not { } side)
        {
            return NoVolume(name);
        }

        return await _loop.Invoke(() => side.Control?.Role == VolumeRole.Serving).ConfigureAwait(false)
            ? await ResizeHere(side, sizeBytes, cancellation).ConfigureAwait(false)
            : await AtPrimary(name, "resize", sizeBytes.ToString(System.Globalization.CultureInfo.InvariantCulture), cancellation).ConfigureAwait(false);
    }

    private async Task<OperationOutcome> ResizeHere(VolumeSide side, long sizeBytes, CancellationToken cancellation)
    {
        string name = side.Catalog.Name;
        if (SizeFault(side.Catalog.LogicalBlockBytes, side.First.SizeBytes, sizeBytes) is { } fault)
        {
            return OperationOutcome.Refused(fault, "S7");
        }

        VolumeControl control = side.Control!;
        switch (await _loop.Invoke(() => control.RequestGrow(sizeBytes)).ConfigureAwait(false))
        {
            case GrowAnswer.NothingToDo:
                return OperationOutcome.Done($"volume {name} has that size");
            case GrowAnswer.Smaller:
                return OperationOutcome.Refused("a volume never becomes smaller", "S7");
            case GrowAnswer.NotNow:
                return OperationOutcome.TryAgain($"{Node} does not serve volume {name} any more");
            default:
                break;
        }

        GrowRefused? refused = null;
        bool ended = await Until(
            async () =>
            {
                refused = await _loop.Invoke(() => control.LastGrowRefusal).ConfigureAwait(false);
                return refused is not null || _state.ConfigurationOf(side.Id)?.SizeBytes >= sizeBytes;
            },
            cancellation).ConfigureAwait(false);
        return refused is not null ? OperationOutcome.Refused($"the store of {refused.Node} can't become so large: make room on its file system, and try again; the volume is as it was", "S7")
            : ended ? OperationOutcome.Done($"volume {name} has {sizeBytes} bytes")
            : OperationOutcome.TryAgain("not every replica in sync has said that it has room: it goes on; look at 'volume show'");
    }

    // The limit of all stores that were made with the volume; one that was made later for more has a higher one.
    private static string? SizeFault(int logicalBlockBytes, long firstBytes, long sizeBytes)
    {
        long limit = VolumeFormat.ReplicaGrowLimit(firstBytes);
        return sizeBytes % logicalBlockBytes != 0 ? $"a size is whole blocks of {logicalBlockBytes} bytes, which {sizeBytes} is not"
            : sizeBytes > limit ? $"its stores were made with room to grow to {limit} bytes, no further: make a larger volume and copy"
            : null;
    }

    private async Task<OperationOutcome> HandOver(string name, string? to, CancellationToken cancellation)
    {
        if (RequireCatalog().Document.FindVolume(name) is not { } volume)
        {
            return NoVolume(name);
        }

        Configuration now = _state.ConfigurationOf(volume.Id) ?? volume.Decode();
        if (now.Primary is not { } primary)
        {
            return OperationOutcome.TryAgain($"nobody is primary of {name}: one that is in sync takes it by itself");
        }

        string[] others = [.. now.InSync.Select(member => member.Node).Where(node => node != primary.Node && !IsDrained(_state.Catalog, node))];
        string? target = to ?? (now.Settings.PreferredPrimary is { } preferred && others.Contains(preferred, StringComparer.Ordinal) ? preferred : others.FirstOrDefault());
        if (target is null)
        {
            return OperationOutcome.Refused($"nobody else who is not drained is in sync with {primary.Node}", "P8");
        }

        if (target == primary.Node)
        {
            return OperationOutcome.Done($"{target} is primary of {name}");
        }

        // Who is in sync is the primary's to say: this node may have heard of it a moment ago only.
        OperationOutcome outcome = await AtPrimary(name, "handover", target, cancellation).ConfigureAwait(false);
        if (outcome.Kind != OutcomeKind.Done)
        {
            return outcome;
        }

        bool moved = await Until(() => Task.FromResult(_state.ConfigurationOf(volume.Id)?.Primary?.Node == target), cancellation).ConfigureAwait(false);
        return moved ? OperationOutcome.Done($"{target} is primary of {name}") : OperationOutcome.TryAgain($"{primary.Node} did not hand {name} over in time; it serves on. See 'volume why {name}'");
    }

    private async Task<OperationOutcome> Add(string name, string node, CancellationToken cancellation)
    {
        if (RequireCatalog().Document.FindVolume(name) is not { } volume)
        {
            return NoVolume(name);
        }

        Configuration now = _state.ConfigurationOf(volume.Id) ?? volume.Decode();
        if (now.ReplicaOf(node) is not null)
        {
            return OperationOutcome.Done($"{node} has a replica of {name}");
        }

        if (await MakeStore(volume, now, node, cancellation).ConfigureAwait(false) is { } fault)
        {
            return OperationOutcome.Refused(fault);
        }

        return await Change(name, new Replication.Core.Control.AddReplica(node), $"{node} has a replica of {name}, which is being brought up to date", cancellation).ConfigureAwait(false);
    }

    private async Task<OperationOutcome> Replace(ManagementOperation.ReplaceReplica replace, CancellationToken cancellation)
    {
        if (RequireCatalog().Document.FindVolume(replace.Name) is not { } volume)
        {
            return NoVolume(replace.Name);
        }

        Configuration now = _state.ConfigurationOf(volume.Id) ?? volume.Decode();
        if (now.ReplicaOf(replace.By) is null && await MakeStore(volume, now, replace.By, cancellation).ConfigureAwait(false) is { } fault)
        {
            return OperationOutcome.Refused(fault);
        }

        return await Change(replace.Name, new Replication.Core.Control.ReplaceReplica(replace.Node, replace.By),
            $"{replace.By} has the replica and the vote that {replace.Node} had, and is brought up to date", cancellation).ConfigureAwait(false);
    }

    // Null: it is there, and its node has begun to know of it.
    private async Task<string?> MakeStore(CatalogVolume volume, Configuration now, string node, CancellationToken cancellation)
    {
        if (!_state.Hellos.TryGetValue(node, out NodeHello? hello) || !hello.IsStorage)
        {
            return $"{node} is no storage node of this cluster; those are {string.Join(", ", _state.Hellos.Values.Where(one => one.IsStorage).Select(one => one.From))}";
        }

        Control.ReplicaMade made = await _rpc.Make(node, volume.Id, volume.Name, now.SizeBytes, volume.LogicalBlockBytes, volume.PhysicalBlockBytes, s_makePatience, cancellation).ConfigureAwait(false);
        return made.Fault;
    }

    private async Task<OperationOutcome> Set(ManagementOperation.SetVolumeSettings set, CancellationToken cancellation)
    {
        if (RequireCatalog().Document.FindVolume(set.Name) is not { } volume)
        {
            return NoVolume(set.Name);
        }

        Configuration now = _state.ConfigurationOf(volume.Id) ?? volume.Decode();
        VolumeSettings settings = now.Settings with
        {
            PreferredPrimary = set.PreferredPrimary is null ? now.Settings.PreferredPrimary : set.PreferredPrimary.Length == 0 ? null : set.PreferredPrimary,
            OnNoQuorum = set.OnNoQuorum is { } policy ? (policy == OnNoQuorum.Fail ? NoQuorumPolicy.Fail : NoQuorumPolicy.Suspend) : now.Settings.OnNoQuorum,
            ConfirmReads = set.ConfirmReads ?? now.Settings.ConfirmReads,
        };
        return settings.PreferredPrimary is { } preferred && now.ReplicaOf(preferred) is null
            ? OperationOutcome.Refused($"{preferred} has no replica of {set.Name}")
            : await Change(set.Name, new ChangeSettings(settings), $"the settings of {set.Name} are changed", cancellation).ConfigureAwait(false);
    }

    // R7: at whatever node; the primary decides.
    private async Task<OperationOutcome> Change(string name, MemberChange change, string done, CancellationToken cancellation)
    {
        if (await SideOf(name, cancellation).ConfigureAwait(false) is not { } side)
        {
            return NoVolume(name);
        }

        if (side.Control is null)
        {
            OperationOutcome told = await AtPrimary(name, "change", JsonSerializer.Serialize(ChangeForm.Of(change), Json), cancellation).ConfigureAwait(false);
            return told.Kind == OutcomeKind.Done ? OperationOutcome.Done(done) : told;
        }

        ChangeOutcome outcome = await Request(side, change).ConfigureAwait(false);
        return outcome.End == ChangeEnd.Done ? OperationOutcome.Done(done) : ChangeForm.Outcome(outcome, name);
    }

    private Task<ChangeOutcome> Request(VolumeSide side, MemberChange change)
    {
        var told = new TaskCompletionSource<ChangeOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        _loop.Post(() =>
        {
            if (side.Control is { } control)
            {
                control.Request(change, outcome => _ = told.TrySetResult(outcome));
            }
            else
            {
                _ = told.TrySetResult(new ChangeOutcome(ChangeEnd.TryAgain, ChangeReason.NotServing));
            }
        });
        return told.Task.WaitAsync(s_operationPatience);
    }

    private async Task<VolumeSide?> SideOf(string name, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (RequireCatalog().Document.FindVolume(name) is not { } volume || _state.Side is not { } side)
        {
            return null;
        }

        // One that has just been heard of is taken up in a moment.
        long end = Environment.TickCount64 + (long)s_readPatience.TotalMilliseconds;
        while (true)
        {
            if (await _loop.Invoke(() => side.FindVolume(volume.Id)).ConfigureAwait(false) is { } found)
            {
                return found;
            }

            if (Environment.TickCount64 >= end)
            {
                throw new ManagementUnavailableException($"{Node} has just heard of volume {name} and does not know it well enough yet");
            }

            await Task.Delay(s_exportLook, cancellation).ConfigureAwait(false);
        }
    }

    private static async Task<bool> Until(Func<Task<bool>> there, CancellationToken cancellation)
    {
        DateTimeOffset end = DateTimeOffset.UtcNow + s_servePatience;
        while (DateTimeOffset.UtcNow < end)
        {
            if (await there().ConfigureAwait(false))
            {
                return true;
            }

            await Task.Delay(100, cancellation).ConfigureAwait(false);
        }

        return false;
    }

    private static OperationOutcome NoVolume(string name) => OperationOutcome.NotFound($"there is no volume {name}");

    private sealed record ReplicaMadeBy(string Node, Control.ReplicaMade Made);
}
