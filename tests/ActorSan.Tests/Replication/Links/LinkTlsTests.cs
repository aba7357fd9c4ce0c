using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ActorSan.Replication.Links;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Replication.Links;

/// <summary>Encrypted links: who may have them, what strangers see and what they can do. That they keep all other promises is in <see cref="LinkTests"/>.</summary>
[Collection(Alone.Name)]
public sealed class LinkTlsTests
{
    private const byte TlsHandshakeRecord = 22;
    private static readonly Guid Volume = new("00000000-0000-0000-0000-000000000001");

    public static TheoryData<IoEngineKind> Engines => EngineHarness.Engines;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_said_is_on_the_wire_only_without_TLS(bool encrypted)
    {
        await using var pair = await Couple.Make(IoEngineKind.Epoll, encrypted, proxied: true);
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(Volume, toSend: 40);
        await pair.Zeus.Until(() => zeus.Received == 40);
        await pair.Atlas.Until(() => atlas.Received == 40);
        byte[] said = pair.Proxy!.Recorded.ToArray();
        Assert.Equal(encrypted, said[0] == TlsHandshakeRecord);
        Assert.Equal(!encrypted, said.AsSpan().IndexOf("ASLH"u8) >= 0);
        Assert.Equal(!encrypted, said.AsSpan().IndexOf("ASLK"u8) >= 0);
        Assert.Equal(!encrypted, said.AsSpan().IndexOf(LinkNode.Cluster.ToByteArray(bigEndian: true)) >= 0);
        Assert.Equal(-1, said.AsSpan().IndexOf(Encoding.ASCII.GetBytes(LinkNode.Cluster.ToString("N"))));
        Assert.Equal(encrypted, pair.Atlas.Links.CountersOf("zeus")!.IsEncrypted);
        Assert.Equal(encrypted, pair.Zeus.Links.CountersOf("atlas")!.IsEncrypted);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Where_one_of_two_wants_it_they_have_it(bool dialer, bool acceptor)
    {
        await using var pair = await Couple.Make(IoEngineKind.Epoll, change: options => options with { Encrypts = options.Node == "atlas" ? dialer : acceptor });
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(Volume, toSend: 40);
        await pair.Zeus.Until(() => zeus.Received == 40);
        await pair.Atlas.Until(() => atlas.Received == 40);
        Assert.True(pair.Atlas.Links.CountersOf("zeus")!.IsEncrypted);
        Assert.True(pair.Zeus.Links.CountersOf("atlas")!.IsEncrypted);
        if (!dialer)
        {
            // Once it was told, and then it knew.
            foreach (LinkNode node in new[] { pair.Atlas, pair.Zeus })
            {
                Assert.Equal(1, await node.Thread.Invoke(() => node.Ends.Count(end => end.Fault == HandshakeFault.Unencrypted)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task With_another_key_or_of_another_cluster_there_is_no_link_and_both_say_so(IoEngineKind engine)
    {
        await using var zeus = new LinkNode(engine, "zeus", encrypted: true);
        IPEndPoint address = await zeus.Listen();
        await zeus.Add("atlas");
        await using var keyless = new LinkNode(engine, "atlas", options => options with { Key = new byte[32] }, encrypted: true);
        await using var stranger = new LinkNode(engine, "atlas", options => options with { ClusterId = Guid.NewGuid() }, encrypted: true);
        foreach (LinkNode atlas in new[] { keyless, stranger })
        {
            int before = await zeus.Thread.Invoke(() => zeus.Ends.Count);
            await atlas.Add("zeus", address);
            await atlas.Until(() => atlas.Ends.Count(end => end is { Peer: "zeus", End: LinkEnd.Refused, Fault: HandshakeFault.NoTls }) >= 2);
            await zeus.Until(() => zeus.Ends.Skip(before).Count(end => end is { End: LinkEnd.Refused, Fault: HandshakeFault.NoTls }) >= 2);
            Assert.Equal(0, atlas.Ups);
            await atlas.Stop();
        }

        Assert.Equal(0, zeus.Ups);
    }

    [Fact]
    public async Task Who_shows_a_certificate_instead_of_the_key_is_nobody()
    {
        using X509Certificate2 certificate = Certificate();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var atlas = new LinkNode(IoEngineKind.Epoll, "atlas", encrypted: true);
        await atlas.Add("zeus", (IPEndPoint)listener.LocalEndpoint);
        using TcpClient came = await listener.AcceptTcpClientAsync().WaitAsync(EngineHarness.Limit);
        await using var server = new SslStream(came.GetStream());
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await server.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate, EnabledSslProtocols = SslProtocols.Tls13 }).WaitAsync(EngineHarness.Limit);

            // In TLS 1.3 a server is done before it knows what the client thinks of it.
            Assert.Equal(0, await server.ReadAsync(new byte[1]).AsTask().WaitAsync(EngineHarness.Limit));
            throw new AuthenticationException("ended without an alert");
        });
        await atlas.Until(() => atlas.Ends.Any(end => end is { End: LinkEnd.Refused, Fault: HandshakeFault.NoTls } && end.Detail.Contains("certificate verify failed", StringComparison.Ordinal)));
        Assert.Equal(0, atlas.Ups);
    }

    /// <summary>The better path leads to somebody who connects and talks nonsense: the other one is taken.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stranger_at_one_address_does_not_keep_a_link_from_the_other(bool encrypted)
    {
        using var stranger = new TcpListener(IPAddress.Loopback, 0);
        stranger.Start();
        using var over = new CancellationTokenSource();
        Task talks = Task.Run(async () =>
        {
            while (true)
            {
                using TcpClient came = await stranger.AcceptTcpClientAsync(over.Token);
                await came.GetStream().WriteAsync("220 smtp.example ESMTP\r\n"u8.ToArray(), over.Token);
                await Task.Delay(20, over.Token);
            }
        });
        await using var zeus = new LinkNode(IoEngineKind.Epoll, "zeus", encrypted: encrypted);
        IPEndPoint address = await zeus.Listen();
        await zeus.Add("atlas");
        await using var atlas = new LinkNode(IoEngineKind.Epoll, "atlas", encrypted: encrypted);
        await atlas.Add("zeus", (IPEndPoint)stranger.LocalEndpoint, address);
        await atlas.Until(() => atlas.Ups == 1 && atlas.Ends.Count > 0);
        Assert.Equal(encrypted ? HandshakeFault.NoTls : HandshakeFault.OtherProtocol, await atlas.Thread.Invoke(() => atlas.Ends[0].Fault));
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => talks);
    }

    [Fact]
    public async Task Who_comes_without_the_key_is_refused()
    {
        await using var zeus = new LinkNode(IoEngineKind.Epoll, "zeus", encrypted: true);
        IPEndPoint address = await zeus.Listen();
        await zeus.Add("atlas");
        using var socket = new TcpClient();
        await socket.ConnectAsync(address);
        await using var client = new SslStream(socket.GetStream(), leaveInnerStreamOpen: false, static (_, _, _, _) => true);
        await Assert.ThrowsAnyAsync<Exception>(() => client.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "zeus", EnabledSslProtocols = SslProtocols.Tls13 }).WaitAsync(EngineHarness.Limit));
        await zeus.Until(() => zeus.Ends.Any(end => end is { End: LinkEnd.Refused, Fault: HandshakeFault.NoTls }));
        Assert.Equal(0, zeus.Ups);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Keys_are_changed_on_the_way_and_nothing_is_lost(IoEngineKind engine)
    {
        const int Frames = 600;
        await using var pair = await Couple.Make(engine, encrypted: true, proxied: true, change: options => options with { RekeyAfterRecords = 25 });
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(Volume, toSend: Frames);
        await pair.Atlas.Until(() => atlas.Received == Frames && atlas.HoldsOut == 0);
        await pair.Zeus.Until(() => zeus.Received == Frames && zeus.HoldsOut == 0);
        Assert.InRange(await pair.Atlas.Thread.Invoke(() => pair.AtlasSide.Connection!.Rekeyed), 5, Frames);
        Assert.Equal(1, pair.Proxy!.Connections);
    }

    /// <summary>Each connection has a bit of another byte changed on its way from the dialer: none comes through, and the next is as good as new.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Every_change_on_the_way_ends_the_connection(IoEngineKind engine)
    {
        int[] places = [.. Enumerable.Range(0, 60).Select(number => number * 37)];
        await using var pair = await Couple.Make(
            engine,
            encrypted: true,
            proxied: true,
            flip: (number, fromDialer) => fromDialer && number < places.Length ? (places[number], (byte)(1 << (number % 8))) : (-1, (byte)0),
            change: options => options with
            {
                // Where a changed length makes a side wait for more, it loses patience.
                HandshakeTimeout = TimeSpan.FromMilliseconds(300),
                Silence = TimeSpan.FromSeconds(2),
                FirstWait = TimeSpan.FromTicks(1000),
                LongestWait = TimeSpan.FromTicks(2000),
            });
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(Volume, toSend: 1_000_000);
        await pair.Zeus.Until(() => pair.Proxy!.Connections > places.Length && zeus.ReceivedOfUp >= 60, TimeSpan.FromMinutes(1));
        await pair.Atlas.Thread.Invoke(() => atlas.ToSend = 0);
        await pair.Zeus.Thread.Invoke(() => zeus.ToSend = 0);
        await pair.Atlas.Until(() => atlas.HoldsOut == 0);
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=zeus", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
