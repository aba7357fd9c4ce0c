using System.Text;

namespace ActorSan.Iscsi.Login;

/// <summary>What a CHAP step led to.</summary>
internal enum ChapStep : byte
{
    /// <summary>Nothing of CHAP was in the text: wait.</summary>
    Nothing,

    /// <summary>A challenge was sent.</summary>
    Challenged,

    /// <summary>The initiator proved itself (and we, if it asked).</summary>
    Proved,

    Failed,
}

/// <summary>
/// The target's end of CHAP (RFC 7143 §12.1.3): CHAP_A → CHAP_A, CHAP_I, CHAP_C → CHAP_N, CHAP_R (and CHAP_I, CHAP_C) → CHAP_N, CHAP_R. Pure but for the random
/// bytes that it is given. A challenge that comes back to us (reflection) is refused.
/// </summary>
internal sealed class ChapNegotiation(ChapSettings settings, Func<int, byte[]> randomBytes)
{
    private byte _algorithm;
    private byte _identifier;
    private byte[] _challenge = [];

    /// <summary>Why it failed, for the log; never sent.</summary>
    public string Failure { get; private set; } = "";

    public bool Proved { get; private set; }

    public ChapStep Step(Dictionary<string, string> keys, StringBuilder answer)
    {
        if (keys.Remove("CHAP_A", out string? algorithms))
        {
            return _challenge.Length == 0 ? Challenge(algorithms, answer) : Fail("CHAP_A came twice");
        }

        bool haveName = keys.Remove("CHAP_N", out string? name);
        bool haveResponse = keys.Remove("CHAP_R", out string? response);
        bool haveIdentifier = keys.Remove("CHAP_I", out string? identifier);
        bool haveChallenge = keys.Remove("CHAP_C", out string? challenge);
        if (!haveName && !haveResponse && !haveIdentifier && !haveChallenge)
        {
            return ChapStep.Nothing;
        }

        if (_challenge.Length == 0)
        {
            return Fail("a CHAP answer came before a challenge");
        }

        if (Proved || !haveName || !haveResponse || haveIdentifier != haveChallenge)
        {
            return Fail("CHAP_N and CHAP_R, and CHAP_I and CHAP_C, belong together and come once");
        }

        byte[] expected = Chap.Response(_algorithm, _identifier, settings.Secret, _challenge);
        bool right = Chap.Matches(expected, TextValues.Binary(response!, Chap.MaxBinaryBytes));
        if (name != settings.UserName || !right)
        {
            return Fail($"CHAP name '{name}' or its secret is wrong");
        }

        if (haveChallenge && !Prove(identifier!, challenge!, answer))
        {
            return ChapStep.Failed;
        }

        Proved = true;
        return ChapStep.Proved;
    }

    private ChapStep Challenge(string algorithms, StringBuilder answer)
    {
        foreach (string offered in algorithms.Split(','))
        {
            if (TextValues.TryNumber(offered, out long number) && Chap.IsSupported(number) && settings.Algorithms.Contains((byte)number))
            {
                _algorithm = (byte)number;
                _identifier = randomBytes(1)[0];
                _challenge = randomBytes(Chap.ChallengeBytes(_algorithm));
                TextPairs.Append(answer, "CHAP_A", TextValues.Number(_algorithm));
                TextPairs.Append(answer, "CHAP_I", TextValues.Number(_identifier));
                TextPairs.Append(answer, "CHAP_C", TextValues.Hexadecimal(_challenge));
                return ChapStep.Challenged;
            }
        }

        return Fail($"no CHAP algorithm in common (CHAP_A={algorithms})");
    }

    /// <summary>Answers the initiator's challenge.</summary>
    private bool Prove(string identifier, string challenge, StringBuilder answer)
    {
        if (settings.MutualSecret is null || settings.MutualUserName is null)
        {
            Fail("the initiator asks for mutual CHAP, which this target has no secret for");
            return false;
        }

        byte[]? bytes = TextValues.Binary(challenge, Chap.MaxBinaryBytes);
        if (bytes is null || !TextValues.TryNumber(identifier, out long number) || number > 255)
        {
            Fail("CHAP_I or CHAP_C is not a value");
            return false;
        }

        // RFC 7143 §9.2.1: a challenge of ours that comes back, or one secret for both directions, would have us answer it for somebody else.
        if (bytes.AsSpan().SequenceEqual(_challenge) || Chap.IsSameSecret(settings.MutualSecret, settings.Secret))
        {
            Fail("CHAP reflection: the initiator returned our challenge, or both directions have one secret");
            return false;
        }

        TextPairs.Append(answer, "CHAP_N", settings.MutualUserName);
        TextPairs.Append(answer, "CHAP_R", TextValues.Hexadecimal(Chap.Response(_algorithm, (byte)number, settings.MutualSecret, bytes)));
        return true;
    }

    private ChapStep Fail(string reason)
    {
        Failure = reason;
        return ChapStep.Failed;
    }
}
