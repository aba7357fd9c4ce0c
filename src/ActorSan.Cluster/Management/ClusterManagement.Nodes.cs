using System.Globalization;
using System.Text.Json;
using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Management;

/// <summary>What is done on one node, here or there: by force, discards, verifies, drains.</summary>
public sealed partial class ClusterManagement
{
    private Task<OperationOutcome> AtPrimary(string name, string kind, string text, CancellationToken cancellation)
    {
        if (RequireCatalog().Document.FindVolume(name) is not { } volume)
        {
            return Task.FromResult(NoVolume(name));
        }

        return (_state.ConfigurationOf(volume.Id) ?? volume.Decode()).Primary is { } primary
            ? Send(primary.Node, new RemoteOperation(kind, volume.Id, [], [], [], 0, text), cancellation)
            : Task.FromResult(OperationOutcome.TryAgain($"nobody is primary of volume {name}"));
    }

    private Task<OperationOutcome> At(string name, string node, string kind, CancellationToken cancellation) =>
        RequireCatalog().Document.FindVolume(name) is { } volume
            ? Send(node, new RemoteOperation(kind, volume.Id, [], [], [], 0, ""), cancellation)
            : Task.FromResult(NoVolume(name));

    private async Task<OperationOutcome> Force(ManagementOperation.PromoteVolume promote, CancellationToken cancellation)
    {
        if (RequireCatalog().Document.FindVolume(promote.Name) is not { } volume)
        {
            return NoVolume(promote.Name);
        }

        IReadOnlyList<string> voters = promote.Force!.Voters.Count > 0 ? promote.Force.Voters : [promote.Node];
        return await Send(promote.Node, new RemoteOperation("force", volume.Id, voters, promote.Force.MayLose, promote.Force.Discards, 0, ""), cancellation).ConfigureAwait(false);
    }

    private Task<OperationOutcome> Resync(ManagementOperation.ResyncVolume resync, CancellationToken cancellation)
    {
        // A replica that is out is attached and resynced by itself, without an order: what can be ordered is that all of it is compared.
        return resync.Whole ? AtPrimary(resync.Name, "verify", "", cancellation) : AtPrimary(resync.Name, "resync", resync.Node ?? "", cancellation);
    }

    private async Task<OperationOutcome> Kick(ManagementOperation.KickSession kick, CancellationToken cancellation) =>
        await Send(kick.Node, new RemoteOperation("kick", Guid.Empty, [], [], [], kick.Id, ""), cancellation).ConfigureAwait(false);

    private async Task<OperationOutcome> Send(string node, RemoteOperation operation, CancellationToken cancellation)
    {
        if (node == Node)
        {
            return await DoHere(operation, cancellation).ConfigureAwait(false);
        }

        if (!_state.Hellos.ContainsKey(node))
        {
            return OperationOutcome.NotFound($"there is no node {node}");
        }

        string answer = await _rpc.Ask(node, "do", JsonSerializer.Serialize(operation, Json), s_operationPatience, cancellation).ConfigureAwait(false);
        return JsonSerializer.Deserialize<OperationOutcome>(answer, Json)!;
    }

    private async Task<OperationOutcome> DoHere(RemoteOperation operation, CancellationToken cancellation)
    {
        if (operation.Kind == "kick")
        {
            return await _local.Kick(operation.Session, cancellation).ConfigureAwait(false)
                ? OperationOutcome.Done($"session {operation.Session} of {Node} is ended")
                : OperationOutcome.NotFound($"{Node} has no session {operation.Session}");
        }

        if (operation.Kind == "leave")
        {
            return await _local.Member(new ManagementOperation.LeaveCluster(Node), cancellation).ConfigureAwait(false);
        }

        if (_state.Side is not { } all || await _loop.Invoke(() => all.FindVolume(operation.Volume)).ConfigureAwait(false) is not { Control: { } control } side)
        {
            return OperationOutcome.Refused($"{Node} has no replica of that volume");
        }

        switch (operation.Kind)
        {
            case "handover":
                (bool isMember, bool begun) = await _loop.Invoke(() => (control.Known?.MemberOf(operation.Text) is not null, control.RequestHandOver(operation.Text))).ConfigureAwait(false);
                return begun ? await HandedOver(side.Catalog.Name, control, cancellation).ConfigureAwait(false)
                    : isMember ? OperationOutcome.TryAgain($"{Node} does not serve it now, or a handover is under way")
                    : OperationOutcome.Refused($"{operation.Text} is not in sync: it may lack writes that were acknowledged", "P2");
            case "verify":
                side.Volume!.Post(new Verify());
                return OperationOutcome.Done($"{Node} compares all replicas that are in sync, while it serves; 'volume history {side.Catalog.Name}' tells what it found");
            case "resync":
                // Attached at the next tick anyhow; now means now.
                Replication.Volume.ReplicaReport? report = await side.Volume!.Report().ConfigureAwait(false);
                string[] behind = [.. (report?.Serving?.Peers ?? []).Where(peer => !peer.IsMember && (operation.Text.Length == 0 || peer.Node == operation.Text)).Select(peer => peer.IsAttached ? $"{peer.Node}: {peer.ToCopyBytes} bytes to send" : $"{peer.Node}: {(peer.IsLinkUp ? "is being attached" : "no link")}")];
                return OperationOutcome.Done(behind.Length == 0 ? "every replica is in sync" : $"a replica that is out is brought up to date by itself: {string.Join("; ", behind)}");
            case "resize":
                return await ResizeHere(side, long.Parse(operation.Text, CultureInfo.InvariantCulture), cancellation).ConfigureAwait(false);
            case "change":
                ChangeOutcome change = await Request(side, JsonSerializer.Deserialize<ChangeForm>(operation.Text, Json)!.ToChange()).ConfigureAwait(false);
                return change.End == ChangeEnd.Done ? OperationOutcome.Done("decided") : ChangeForm.Outcome(change, side.Catalog.Name);
            case "discard":
                string? refused = await _loop.Invoke(() => control.DiscardedBy is { Count: > 0 } by ? (control.RequestDiscard(by[0]) ? null : "its store has failed, or another order is under way") : "nothing is to be discarded here").ConfigureAwait(false);
                return refused is null ? OperationOutcome.Done($"{Node} gives up what only its replica has, and is resynced") : OperationOutcome.Refused($"{Node}: {refused}", "P11");
            case "force":
                return await ForceHere(side, control, operation).ConfigureAwait(false);
            default:
                throw new NodeFaultException($"{Node} does not know the order '{operation.Kind}': it runs another release");
        }
    }

    // Draining, fencing and the round have their own time limits: this ends.
    private async Task<OperationOutcome> HandedOver(string name, VolumeControl control, CancellationToken cancellation)
    {
        while (true)
        {
            (VolumeRole role, string? failure) = await _loop.Invoke(() => (control.Role, control.HandOverFailure)).ConfigureAwait(false);
            if (failure is not null)
            {
                return OperationOutcome.TryAgain($"{Node} did not hand {name} over: {failure}. See 'volume history {name}'");
            }

            if (role != VolumeRole.HandingOver)
            {
                return OperationOutcome.Done("handed over");
            }

            await Task.Delay(20, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<OperationOutcome> ForceHere(VolumeSide side, VolumeControl control, RemoteOperation operation)
    {
        var voters = new List<VoterId>();
        foreach (string voter in operation.Voters)
        {
            if (!_state.Hellos.TryGetValue(voter, out NodeHello? hello))
            {
                return OperationOutcome.Refused($"{voter} is to vote and was never heard of: only nodes that are up can", "P11");
            }

            voters.Add(hello.Voter);
        }

        var told = new TaskCompletionSource<ForceOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        var order = new ForceOrder { Voters = [.. voters], MayLose = [.. operation.MayLose], Discards = [.. operation.Discards] };
        _loop.Post(() => control.Force(order, outcome => _ = told.TrySetResult(outcome)));
        ForceOutcome ended = await told.Task.WaitAsync(s_operationPatience).ConfigureAwait(false);
        return ended.End switch
        {
            ForceEnd.Begun => OperationOutcome.Done($"{Node} goes on with {side.Catalog.Name} in a new lineage {ended.First?.Lineage}; replicas of the old one wait for 'volume discard'"),
            ForceEnd.NotAccepted => OperationOutcome.Refused($"{string.Join(", ", ended.Nodes)} may have acknowledged writes that {Node} has not: name them with --may-lose to give those up", "P11"),
            ForceEnd.Leased => OperationOutcome.TryAgain($"voter {ended.Voter?.Node} has granted a lease that still runs, or has just restarted: somebody may be serving. Look at 'volume why', wait, and try again"),
            ForceEnd.Unknown => OperationOutcome.Refused($"voter {ended.Voter?.Node} has another journal, or refuses this lineage", "P11"),
            ForceEnd.Refused => OperationOutcome.Refused($"another lineage {ended.By} exists: name it with --discard to give up what it has", "P11"),
            ForceEnd.TimedOut => OperationOutcome.TryAgain("not all voters have answered; the same order goes on where this one stopped"),
            ForceEnd.StoreFailed => OperationOutcome.Refused($"the store of {Node} has failed", "P11"),
            _ => OperationOutcome.Refused($"{Node} has no replica that could serve, or an order is under way", "P11"),
        };
    }

    private async Task<OperationOutcome> SetDrained(string node, bool drained, CancellationToken cancellation)
    {
        if (!_state.Hellos.ContainsKey(node))
        {
            return OperationOutcome.NotFound($"there is no node {node}");
        }

        if (await ChangeCatalog((CatalogDocument now, out string? why) =>
            {
                why = null;
                CatalogNode before = now.Nodes.FirstOrDefault(one => one.Name == node) ?? new CatalogNode(node, false, false);
                return now.With(before with { Drained = drained });
            }).ConfigureAwait(false) is { } fault)
        {
            return OperationOutcome.TryAgain(fault);
        }

        if (!drained)
        {
            return OperationOutcome.Done($"{node} may serve again");
        }

        var left = new List<string>();
        foreach (string name in PrimaryOf(node))
        {
            OperationOutcome moved = await HandOver(name, null, cancellation).ConfigureAwait(false);
            if (moved.Kind != OutcomeKind.Done)
            {
                left.Add($"{name}: {moved.Sentence}");
            }
        }

        return left.Count == 0
            ? OperationOutcome.Done($"{node} is drained: it serves no volume, and takes none as long as another node can")
            : OperationOutcome.TryAgain($"{node} is drained but for {string.Join("; ", left)}");
    }

    // A node that never returns: what it had is given up, volume by volume; the primaries decide.
    private async Task<OperationOutcome> Forget(string node, CancellationToken cancellation)
    {
        CatalogNow catalog = RequireCatalog();
        MembershipView view = await View(cancellation).ConfigureAwait(false);
        if (IsReachable(view, node))
        {
            return OperationOutcome.Refused($"{node} is up: stop it first ('cluster leave {node}'), or drain it");
        }

        var left = new List<string>();
        foreach (CatalogVolume volume in catalog.Document.Volumes)
        {
            Configuration now = _state.ConfigurationOf(volume.Id) ?? volume.Decode();
            if (now.ReplicaOf(node) is not null)
            {
                await Note(volume.Name, new Replication.Core.Control.RemoveReplica(node)).ConfigureAwait(false);
            }
            else if (now.IsVoter(node))
            {
                await Note(volume.Name, new Replication.Core.Control.RemoveVoter(node)).ConfigureAwait(false);
            }
        }

        if (left.Count > 0)
        {
            return OperationOutcome.TryAgain($"{node} is not forgotten: {string.Join("; ", left)}");
        }

        string? fault = await ReplaceCatalogVoter(node, view).ConfigureAwait(false);
        return fault is null
            ? OperationOutcome.Done($"{node} is forgotten: it has no replica and no vote any more")
            : OperationOutcome.TryAgain($"{node} has no replica and no vote in a volume any more, but still one in the catalog: {fault}");

        async Task Note(string name, MemberChange change)
        {
            OperationOutcome outcome = await Change(name, change, "done", cancellation).ConfigureAwait(false);
            if (outcome.Kind != OutcomeKind.Done)
            {
                left.Add($"{name}: {outcome.Sentence}");
            }
        }
    }

    private Task<string?> ReplaceCatalogVoter(string node, MembershipView view)
    {
        if (_state.Catalog is not { } catalog || !catalog.Value.Voters.Any(voter => voter.Node == node))
        {
            return Task.FromResult<string?>(null);
        }

        // Who takes its place: a member that does not vote yet, a witness before others; without one the rest go on alone.
        NodeHello? by = _state.Hellos.Values.Where(hello => IsReachable(view, hello.From) && !catalog.Value.Voters.Any(voter => voter.Node == hello.From))
            .OrderBy(hello => hello.IsStorage).ThenBy(hello => hello.From, StringComparer.Ordinal).FirstOrDefault();
        var told = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        ControlSide side = _state.Side!;
        _loop.Post(() => side.ChangeCatalogVoters(node, by?.Voter, fault => _ = told.TrySetResult(fault)));
        return told.Task.WaitAsync(s_operationPatience);
    }
}
