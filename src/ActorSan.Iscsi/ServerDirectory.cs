using System.Collections.Frozen;
using ActorSan.Iscsi.Login;

namespace ActorSan.Iscsi;

/// <summary>What the server offers, at one moment: immutable, replaced whole on a change, so that logins read it without a lock.</summary>
internal sealed class ServerDirectory : ILoginDirectory
{
    private readonly FrozenDictionary<string, TargetSettings> _byName;
    private readonly Func<string, string, ulong, ushort, SessionParameters?> _findSession;

    public ServerDirectory(
        IEnumerable<TargetSettings> targets,
        IReadOnlyList<PortalSettings> portals,
        IscsiServerOptions options,
        Func<string, string, ulong, ushort, SessionParameters?> findSession)
    {
        Targets = [.. targets.OrderBy(target => target.Name, StringComparer.Ordinal)];
        Portals = portals;
        DiscoveryChap = options.DiscoveryChap;
        DiscoverySession = options.DiscoverySession;
        _findSession = findSession;
        _byName = Targets.ToFrozenDictionary(target => target.Name, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>By name.</summary>
    public IReadOnlyList<TargetSettings> Targets { get; }

    public IReadOnlyList<PortalSettings> Portals { get; }

    public ChapSettings? DiscoveryChap { get; }

    public SessionSettings DiscoverySession { get; }

    public TargetSettings? Find(string name) => _byName.GetValueOrDefault(name);

    public TargetSettings? FindTarget(string name, ushort portalGroupTag)
    {
        TargetSettings? target = Find(name);
        return target is not null && target.PortalGroups.Any(group => group.GroupTag == portalGroupTag) ? target : null;
    }

    public SessionParameters? FindSession(string initiatorName, string targetName, ulong isid, ushort tsih) => _findSession(initiatorName, targetName, isid, tsih);
}
