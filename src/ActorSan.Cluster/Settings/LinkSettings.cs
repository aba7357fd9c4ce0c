using System.Net;
using ActorSan.Replication.Links;

namespace ActorSan.Cluster.Settings;

/// <summary><c>actorsan.links</c>: there when its <c>address</c> is given.</summary>
public sealed record LinkSettings
{
    /// <summary>Where the node's links listen, the best path first. Port 0: the kernel chooses.</summary>
    public required IReadOnlyList<IPEndPoint> Addresses { get; init; }

    /// <summary>Where the other nodes reach each of them; empty: at <see cref="Addresses"/>.</summary>
    public required IReadOnlyList<IPEndPoint> Advertised { get; init; }

    /// <summary>Without TLS there is no link.</summary>
    public required bool Encrypts { get; init; }

    public required long SendBufferBytes { get; init; }

    public required TimeSpan HandshakeTimeout { get; init; }

    public required TimeSpan KeepAlive { get; init; }

    public required TimeSpan Silence { get; init; }

    public required TimeSpan UserTimeout { get; init; }

    public required TimeSpan FirstWait { get; init; }

    public required TimeSpan LongestWait { get; init; }

    public required TimeSpan PathCheck { get; init; }

    public required int MaxUnauthenticated { get; init; }

    /// <summary>For the links of a node of a cluster.</summary>
    /// <param name="key">The pre-shared key, <see cref="LinkOptions.MinKeyBytes"/> or more.</param>
    public LinkOptions OptionsOf(string node, Guid clusterId, byte[] key) => new()
    {
        Node = node,
        ClusterId = clusterId,
        Key = key,
        Encrypts = Encrypts,
        SendBufferBytes = SendBufferBytes,
        HandshakeTimeout = HandshakeTimeout,
        KeepAlive = KeepAlive,
        Silence = Silence,
        UserTimeout = UserTimeout,
        FirstWait = FirstWait,
        LongestWait = LongestWait,
        PathCheck = PathCheck,
        MaxUnauthenticated = MaxUnauthenticated,
    };

    /// <summary>As the others are told it: with commas between several.</summary>
    /// <param name="bound">Of <see cref="Addresses"/>, with the ports that the kernel chose.</param>
    public string Told(IEnumerable<IPEndPoint> bound) => string.Join(", ", Advertised.Count > 0 ? Advertised : bound);

    /// <summary>What <see cref="Told"/> says; empty: nothing that is understood.</summary>
    public static IReadOnlyList<IPEndPoint> Heard(string told)
    {
        var addresses = new List<IPEndPoint>();
        foreach (string text in told.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!IPEndPoint.TryParse(text, out IPEndPoint? address))
            {
                return [];
            }

            addresses.Add(address);
        }

        return addresses;
    }
}
