using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace ActorSan.Tests.Shared;

/// <summary>What a raw initiator asks for at login.</summary>
internal sealed record RawLoginOptions
{
    internal string InitiatorName { get; init; } = "iqn.2026-01.org.actorsan:raw-initiator";

    /// <summary>Null: a discovery session.</summary>
    internal string? TargetName { get; init; }

    /// <summary>The 48 bits of the ISID (RFC 7143 §11.12.5).</summary>
    internal ulong Isid { get; init; } = 0x8000_0000_0001;

    internal ushort Tsih { get; init; }

    internal bool HeaderDigest { get; init; }

    internal bool DataDigest { get; init; }

    internal bool ImmediateData { get; init; } = true;

    internal bool InitialR2T { get; init; }

    internal int MaxRecvDataSegmentLength { get; init; } = 262144;

    /// <summary>Null: no CHAP is offered.</summary>
    internal RawChap? Chap { get; init; }

    /// <summary>Further key=value pairs of the operational stage.</summary>
    internal IReadOnlyList<(string Key, string Value)> Extra { get; init; } = [];
}

/// <summary>CHAP at the initiator. <paramref name="Algorithms"/> is CHAP_A as it is sent; <paramref name="TargetSecret"/> asks for mutual authentication.</summary>
internal sealed record RawChap(string User, string Secret, string Algorithms = "5", string? TargetUser = null, string? TargetSecret = null);

/// <summary>The target ended the login with this status class and detail (RFC 7143 §11.13.5).</summary>
internal sealed class RawLoginRefusedException(byte statusClass, byte statusDetail, IReadOnlyDictionary<string, string> keys)
    : Exception($"the login was refused with status {statusClass:x2}{statusDetail:x2}")
{
    internal byte StatusClass => statusClass;

    internal byte StatusDetail => statusDetail;

    internal IReadOnlyDictionary<string, string> Keys => keys;
}

/// <summary>The login phase as this client speaks it: one request a step, texts that fit in one PDU.</summary>
internal static class RawLogin
{
    private const byte Security = 0;
    private const byte Operational = 1;
    private const byte FullFeature = 3;

    internal static Dictionary<string, string> Run(RawInitiator connection, RawLoginOptions options)
    {
        var agreed = new Dictionary<string, string>(StringComparer.Ordinal);
        List<(string, string)> names = [("InitiatorName", options.InitiatorName), ("SessionType", options.TargetName is null ? "Discovery" : "Normal")];
        if (options.TargetName is not null)
        {
            names.Add(("TargetName", options.TargetName));
        }

        if (options.Chap is not null)
        {
            Authenticate(connection, options, names, agreed);
            names.Clear();
        }

        names.AddRange(Offers(options));
        (byte stage, Dictionary<string, string> keys) = Exchange(connection, options, Operational, FullFeature, names);
        Merge(agreed, keys);
        for (int rounds = 0; stage != FullFeature; rounds++)
        {
            if (rounds > 8)
            {
                throw new InvalidDataException("the login does not end");
            }

            (stage, keys) = Exchange(connection, options, Operational, FullFeature, []);
            Merge(agreed, keys);
        }

        return agreed;
    }

    private static IEnumerable<(string, string)> Offers(RawLoginOptions options)
    {
        yield return ("HeaderDigest", options.HeaderDigest ? "CRC32C" : "None");
        yield return ("DataDigest", options.DataDigest ? "CRC32C" : "None");
        yield return ("MaxRecvDataSegmentLength", options.MaxRecvDataSegmentLength.ToString(CultureInfo.InvariantCulture));
        yield return ("DefaultTime2Wait", "0");
        yield return ("DefaultTime2Retain", "0");
        yield return ("ErrorRecoveryLevel", "0");
        if (options.TargetName is not null)
        {
            yield return ("InitialR2T", options.InitialR2T ? "Yes" : "No");
            yield return ("ImmediateData", options.ImmediateData ? "Yes" : "No");
            yield return ("MaxBurstLength", "1048576");
            yield return ("FirstBurstLength", "262144");
            yield return ("MaxOutstandingR2T", "8");
            yield return ("MaxConnections", "1");
        }

        foreach ((string key, string value) in options.Extra)
        {
            yield return (key, value);
        }
    }

    private static void Authenticate(RawInitiator connection, RawLoginOptions options, List<(string, string)> names, Dictionary<string, string> agreed)
    {
        RawChap chap = options.Chap!;
        names.Add(("AuthMethod", "CHAP"));
        Merge(agreed, Exchange(connection, options, Security, Security, names, transit: false).Keys);
        (_, Dictionary<string, string> challenge) = Exchange(connection, options, Security, Security, [("CHAP_A", chap.Algorithms)], transit: false);
        Merge(agreed, challenge);
        byte identifier = byte.Parse(challenge["CHAP_I"], CultureInfo.InvariantCulture);
        string algorithm = challenge["CHAP_A"];
        List<(string, string)> answer =
        [
            ("CHAP_N", chap.User),
            ("CHAP_R", "0x" + Convert.ToHexStringLower(Response(algorithm, identifier, chap.Secret, Convert.FromHexString(challenge["CHAP_C"][2..])))),
        ];
        byte[] ownChallenge = RandomNumberGenerator.GetBytes(16);
        if (chap.TargetSecret is not null)
        {
            answer.Add(("CHAP_I", "77"));
            answer.Add(("CHAP_C", "0x" + Convert.ToHexStringLower(ownChallenge)));
        }

        (_, Dictionary<string, string> proof) = Exchange(connection, options, Security, Operational, answer);
        Merge(agreed, proof);
        if (chap.TargetSecret is not null)
        {
            string expected = "0x" + Convert.ToHexStringLower(Response(algorithm, 77, chap.TargetSecret, ownChallenge));
            if (!string.Equals(proof.GetValueOrDefault("CHAP_R"), expected, StringComparison.OrdinalIgnoreCase) || proof.GetValueOrDefault("CHAP_N") != chap.TargetUser)
            {
                throw new InvalidDataException("the target did not prove itself");
            }
        }
    }

    /// <summary>RFC 7143 §12.1.3 and the registry's further digests: 5 MD5, 6 SHA1, 7 SHA-256, 8 SHA3-256.</summary>
    private static byte[] Response(string algorithm, byte identifier, string secret, byte[] challenge)
    {
        byte[] text = [identifier, .. Encoding.UTF8.GetBytes(secret), .. challenge];
        return algorithm switch
        {
            "5" => MD5.HashData(text),
            "6" => SHA1.HashData(text),
            "7" => SHA256.HashData(text),
            "8" => SHA3_256.HashData(text),
            _ => throw new InvalidDataException($"the target chose CHAP algorithm {algorithm}"),
        };
    }

    private static (byte NextStage, Dictionary<string, string> Keys) Exchange(
        RawInitiator connection, RawLoginOptions options, byte stage, byte next, IEnumerable<(string Key, string Value)> keys, bool transit = true)
    {
        var pdu = new RawPdu(RawPdu.Login, immediate: true, flags: (byte)((transit ? 0x80 | next : 0) | (stage << 2)))
        {
            Data = Encoding.UTF8.GetBytes(string.Concat(keys.Select(pair => $"{pair.Key}={pair.Value}\0"))),
            Lun = (options.Isid << 16) | options.Tsih,
        };
        connection.SendLogin(pdu);
        RawPdu answer = connection.Receive();
        if (answer.Opcode != RawPdu.LoginResponse)
        {
            throw new InvalidDataException($"a login was answered with opcode {answer.Opcode:x2}");
        }

        Dictionary<string, string> told = RawInitiator.Pairs(answer.Data);
        if (answer.Header[36] != 0)
        {
            throw new RawLoginRefusedException(answer.Header[36], answer.Header[37], told);
        }

        connection.Tsih = (ushort)answer.Lun;
        return ((answer.Flags & 0x80) != 0 ? (byte)(answer.Flags & 3) : stage, told);
    }

    private static void Merge(Dictionary<string, string> into, Dictionary<string, string> keys)
    {
        foreach ((string key, string value) in keys)
        {
            into[key] = value;
        }
    }
}
