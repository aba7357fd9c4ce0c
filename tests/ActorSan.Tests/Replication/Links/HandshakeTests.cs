using ActorSan.Replication.Links;
using Xunit;

namespace ActorSan.Tests.Replication.Links;

/// <summary>The handshake as messages: who is let in, and who is refused for which reason.</summary>
public sealed class HandshakeTests
{
    private static readonly LinkOptions Atlas = new() { Node = "atlas", ClusterId = LinkNode.Cluster, Key = LinkNode.Key };
    private static readonly LinkOptions Zeus = Atlas with { Node = "zeus" };

    [Fact]
    public void Two_nodes_with_one_key_let_each_other_in()
    {
        (HandshakeFault dialer, HandshakeFault acceptor, bool done, string sentence) = Talk(Atlas, Zeus);
        Assert.True(done);
        Assert.Equal(HandshakeFault.None, dialer);
        Assert.Equal(HandshakeFault.None, acceptor);
        Assert.Contains("nothing is wrong", sentence, StringComparison.Ordinal);
    }

    public static TheoryData<string, HandshakeFault> Strangers => new()
    {
        { "key", HandshakeFault.WrongProof },
        { "cluster", HandshakeFault.OtherCluster },
        { "name", HandshakeFault.OtherNode },
        { "unknown", HandshakeFault.UnknownPeer },
        { "dialer", HandshakeFault.WrongDialer },
    };

    [Theory]
    [MemberData(nameof(Strangers))]
    public void A_stranger_is_refused_and_both_sides_know_why(string what, HandshakeFault expected)
    {
        LinkOptions atlas = what switch
        {
            "key" => Atlas with { Key = [.. LinkNode.Key.Select(value => (byte)(value ^ 1))] },
            "cluster" => Atlas with { ClusterId = new Guid("00000000-0000-0000-0000-000000000009") },
            "unknown" => Atlas with { Node = "apollo" },
            "dialer" => Atlas with { Node = "zeusx" },
            _ => Atlas,
        };
        (HandshakeFault dialer, HandshakeFault acceptor, bool done, string sentence) =
            Talk(atlas, Zeus, wanted: what == "name" ? "hera" : "zeus", knows: name => name is "atlas" or "zeusx");
        Assert.False(done);
        Assert.Equal(expected, acceptor);
        Assert.Equal(expected, dialer);
        Assert.Contains("refused this node", sentence, StringComparison.Ordinal);
    }

    /// <summary>The dialer believes the acceptor no more than the other way round.</summary>
    [Fact]
    public void An_acceptor_without_the_key_is_refused_by_the_dialer()
    {
        Handshake dialer = Handshake.ToDial(Atlas, "zeus");
        byte[] said = new byte[Handshake.MaxMessageBytes];
        byte[] answer = new byte[Handshake.MaxMessageBytes];
        byte[] hello = said[..dialer.Begin(said)];
        Handshake acceptor = Handshake.ToAccept(Zeus, static _ => true);
        Assert.Equal(HandshakeStep.GoOn, acceptor.Take(hello, answer, out int bytes));
        byte[] challenge = answer[..bytes];
        Assert.Equal(HandshakeStep.GoOn, dialer.Take(challenge, said, out bytes));

        // Its own proof, given back to it, is not the acceptor's.
        byte[] reflected = said[..bytes];
        reflected[5] = 4;
        Assert.Equal(HandshakeStep.Refused, dialer.Take(reflected, answer, out bytes));
        Assert.Equal(HandshakeFault.WrongProof, dialer.Fault);
        Assert.Equal(0, bytes);
    }

    [Fact]
    public void An_answer_that_was_recorded_does_not_fit_the_next_challenge()
    {
        byte[] answer = new byte[Handshake.MaxMessageBytes];
        byte[] said = new byte[Handshake.MaxMessageBytes];
        Handshake dialer = Handshake.ToDial(Atlas, "zeus");
        byte[] hello = said[..dialer.Begin(said)];
        Handshake first = Handshake.ToAccept(Zeus, static _ => true);
        first.Take(hello, answer, out int bytes);
        dialer.Take(answer.AsSpan(0, bytes), said, out bytes);
        byte[] proof = said[..bytes];
        Assert.Equal(HandshakeStep.Done, first.Take(proof, answer, out _));

        Handshake second = Handshake.ToAccept(Zeus, static _ => true);
        Assert.Equal(HandshakeStep.GoOn, second.Take(hello, answer, out _));
        Assert.Equal(HandshakeStep.Refused, second.Take(proof, answer, out _));
        Assert.Equal(HandshakeFault.WrongProof, second.Fault);
    }

    [Fact]
    public void Another_version_is_told_and_another_protocol_is_not_answered()
    {
        byte[] answer = new byte[Handshake.MaxMessageBytes];
        byte[] said = new byte[Handshake.MaxMessageBytes];
        byte[] hello = said[..Handshake.ToDial(Atlas, "zeus").Begin(said)];
        hello[4]++;
        Handshake acceptor = Handshake.ToAccept(Zeus, static _ => true);
        Assert.Equal(-1, acceptor.MessageBytes(hello, answer, out int bytes));
        Assert.Equal(HandshakeFault.OtherVersion, acceptor.Fault);
        Assert.True(bytes > 0);

        acceptor = Handshake.ToAccept(Zeus, static _ => true);
        Assert.Equal(-1, acceptor.MessageBytes("GET / HTTP/1.1\r\n"u8, answer, out bytes));
        Assert.Equal(HandshakeFault.OtherProtocol, acceptor.Fault);
        Assert.Equal(0, bytes);
    }

    /// <summary>Of 8 flips of each byte of each message none leads to a link, at either side that hears what was changed.</summary>
    [Fact]
    public void No_changed_bit_of_any_message_is_let_through()
    {
        for (int message = 0; message < 4; message++)
        {
            for (int bit = 0; ; bit++)
            {
                int flips = bit;
                bool inside = true;
                int count = 0;
                (_, _, bool done, _) = Talk(Atlas, Zeus, change: bytes =>
                {
                    if (count++ == message)
                    {
                        inside = flips < bytes.Length * 8;
                        if (inside)
                        {
                            bytes[flips / 8] ^= (byte)(1 << (flips % 8));
                        }
                    }
                });
                Assert.Equal(!inside, done);
                if (!inside)
                {
                    break;
                }
            }
        }
    }

    [Fact]
    public void One_of_two_dials()
    {
        Assert.True(Handshake.Dials("atlas", "zeus"));
        Assert.False(Handshake.Dials("zeus", "atlas"));
        Assert.True(Handshake.Dials("node", "node-2"));
        Assert.False(Handshake.Dials("zeus", "zeus"));
    }

    /// <summary>Lets the two talk until one refuses, one waits for bytes that never come, or both are done.</summary>
    private static (HandshakeFault Dialer, HandshakeFault Acceptor, bool Done, string DialerSays) Talk(
        LinkOptions from, LinkOptions to, string wanted = "zeus", Func<string, bool>? knows = null, Action<byte[]>? change = null)
    {
        Handshake dialer = Handshake.ToDial(from, wanted);
        Handshake acceptor = Handshake.ToAccept(to, knows ?? (name => name == from.Node));
        byte[] buffer = new byte[Handshake.MaxMessageBytes];
        byte[] message = buffer[..dialer.Begin(buffer)];
        bool acceptorDone = false;
        bool dialerDone = false;
        for (Handshake hears = acceptor; message.Length > 0; hears = hears == acceptor ? dialer : acceptor)
        {
            change?.Invoke(message);
            int whole = hears.MessageBytes(message, buffer, out int answerBytes);
            HandshakeStep step = HandshakeStep.Refused;
            if (whole == 0)
            {
                break;
            }

            if (whole > 0)
            {
                step = hears.Take(message.AsSpan(0, whole), buffer, out answerBytes);
            }

            acceptorDone |= hears == acceptor && step == HandshakeStep.Done;
            dialerDone |= hears == dialer && step == HandshakeStep.Done;
            message = buffer[..answerBytes];
        }

        return (dialer.Fault, acceptor.Fault, acceptorDone && dialerDone, dialer.Describe());
    }
}
