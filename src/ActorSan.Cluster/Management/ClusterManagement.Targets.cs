using System.Text.Json;
using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Management;

/// <summary>Targets: reports and changes, all in the catalog.</summary>
public sealed partial class ClusterManagement
{
    private const int MostLuns = 255;

    public async Task<Gathered<TargetReport>> Targets(CancellationToken cancellation)
    {
        CatalogNow catalog = RequireCatalog();
        Gathered<SessionReport> sessions = await Sessions(cancellation).ConfigureAwait(false);
        return new Gathered<TargetReport>([.. catalog.Document.Targets.Select(target => ReportOf(target, catalog.Document, sessions.Items))], sessions.Silent);
    }

    public async Task<TargetReport?> Target(string iqn, CancellationToken cancellation) =>
        (await Targets(cancellation).ConfigureAwait(false)).Items.FirstOrDefault(target => target.Iqn == iqn);

    private TargetReport ReportOf(CatalogTarget target, CatalogDocument catalog, IReadOnlyList<SessionReport> sessions)
    {
        Configuration? first = target.Luns.Select(lun => _state.ConfigurationOf(lun.Volume)).FirstOrDefault(configuration => configuration is not null);
        return new TargetReport(
            target.Iqn,
            target.Alias,
            [.. target.Luns.OrderBy(lun => lun.Number).Select(lun => new LunReport((ulong)lun.Number, catalog.FindVolume(lun.Volume)?.Name ?? lun.Volume.ToString(), lun.ReadOnly))],
            [
                .. _state.Hellos.Values.Where(hello => hello.IsStorage).OrderBy(hello => hello.From, StringComparer.Ordinal)
                    .SelectMany(hello => hello.Portals.Select(portal => new PortalReport(hello.From, portal.Address, (ushort)portal.GroupTag, first?.Primary?.Node == hello.From ? "active/optimized" : "standby"))),
            ],
            target.Open,
            [.. target.Initiators.Select(initiator => initiator.Name)],
            target.Chap?.User,
            target.Chap?.MutualUser,
            [.. sessions.Where(session => session.Target == target.Iqn)]);
    }

    /// <summary>Done means done: an initiator that logs in now finds at every node that is there what it was told. A node that is slow is not waited for longer than a few seconds; it follows.</summary>
    private async Task AwaitExport(string iqn, CancellationToken cancellation)
    {
        if (_state.Catalog is not { } catalog)
        {
            return;
        }

        // Of a target that is gone: no LUN, and that nothing is exported.
        ulong[]? luns = catalog.Document.FindTarget(iqn) is { } target
            ? [.. target.Luns.Where(lun => catalog.Document.FindVolume(lun.Volume) is not null).Select(lun => (ulong)lun.Number).Order()]
            : null;
        var expected = new ExpectedExport(iqn, catalog.Value.Version, luns);
        MembershipView view;
        try
        {
            view = await View(cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // It is done all the same: only whether everybody follows already is not known.
            return;
        }

        await Task.WhenAll(_state.Hellos.Values.Where(hello => hello.IsStorage && IsReachable(view, hello.From)).Select(async hello =>
        {
            if (hello.From == Node)
            {
                _ = await Exports(expected, cancellation).ConfigureAwait(false);
            }
            else
            {
                _ = await TryAsk<ExportAnswer>(hello.From, "exports", JsonSerializer.Serialize(expected, Json), cancellation, s_exportPatience + s_askPatience).ConfigureAwait(false);
            }
        })).ConfigureAwait(false);
    }

    private async Task<ExportAnswer> Exports(ExpectedExport expected, CancellationToken cancellation)
    {
        long end = Environment.TickCount64 + (long)s_exportPatience.TotalMilliseconds;
        while (_state.FollowedVersion < expected.Version || !IsSo(expected, _state.ExportedLuns(expected.Iqn)))
        {
            if (Environment.TickCount64 >= end)
            {
                return new ExportAnswer(false);
            }

            await Task.Delay(s_exportLook, cancellation).ConfigureAwait(false);
        }

        return new ExportAnswer(true);
    }

    private static bool IsSo(ExpectedExport expected, IReadOnlyList<ulong>? luns) => expected.Luns is null ? luns is null : luns is not null && luns.Order().SequenceEqual(expected.Luns);

    private async Task<OperationOutcome> DoTarget(ManagementOperation operation, CancellationToken cancellation)
    {
        string done = "";
        string? missing = null;
        string? fault = await ChangeCatalog((CatalogDocument now, out string? why) =>
        {
            (missing, why) = (null, null);
            return Changed(now, operation, ref why, ref missing, ref done);
        }).ConfigureAwait(false);
        if (missing is null && fault is null)
        {
            await AwaitExport(IqnOf(operation), cancellation).ConfigureAwait(false);
        }

        return missing is not null && fault == "!" ? OperationOutcome.NotFound(missing)
            : fault is null ? OperationOutcome.Done(done)
            : fault.StartsWith('!') ? OperationOutcome.Refused(fault[1..])
            : OperationOutcome.TryAgain(fault);
    }

    private string IqnOf(ManagementOperation operation) => operation switch
    {
        ManagementOperation.CreateTarget one => one.Iqn,
        ManagementOperation.DeleteTarget one => one.Iqn,
        ManagementOperation.MapLun one => one.Iqn,
        ManagementOperation.UnmapLun one => one.Iqn,
        ManagementOperation.AllowInitiator one => one.Iqn,
        ManagementOperation.DenyInitiator one => one.Iqn,
        ManagementOperation.SetChap one => one.Iqn,
        _ => throw new NodeFaultException($"{Node} does not know how to do {operation.GetType().Name}"),
    };

    // Refusals begin with '!', so that they are told apart from a register that can't decide.
    private CatalogDocument? Changed(CatalogDocument now, ManagementOperation operation, ref string? why, ref string? missing, ref string done)
    {
        string iqn = IqnOf(operation);
        CatalogTarget? target = now.FindTarget(iqn);
        if (operation is ManagementOperation.CreateTarget create)
        {
            why = target is not null ? $"!there is a target {iqn} already" : _settings.Targets.Any(own => own.Iqn == iqn) ? $"!{Node} has a target {iqn} of its own in its configuration" : null;
            done = $"target {iqn} is made{(create.Open ? "; everyone may log in" : "; nobody may log in until 'target allow' or 'target chap'")}";
            return why is null ? now.With(new CatalogTarget(iqn, create.Alias, create.Open, [], [], null)) : null;
        }

        if (target is null)
        {
            (missing, why) = ($"there is no target {iqn}", "!");
            return null;
        }

        switch (operation)
        {
            case ManagementOperation.DeleteTarget:
                done = $"target {iqn} is deleted; its sessions end";
                return now.Without(target);
            case ManagementOperation.MapLun map:
                return Mapped(now, target, map, ref why, ref missing, ref done);
            case ManagementOperation.UnmapLun unmap:
                if (target.Luns.All(lun => lun.Number != (long)unmap.Lun))
                {
                    (missing, why) = ($"target {iqn} has no LUN {unmap.Lun}", "!");
                    return null;
                }

                done = $"LUN {unmap.Lun} of {iqn} is gone";
                return now.With(target with { Luns = [.. target.Luns.Where(lun => lun.Number != (long)unmap.Lun)] });
            case ManagementOperation.AllowInitiator allow:
                done = $"{allow.Initiator} may log in to {iqn}";
                return target.Initiators.Any(initiator => initiator.Name == allow.Initiator) ? null : now.With(target with { Initiators = [.. target.Initiators, new CatalogInitiator(allow.Initiator, null)] });
            case ManagementOperation.DenyInitiator deny:
                if (target.Initiators.All(initiator => initiator.Name != deny.Initiator))
                {
                    (missing, why) = ($"{deny.Initiator} is not in the list of {iqn}{(target.Open ? ", which is open to everyone" : "")}", "!");
                    return null;
                }

                done = $"{deny.Initiator} may log in to {iqn} no more";
                return now.With(target with { Initiators = [.. target.Initiators.Where(initiator => initiator.Name != deny.Initiator)] });
            default:
                var chap = (ManagementOperation.SetChap)operation;
                done = chap.User is null ? $"{iqn} asks for no CHAP" : $"{iqn} asks for CHAP of {chap.User}";
                var box = new SecretBox(_parts.Key);
                return now.With(target with
                {
                    Chap = chap.User is null ? null : new CatalogChap(chap.User, box.Seal(chap.Secret!), chap.MutualUser, chap.MutualSecret is { } secret ? box.Seal(secret) : null),
                });
        }
    }

    private static CatalogDocument? Mapped(CatalogDocument now, CatalogTarget target, ManagementOperation.MapLun map, ref string? why, ref string? missing, ref string done)
    {
        if (now.FindVolume(map.Volume) is not { } volume)
        {
            (missing, why) = ($"there is no volume {map.Volume}", "!");
            return null;
        }

        if (map.Lun is null && target.Luns.FirstOrDefault(lun => lun.Volume == volume.Id && lun.ReadOnly == map.ReadOnly) is { } there)
        {
            // Given again after an answer that was lost: one is meant, not another each time.
            done = $"volume {map.Volume} is LUN {there.Number} of {target.Iqn}";
            return null;
        }

        long number = map.Lun is { } asked ? (long)asked : Enumerable.Range(0, MostLuns + 1).Select(one => (long)one).First(one => target.Luns.All(lun => lun.Number != one));
        if (target.Luns.FirstOrDefault(lun => lun.Number == number) is { } taken)
        {
            done = $"volume {map.Volume} is LUN {number} of {target.Iqn}";
            why = taken.Volume == volume.Id && taken.ReadOnly == map.ReadOnly ? null : $"!LUN {number} of {target.Iqn} shows another volume: unmap it first";
            return null;
        }

        done = $"volume {map.Volume} is LUN {number} of {target.Iqn}";
        return now.With(target with { Luns = [.. target.Luns.Append(new CatalogLun(number, volume.Id, map.ReadOnly)).OrderBy(lun => lun.Number)] });
    }
}
