using System.Globalization;
using System.Net;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Node.Hocon;

namespace ActorSan.Node.Settings;

/// <summary><c>actorsan.targets</c>.</summary>
internal sealed class TargetReader
{
    /// <summary>Flat space and extended flat space addressing end here (SAM-5 §4.7.7).</summary>
    private const ulong MaxLun = 0xFF_FFFF;
    private readonly Section _targetTemplate;
    private readonly Section _initiatorTemplate;
    private readonly Section _lunTemplate;
    private readonly IReadOnlyList<PortalGroupSettings> _groups;
    private readonly IReadOnlyList<PortalConfiguration> _portals;
    private readonly ChapReader _chap;

    public TargetReader(HostFacts host, Section defaults, IReadOnlyList<PortalGroupSettings> groups, IReadOnlyList<PortalConfiguration> portals)
    {
        _targetTemplate = defaults.Sub("target");
        _initiatorTemplate = defaults.Sub("initiator");
        _lunTemplate = defaults.Sub("lun");
        _groups = groups;
        _portals = portals;
        _chap = new ChapReader(host);
    }

    public IReadOnlyList<TargetConfiguration> Read(Section root)
    {
        ReadTarget(_targetTemplate);
        ReadInitiator(_initiatorTemplate);
        ReadLun(_lunTemplate, 0);
        return [.. root.Named("targets", _targetTemplate).Select(ReadTarget)];
    }

    private TargetConfiguration ReadTarget(Section target)
    {
        IReadOnlyList<PortalGroupSettings> groups = ReadPortalGroups(target);
        List<InitiatorAccess> initiators = [.. target.Items("initiators", _initiatorTemplate, shortKey: "name").Select(ReadInitiator)];
        ChapSettings? chap = _chap.Read(target.Sub("chap"));
        bool open = target.Word("access", ("list", false), ("open", true));
        if (!open && initiators.Count == 0)
        {
            // Whoever proves himself by CHAP comes in; so does, with neither list nor CHAP, whoever is on this machine.
            open = true;
            RefuseUnguarded(target, groups, chap);
        }

        return new TargetConfiguration
        {
            Name = target.Name,
            Iqn = ReadIqn(target),
            Alias = target.Text("alias"),
            Open = open,
            Initiators = initiators,
            Chap = chap,
            Luns = [.. target.Named("luns", _lunTemplate, shortKey: "volume").Select(ReadNumberedLun).OfType<LunConfiguration>().OrderBy(lun => lun.Number)],
            PortalGroups = groups,
            Session = SessionReader.Read(target.Sub("session")),
            Redirect = ReadRedirect(target.Sub("redirect")),
        };
    }

    private void RefuseUnguarded(Section target, IReadOnlyList<PortalGroupSettings> groups, ChapSettings? chap)
    {
        IEnumerable<PortalConfiguration> exposed = _portals.Where(portal => !portal.IsLoopback && groups.Any(group => group.GroupTag == portal.GroupTag));
        if (!target.IsTemplate && chap is null && exposed.FirstOrDefault() is { } portal)
        {
            target.Report(SettingsFault.Unsafe, "access",
                $"a target with neither initiators nor chap would be open to everyone who reaches portal '{portal.Name}' ({portal.Address}); name them, or write access = open");
        }
    }

    private static string ReadIqn(Section target)
    {
        string written = target.Text("iqn");
        string name = (written.Length > 0 ? written : target.Name).ToLowerInvariant();
        if (!target.IsTemplate && IscsiName.Fault(name) is { } fault)
        {
            target.Report(SettingsFault.IllTyped, "iqn", written.Length > 0 ? $"'{written}': {fault}" : $"must be given, as the target's key is no iSCSI name ({fault})");
        }

        return name;
    }

    private IReadOnlyList<PortalGroupSettings> ReadPortalGroups(Section target)
    {
        IReadOnlyList<(string Text, HoconOrigin Origin)> words = target.Texts("portal-groups");
        if (words is [("all", _)])
        {
            return _groups;
        }

        var chosen = new List<PortalGroupSettings>();
        foreach ((string text, _) in words)
        {
            if (!ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort tag))
            {
                target.Report(SettingsFault.IllTyped, "portal-groups", $"'{text}' is neither all nor a portal group tag");
            }
            else if (_groups.FirstOrDefault(group => group.GroupTag == tag) is { } group)
            {
                chosen.Add(group);
            }
            else
            {
                target.Report(SettingsFault.Conflict, "portal-groups", $"no portal is in group {tag}");
            }
        }

        return chosen;
    }

    private InitiatorAccess ReadInitiator(Section initiator)
    {
        string pattern = initiator.Required("name", "the initiator's name, or a pattern with *,").ToLowerInvariant();
        if (pattern.Length > 0 && IscsiName.PatternFault(pattern) is { } fault)
        {
            initiator.Report(SettingsFault.IllTyped, "name", $"'{pattern}': {fault}");
        }

        return new InitiatorAccess { Pattern = pattern, Luns = ReadVisibleLuns(initiator), Chap = _chap.Read(initiator.Sub("chap")) };
    }

    private static IReadOnlyList<ulong>? ReadVisibleLuns(Section initiator)
    {
        IReadOnlyList<(string Text, HoconOrigin Origin)> words = initiator.Texts("luns");
        if (words is [("all", _)])
        {
            return null;
        }

        var luns = new List<ulong>();
        foreach ((string text, _) in words)
        {
            if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong lun) && lun <= MaxLun)
            {
                luns.Add(lun);
            }
            else
            {
                initiator.Report(SettingsFault.IllTyped, "luns", $"'{text}' is neither all nor a LUN, 0 to {MaxLun}");
            }
        }

        return luns;
    }

    private LunConfiguration? ReadNumberedLun(Section lun)
    {
        LunConfiguration? read = null;
        if (ulong.TryParse(lun.Name, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) && number <= MaxLun)
        {
            read = ReadLun(lun, number);
        }
        else
        {
            lun.Report(SettingsFault.IllTyped, "", $"a logical unit is named by its LUN, 0 to {MaxLun}");
            ReadLun(lun, 0);
        }

        return read;
    }

    private static LunConfiguration ReadLun(Section lun, ulong number) => new()
    {
        Number = number,
        Volume = lun.Required("volume", "the volume behind the logical unit"),
        Removable = lun.Flag("removable"),
        ReadOnly = lun.Flag("read-only"),
    };

    private static RedirectSettings? ReadRedirect(Section redirect)
    {
        string address = redirect.Text("address");
        bool permanent = redirect.Flag("permanent");
        if (address.Length == 0)
        {
            return null;
        }

        if (!IPEndPoint.TryParse(address.Split(',')[0], out _))
        {
            redirect.Report(SettingsFault.IllTyped, "address", $"'{address}' is no address with a port, like 192.0.2.7:3260");
        }

        return new RedirectSettings(address, permanent);
    }
}
