using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ActorSan.Replication.Core.Formats;
using ActorSan.Storage;

namespace ActorSan.Replication.Links;

/// <summary>Why a handshake is refused. Numbers are on the wire.</summary>
public enum HandshakeFault : byte
{
    None = 0,

    /// <summary>Not our magic.</summary>
    OtherProtocol = 1,
    OtherVersion = 2,

    /// <summary>A message that cannot be, or not now.</summary>
    Malformed = 3,
    OtherCluster = 4,

    /// <summary>The dialer wanted another node.</summary>
    OtherNode = 5,

    /// <summary>The dialer is nobody that this node knows.</summary>
    UnknownPeer = 6,

    /// <summary>By the rule it is this node that dials.</summary>
    WrongDialer = 7,

    /// <summary>The answer does not fit the challenge: another key, an answer of another conversation, or something was changed on its way.</summary>
    WrongProof = 8,

    /// <summary>It was not done in time.</summary>
    TimedOut = 9,

    /// <summary>The acceptor wants TLS, and the dialer spoke without.</summary>
    Unencrypted = 10,

    /// <summary>TLS did not come about.</summary>
    NoTls = 11,
}

/// <summary>What the caller does next.</summary>
public enum HandshakeStep : byte
{
    /// <summary>Sends the answer, if there is one, and waits for the next message.</summary>
    GoOn,

    /// <summary>Sends the answer, if there is one: then the link is up.</summary>
    Done,

    /// <summary>Sends the answer, if there is one, and closes.</summary>
    Refused,
}

/// <summary>
/// Two nodes prove to each other that they hold the cluster's key, by HMAC-SHA256 over everything that both have said, fresh nonces included; the dialer first. Little endian.
/// <code>
/// every message   magic "ASLH", version (1), kind (1), whole length (2)
/// 1 Hello         dialer → acceptor: cluster id (16), nonce (32), the dialer's name, the acceptor's name (each: length (1), UTF-8)
/// 2 Challenge     acceptor → dialer: nonce (32)
/// 3 Proof         dialer → acceptor: HMAC(key, "ActorSan link dialer" ‖ Hello ‖ Challenge)
/// 4 Welcome       acceptor → dialer: HMAC(key, "ActorSan link acceptor" ‖ Hello ‖ Challenge)
/// 5 Refusal       acceptor → dialer, instead of any other: a <see cref="HandshakeFault"/> (1)
/// </code>
/// The two labels differ, so no side's answer can be given back to it; the nonces differ each time, so no old one fits. A refusal proves nothing: it is for the log, and for asking anew with TLS.
/// </summary>
public sealed class Handshake
{
    public const byte Version = 1;
    public const int PrefixBytes = 8;

    /// <summary>Longer than any message.</summary>
    public const int MaxMessageBytes = 1024;

    private const int NonceBytes = 32;
    private const int ProofBytes = 32;
    private const int NamesAt = PrefixBytes + 16 + NonceBytes;
    private const byte Hello = 1;
    private const byte Challenge = 2;
    private const byte Proof = 3;
    private const byte Welcome = 4;
    private const byte Refusal = 5;

    private readonly LinkOptions _options;
    private readonly Func<string, bool> _knows;
    private readonly Action<byte[]> _fillNonce;
    private readonly bool _dials;
    private byte[] _hello = [];
    private byte[] _challenge = [];
    private byte _expected;

    private Handshake(LinkOptions options, bool dials, string? peer, Func<string, bool> knows, Action<byte[]>? fillNonce)
    {
        _options = options;
        _dials = dials;
        Peer = peer;
        _knows = knows;
        _fillNonce = fillNonce ?? (static nonce => RandomNumberGenerator.Fill(nonce));
        _expected = dials ? Challenge : Hello;
    }

    /// <summary>Whom it is made with; of an acceptor null until a Hello has named it, and believed only when it is done.</summary>
    public string? Peer { get; private set; }

    public HandshakeFault Fault { get; private set; }

    /// <summary>It was the other side that refused.</summary>
    public bool RefusedByPeer { get; private set; }

    /// <summary>There is one connection between two nodes: the one whose name comes first by its bytes makes it.</summary>
    public static bool Dials(string node, string peer) => Encoding.UTF8.GetBytes(node).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(peer)) < 0;

    /// <param name="fillNonce">Null: the system's cryptographic randomness.</param>
    public static Handshake ToDial(LinkOptions options, string peer, Action<byte[]>? fillNonce = null) => new(options, dials: true, peer, static _ => true, fillNonce);

    /// <param name="knows">Whether a name is a peer's.</param>
    /// <param name="fillNonce">Null: the system's cryptographic randomness.</param>
    public static Handshake ToAccept(LinkOptions options, Func<string, bool> knows, Action<byte[]>? fillNonce = null) => new(options, dials: false, null, knows, fillNonce);

    /// <summary>A dialer's first message, written into <paramref name="answer"/>; returns its length.</summary>
    public int Begin(Span<byte> answer)
    {
        Invariant.Check(_dials && _hello.Length == 0);
        byte[] from = Encoding.UTF8.GetBytes(_options.Node);
        byte[] to = Encoding.UTF8.GetBytes(Peer!);
        Invariant.Check(from.Length is > 0 and <= ConfigurationCodec.MaxNameBytes && to.Length is > 0 and <= ConfigurationCodec.MaxNameBytes);
        _hello = new byte[NamesAt + 2 + from.Length + to.Length];
        WritePrefix(_hello, Hello);
        _ = _options.ClusterId.TryWriteBytes(_hello.AsSpan(PrefixBytes), bigEndian: true, out _);
        Nonce().CopyTo(_hello.AsSpan(PrefixBytes + 16));
        _hello[NamesAt] = (byte)from.Length;
        from.CopyTo(_hello.AsSpan(NamesAt + 1));
        _hello[NamesAt + 1 + from.Length] = (byte)to.Length;
        to.CopyTo(_hello.AsSpan(NamesAt + 2 + from.Length));
        _hello.CopyTo(answer);
        return _hello.Length;
    }

    /// <summary>How many bytes the message has that begins here. 0: more have to come first. −1: it is none (<see cref="Fault"/> says why), and <paramref name="answer"/> has what is said to that.</summary>
    public int MessageBytes(ReadOnlySpan<byte> arrived, Span<byte> answer, out int answerBytes)
    {
        answerBytes = 0;
        int known = Math.Min(arrived.Length, Magic.Length);
        if (!arrived[..known].SequenceEqual(Magic[..known]))
        {
            Fault = HandshakeFault.OtherProtocol;
            return -1;
        }

        if (arrived.Length < PrefixBytes)
        {
            return 0;
        }

        int length = BinaryPrimitives.ReadUInt16LittleEndian(arrived[6..]);
        HandshakeFault fault = arrived[4] != Version ? HandshakeFault.OtherVersion
            : length is <= PrefixBytes or > MaxMessageBytes ? HandshakeFault.Malformed
            : HandshakeFault.None;
        if (fault != HandshakeFault.None)
        {
            Refuse(fault, answer, out answerBytes);
            return -1;
        }

        return arrived.Length >= length ? length : 0;
    }

    /// <param name="message">As long as <see cref="MessageBytes"/> said.</param>
    /// <param name="answer">Room for <see cref="MaxMessageBytes"/>.</param>
    public HandshakeStep Take(ReadOnlySpan<byte> message, Span<byte> answer, out int answerBytes)
    {
        answerBytes = 0;
        byte kind = message[5];
        if (_dials && kind == Refusal && message.Length == PrefixBytes + 1)
        {
            RefusedByPeer = true;
            byte reason = message[PrefixBytes];
            Fault = reason is > 0 and <= (byte)HandshakeFault.NoTls ? (HandshakeFault)reason : HandshakeFault.Malformed;
            return HandshakeStep.Refused;
        }

        if (kind != _expected)
        {
            return Refuse(HandshakeFault.Malformed, answer, out answerBytes);
        }

        switch (kind)
        {
            case Hello:
                return TakeHello(message, answer, out answerBytes);
            case Challenge:
                if (message.Length != PrefixBytes + NonceBytes)
                {
                    return Refuse(HandshakeFault.Malformed, answer, out answerBytes);
                }

                _challenge = message.ToArray();
                _expected = Welcome;
                answerBytes = Write(answer, Proof, Sign(byDialer: true));
                return HandshakeStep.GoOn;
            case Proof:
                if (!IsProof(message, byDialer: true))
                {
                    return Refuse(HandshakeFault.WrongProof, answer, out answerBytes);
                }

                answerBytes = Write(answer, Welcome, Sign(byDialer: false));
                return HandshakeStep.Done;
            case Welcome:
                return IsProof(message, byDialer: false) ? HandshakeStep.Done : Refuse(HandshakeFault.WrongProof, answer, out answerBytes);
            default:
                throw new InvariantViolationException($"no such message is expected: {kind}");
        }
    }

    /// <summary>Ends it; an acceptor has something to say to that.</summary>
    public HandshakeStep Refuse(HandshakeFault fault, Span<byte> answer, out int answerBytes)
    {
        Fault = fault;
        answerBytes = _dials ? 0 : Write(answer, Refusal, [(byte)fault]);
        return HandshakeStep.Refused;
    }

    /// <summary>A sentence for the log.</summary>
    public string Describe()
    {
        string who = Peer is { } name ? $"'{name}'" : "the other side";
        string what = Fault switch
        {
            HandshakeFault.None => "nothing is wrong with the handshake",
            HandshakeFault.OtherProtocol => "what came is no handshake of a link: something else speaks at that address",
            HandshakeFault.OtherVersion => $"the two nodes speak different versions of the link's protocol (this one speaks {Version})",
            HandshakeFault.Malformed => "a message of the handshake cannot be, or came at the wrong time",
            HandshakeFault.OtherCluster => "the two nodes belong to different clusters",
            HandshakeFault.OtherNode => "another node was wanted than the one that answered: the address is not that node's",
            HandshakeFault.UnknownPeer => "the node that dialled is not one that the other knows",
            HandshakeFault.WrongDialer => "the wrong node dialled: the one whose name comes first makes the connection",
            HandshakeFault.WrongProof => "the proof does not fit: the two nodes have different keys, or an old answer was played back, or it was changed on its way",
            HandshakeFault.TimedOut => "the handshake was not done in time",
            HandshakeFault.Unencrypted => "links are encrypted there (actorsan.links.encryption = on), and this one began without: it is tried again with TLS",
            HandshakeFault.NoTls => "TLS did not come about: the two nodes have different keys or belong to different clusters, or something else speaks at that address",
            _ => throw new InvariantViolationException($"no such fault: {Fault}"),
        };
        return RefusedByPeer ? $"{who} refused this node: {what}" : $"{who} was refused: {what}";
    }

    private static ReadOnlySpan<byte> Magic => "ASLH"u8;

    private HandshakeStep TakeHello(ReadOnlySpan<byte> message, Span<byte> answer, out int answerBytes)
    {
        HandshakeFault fault = CheckHello(message);
        if (fault != HandshakeFault.None)
        {
            return Refuse(fault, answer, out answerBytes);
        }

        _hello = message.ToArray();
        _expected = Proof;
        answerBytes = Write(answer, Challenge, Nonce());
        _challenge = answer[..answerBytes].ToArray();
        return HandshakeStep.GoOn;
    }

    private HandshakeFault CheckHello(ReadOnlySpan<byte> message)
    {
        if (message.Length < NamesAt || !TryName(message, NamesAt, out string from, out int next) || !TryName(message, next, out string to, out next) || next != message.Length)
        {
            return HandshakeFault.Malformed;
        }

        Peer = from;
        return new Guid(message.Slice(PrefixBytes, 16), bigEndian: true) != _options.ClusterId ? HandshakeFault.OtherCluster
            : !string.Equals(to, _options.Node, StringComparison.Ordinal) ? HandshakeFault.OtherNode
            : !_knows(from) ? HandshakeFault.UnknownPeer
            : !Dials(from, _options.Node) ? HandshakeFault.WrongDialer
            : HandshakeFault.None;
    }

    private static bool TryName(ReadOnlySpan<byte> message, int at, out string name, out int next)
    {
        name = "";
        next = at;
        if (at >= message.Length || message[at] == 0 || at + 1 + message[at] > message.Length)
        {
            return false;
        }

        name = Encoding.UTF8.GetString(message.Slice(at + 1, message[at]));
        next = at + 1 + message[at];
        return true;
    }

    private byte[] Nonce()
    {
        var nonce = new byte[NonceBytes];
        _fillNonce(nonce);
        return nonce;
    }

    private bool IsProof(ReadOnlySpan<byte> message, bool byDialer) =>
        message.Length == PrefixBytes + ProofBytes && CryptographicOperations.FixedTimeEquals(message[PrefixBytes..], Sign(byDialer));

    private byte[] Sign(bool byDialer)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _options.Key);
        hash.AppendData(byDialer ? "ActorSan link dialer"u8 : "ActorSan link acceptor"u8);
        hash.AppendData(_hello);
        hash.AppendData(_challenge);
        return hash.GetHashAndReset();
    }

    private static int Write(Span<byte> answer, byte kind, ReadOnlySpan<byte> content)
    {
        Span<byte> message = answer[..(PrefixBytes + content.Length)];
        WritePrefix(message, kind);
        content.CopyTo(message[PrefixBytes..]);
        return message.Length;
    }

    private static void WritePrefix(Span<byte> message, byte kind)
    {
        Magic.CopyTo(message);
        message[4] = Version;
        message[5] = kind;
        BinaryPrimitives.WriteUInt16LittleEndian(message[6..], (ushort)message.Length);
    }
}
