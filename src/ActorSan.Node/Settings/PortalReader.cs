using System.Globalization;
using System.Net;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;

namespace ActorSan.Node.Settings;

/// <summary><c>actorsan.portals</c> and <c>actorsan.portal-groups</c>.</summary>
internal static class PortalReader
{
    public static IReadOnlyList<PortalConfiguration> ReadPortals(Section root, Section template)
    {
        ReadPortal(template);
        return [.. root.Named("portals", template).Select(ReadPortal)];
    }

    /// <summary>A group for every tag that a portal has, and ids from <c>portal-groups.&lt;tag&gt;</c> or, where it says nothing, the tag itself.</summary>
    public static IReadOnlyList<PortalGroupSettings> ReadGroups(Section root, Section template, IReadOnlyList<PortalConfiguration> portals)
    {
        ReadGroup(template, 1);
        var groups = new SortedDictionary<ushort, PortalGroupSettings>();
        foreach (Section section in root.Named("portal-groups", template))
        {
            if (!ushort.TryParse(section.Name, NumberStyles.None, CultureInfo.InvariantCulture, out ushort tag) || tag == 0)
            {
                section.Report(SettingsFault.IllTyped, "", "a portal group is named by its tag, 1 to 65535");
            }
            else if (portals.All(portal => portal.GroupTag != tag))
            {
                section.Report(SettingsFault.Conflict, "", $"no portal is in group {tag}");
            }
            else
            {
                groups[tag] = ReadGroup(section, tag);
            }
        }

        foreach (ushort tag in portals.Select(portal => portal.GroupTag))
        {
            groups.TryAdd(tag, new PortalGroupSettings { GroupTag = tag, RelativePortId = tag, PortGroupId = tag });
        }

        return [.. groups.Values];
    }

    private static PortalConfiguration ReadPortal(Section portal)
    {
        string text = portal.Required("address", "the address to listen on");
        if (!IPAddress.TryParse(text.Trim('[', ']'), out IPAddress? address))
        {
            if (text.Length > 0)
            {
                portal.Report(SettingsFault.IllTyped, "address", $"'{text}' is no IPv4 or IPv6 address");
            }

            address = IPAddress.Loopback;
        }

        return new PortalConfiguration
        {
            Name = portal.Name,
            Address = new IPEndPoint(address, (int)portal.Integer("port", 0, 65535)),
            GroupTag = (ushort)portal.Integer("group", 1, 65535),
            Advertised = ReadAdvertised(portal),
        };
    }

    private static IPEndPoint? ReadAdvertised(Section portal)
    {
        string text = portal.Text("advertised");
        if (text.Length == 0)
        {
            return null;
        }

        if (IPEndPoint.TryParse(text, out IPEndPoint? endPoint))
        {
            return endPoint.Port == 0 ? new IPEndPoint(endPoint.Address, 3260) : endPoint;
        }

        portal.Report(SettingsFault.IllTyped, "advertised", $"'{text}' is no address with a port, like 192.0.2.7:3260 or [2001:db8::7]:3260");
        return null;
    }

    private static PortalGroupSettings ReadGroup(Section group, ushort tag) => new()
    {
        GroupTag = tag,
        RelativePortId = IdOf(group, "relative-port", tag),
        PortGroupId = IdOf(group, "port-group", tag),
    };

    private static ushort IdOf(Section group, string key, ushort tag) => group.Text(key) == "auto" ? tag : (ushort)group.Integer(key, 1, 65535);
}
