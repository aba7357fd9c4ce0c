using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Sessions;

namespace ActorSan.Iscsi.Text;

/// <summary>
/// SendTargets (RFC 7143 appendix C): <c>All</c> in a discovery session lists what the initiator may log in to; a name lists that target; the empty value, in a normal
/// session, the target one is logged in to. Each target is followed by the portals of its portal groups, this node's first, then those of other nodes.
/// </summary>
internal static class SendTargets
{
    public const string Key = "SendTargets";

    public static void Answer(ServerDirectory directory, PortalSettings portal, IPEndPoint? localAddress, Session session, string value, StringBuilder answer)
    {
        // 'All' is for discovery, and the empty value for a session that has a target.
        if ((value == "All" && !session.Discovery) || (value.Length == 0 && session.Discovery))
        {
            TextPairs.Append(answer, Key, TextValues.Reject);
            return;
        }

        string? name = value switch
        {
            "All" => null,
            "" => session.TargetName,
            _ => value,
        };
        foreach (TargetSettings target in directory.Targets)
        {
            bool asked = name is null || string.Equals(name, target.Name, StringComparison.OrdinalIgnoreCase);
            if (asked && AccessPolicy.Of(target, session.InitiatorName).Admitted)
            {
                TextPairs.Append(answer, "TargetName", target.Name);
                AppendPortals(directory, portal, localAddress, target, answer);
            }
        }
    }

    /// <summary>RFC 7143 §13.8: <c>host:port,tag</c>, an IPv6 address in brackets.</summary>
    public static string Format(IPEndPoint address, ushort groupTag)
    {
        string host = address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{WithoutScope(address.Address)}]" : address.Address.ToString();
        return string.Create(CultureInfo.InvariantCulture, $"{host}:{address.Port},{groupTag}");
    }

    private static void AppendPortals(ServerDirectory directory, PortalSettings own, IPEndPoint? localAddress, TargetSettings target, StringBuilder answer)
    {
        // This node's own come last: an initiator that keeps one portal of several (libiscsi does) keeps the last, and the user has named this node.
        foreach (RemotePortalSettings portal in target.RemotePortals)
        {
            TextPairs.Append(answer, "TargetAddress", Format(portal.Address, portal.GroupTag));
        }

        foreach (PortalGroupSettings group in target.PortalGroups)
        {
            foreach (PortalSettings portal in directory.Portals)
            {
                if (portal.GroupTag == group.GroupTag && AddressOf(portal, own, localAddress) is { } address)
                {
                    TextPairs.Append(answer, "TargetAddress", Format(address, group.GroupTag));
                }
            }
        }
    }

    /// <summary>Where an initiator finds a portal: where it is advertised, else where it listens; for a wildcard the address that this initiator has reached it by.</summary>
    private static IPEndPoint? AddressOf(PortalSettings portal, PortalSettings own, IPEndPoint? localAddress)
    {
        if (portal.Advertised is { } advertised)
        {
            return advertised;
        }

        bool wildcard = portal.Address.Address.Equals(IPAddress.Any) || portal.Address.Address.Equals(IPAddress.IPv6Any);
        if (!wildcard)
        {
            return portal.Address;
        }

        if (localAddress is null || localAddress.AddressFamily != portal.Address.AddressFamily)
        {
            return null;
        }

        return ReferenceEquals(portal, own) ? localAddress : new IPEndPoint(localAddress.Address, portal.Address.Port);
    }

    private static string WithoutScope(IPAddress address) => new IPAddress(address.GetAddressBytes()).ToString();
}
