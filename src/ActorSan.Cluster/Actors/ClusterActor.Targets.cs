using System.Security.Cryptography;
using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Scsi;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary>The catalog's targets, exported by every data node with one identity, and the port groups of all nodes.</summary>
public sealed partial class ClusterActor
{
    private readonly Dictionary<string, string> _told = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _toldVersion = new(StringComparer.Ordinal);
    private long _catalogVersion;

    private void FollowTargets()
    {
        if (_catalog is not { } catalog || _stores is null)
        {
            return;
        }

        foreach (CatalogTarget target in catalog.Targets)
        {
            TargetConfiguration configuration;
            try
            {
                configuration = ConfigurationOf(target, catalog);
            }
            catch (Exception failure) when (failure is CryptographicException or FormatException)
            {
                _log.Error("Target {Target} is not exported: a secret of it can't be opened with this cluster's key: {Reason}. Set it again with 'target chap'", target.Iqn, failure.Message);
                continue;
            }

            NodePortal[] remote = [.. _hellos.Values.Where(hello => hello.From != _settings.Name && hello.IsStorage).SelectMany(hello => hello.Portals)];

            // Told only when something of it is another than before: each telling reaches every session.
            string what = System.Text.Json.JsonSerializer.Serialize(target) + string.Join(' ', remote.Select(portal => portal.ToString()))
                + string.Join(' ', configuration.Luns.Select(lun => lun.ToString()));
            if (_told.GetValueOrDefault(target.Iqn) != what)
            {
                _told[target.Iqn] = what;
                _ = _exported.Add(target.Iqn);
                _state.ForgetExported(target.Iqn);
                _toldVersion[target.Iqn] = _catalogVersion;
                Context.Parent.Tell(new PutTarget(configuration, remote, _catalogVersion));
            }
        }

        foreach (string iqn in _exported.Where(iqn => catalog.FindTarget(iqn) is null).ToArray())
        {
            _ = _exported.Remove(iqn);
            _ = _told.Remove(iqn);
            _ = _toldVersion.Remove(iqn);
            _state.ForgetExported(iqn);
            Context.Parent.Tell(new DropTarget(iqn));
        }

        _state.SetFollowed(_catalogVersion);
    }

    // What an older telling brought about says nothing of the newest.
    private void OnExported(TargetExported exported)
    {
        string iqn = exported.Summary.Iqn;
        if (_toldVersion.TryGetValue(iqn, out long told) && exported.Version >= told)
        {
            _state.SetExported(iqn, exported.Summary.Luns);
        }
    }

    private void OnLetGo(LetInitiatorsGo letGo)
    {
        if (_catalog?.FindVolume(letGo.VolumeId) is { } volume)
        {
            Context.Parent.Tell(new LetSessionsGo(volume.Name));
        }
    }

    private TargetConfiguration ConfigurationOf(CatalogTarget target, CatalogDocument catalog) => new()
    {
        Name = target.Iqn,
        Iqn = target.Iqn,
        Alias = target.Alias,
        Open = target.Open,
        Initiators = [.. target.Initiators.Select(initiator => new InitiatorAccess { Pattern = initiator.Name, Chap = ChapOf(initiator.Chap) })],
        Chap = ChapOf(target.Chap),
        Luns = [.. target.Luns.Where(lun => catalog.FindVolume(lun.Volume) is not null).OrderBy(lun => lun.Number)
            .Select(lun => new LunConfiguration { Number = (ulong)lun.Number, Volume = catalog.FindVolume(lun.Volume)!.Name, Removable = false, ReadOnly = lun.ReadOnly })],
        PortalGroups = _settings.PortalGroups,
        Session = new SessionSettings(),
        Redirect = null,
    };

    private ChapSettings? ChapOf(CatalogChap? chap)
    {
        if (chap is null)
        {
            return null;
        }

        var box = new SecretBox(_parts.Key);
        return new ChapSettings
        {
            UserName = chap.User,
            Secret = box.Open(chap.Secret),
            MutualUserName = chap.MutualUser,
            MutualSecret = chap.MutualSecret is { } secret ? box.Open(secret) : null,
        };
    }

    // SPC-4 §5.15: a group for each node's ports; the primary's is active. Of its own the unit knows whether it serves.
    private void TellPortGroups(Entry entry)
    {
        if (entry.Unit is not { } unit)
        {
            return;
        }

        string? primary = entry.Latest?.Primary?.Node;
        unit.SetPortGroups(Groups(null), Groups(primary));

        TargetPortGroup[] Groups(string? active) =>
        [
            .. _hellos.Values.Where(hello => hello.IsStorage).SelectMany(hello => hello.Portals.Select(portal => (Node: hello.From, Portal: portal)))
                .GroupBy(one => one.Portal.PortGroup).OrderBy(group => group.Key)
                .Select(group =>
                {
                    bool isOwn = group.First().Node == _settings.Name;
                    return new TargetPortGroup
                    {
                        Id = ushort.CreateChecked(group.Key),
                        RelativePorts = [.. group.Select(one => ushort.CreateChecked(one.Portal.RelativePort)).Distinct().Order()],
                        IsOwn = isOwn,
                        State = isOwn || group.First().Node == active ? PortGroupState.ActiveOptimized : PortGroupState.Standby,
                        Preferred = entry.Latest?.Settings.PreferredPrimary == group.First().Node,
                    };
                }),
        ];
    }

}
