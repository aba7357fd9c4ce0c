using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ActorSan.Cluster.Settings;

/// <summary>Where something can be reached: a name or an address, without brackets, and a TCP port from 1 to 65535.</summary>
public readonly record struct HostPort(string Host, int Port)
{
    /// <summary><c>atlas.example:7310</c>, <c>192.0.2.1:7310</c>, <c>[2001:db8::1]:7310</c>; null when it is none of these.</summary>
    public static HostPort? Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
        {
            return null;
        }

        string host = text[..colon];
        bool bracketed = host is ['[', .., ']'];
        host = bracketed ? host[1..^1] : host;
        bool good = bracketed
            ? IPAddress.TryParse(host, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetworkV6
            : Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4;
        return good ? new HostPort(host, port) : null;
    }

    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
