using ActorSan.Iscsi;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using Xunit;

namespace ActorSan.Tests.Iscsi.Login;

public sealed class ChapTests
{
    private static readonly ChapSettings Both = new() { UserName = "me", Secret = "secret of the initiator", MutualUserName = "you", MutualSecret = "secret of the target" };

    public static TheoryData<byte> Algorithms => [5, 6, 7, 8];

    // RFC 1994: digest(identifier ‖ secret ‖ challenge). The values were made with openssl dgst.
    [Theory]
    [InlineData(5, "3cd56f2d1fe74a5ad7aa383f971e4428")]
    [InlineData(6, "503de71a610497e430120336b3453100e9f3cd0c")]
    [InlineData(7, "58d727c84e030c609d1a3f0da9e7cbdd16502917be01a8a538114229a2490474")]
    [InlineData(8, "2632ce7823abe128d277eb1d59742a97adecf4e2600f2b0d8c4cc1ff11abfa21")]
    public void Responses_are_digests_of_identifier_secret_and_challenge(byte algorithm, string digest)
    {
        if (!Chap.IsSupported(algorithm))
        {
            return;
        }

        byte[] challenge = Convert.FromHexString("000102030405060708090a0b0c0d0e0f");
        Assert.Equal(digest, Convert.ToHexStringLower(Chap.Response(algorithm, 7, "abc", challenge)));
        Assert.Equal(digest, Convert.ToHexStringLower(Chap.Response(algorithm, 7, "0x616263", challenge)));
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Both_ends_prove_themselves(byte algorithm)
    {
        if (!Chap.IsSupported(algorithm))
        {
            return; // SHA3 depends on the host's OpenSSL; then it is never offered, which Unknown_algorithms_are_refused shows.
        }

        var login = new LoginDriver(target => target with { Chap = Both });
        Assert.Equal("CHAP", LoginDriver.Value(login.Security(LoginDriver.Names + "AuthMethod=CHAP,None\0"), "AuthMethod"));
        LoginAnswer challenge = login.Security($"CHAP_A={algorithm}\0");
        Assert.Equal(algorithm.ToString(System.Globalization.CultureInfo.InvariantCulture), LoginDriver.Value(challenge, "CHAP_A"));
        byte[] mine = [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
        LoginAnswer proof = login.Security($"{Answer(challenge, algorithm, "me", Both.Secret)}CHAP_I=33\0CHAP_C={TextValues.Hexadecimal(mine)}\0", LoginStage.OperationalNegotiation);
        Assert.Equal(0x81, proof.Flags);
        Assert.Equal("you", LoginDriver.Value(proof, "CHAP_N"));
        Assert.Equal(TextValues.Hexadecimal(Chap.Response(algorithm, 33, Both.MutualSecret!, mine)), LoginDriver.Value(proof, "CHAP_R"));
        Assert.Equal(LoginStep.Complete, login.Say("").Step);
    }

    [Theory]
    [InlineData("me", "another secret")]
    [InlineData("somebody", "secret of the initiator")]
    public void Wrong_name_or_secret_is_refused(string name, string secret)
    {
        var login = Challenged(out LoginAnswer challenge);
        LoginAnswer answer = login.Security(Answer(challenge, 5, name, secret), LoginStage.OperationalNegotiation);
        Assert.Equal(LoginStatus.AuthenticationFailure, answer.Status);
        Assert.Equal(LoginRefusal.AuthenticationFailed, answer.Refusal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("56")]
    [InlineData("0")]
    [InlineData("4,9,x")]
    public void Unknown_algorithms_are_refused(string algorithms)
    {
        var login = new LoginDriver(target => target with { Chap = Both });
        login.Security(LoginDriver.Names + "AuthMethod=CHAP\0");
        Assert.Equal(LoginStatus.AuthenticationFailure, login.Security($"CHAP_A={algorithms}\0").Status);
    }

    [Fact]
    public void The_initiators_order_decides_among_the_algorithms_that_the_target_takes()
    {
        var login = new LoginDriver(target => target with { Chap = Both with { Algorithms = [7, 6] } });
        login.Security(LoginDriver.Names + "AuthMethod=CHAP\0");
        Assert.Equal("6", LoginDriver.Value(login.Security("CHAP_A=5,6,7\0"), "CHAP_A"));
    }

    [Fact]
    public void A_challenge_that_comes_back_is_refused()
    {
        var login = Challenged(out LoginAnswer challenge);
        string reflected = $"CHAP_I=1\0CHAP_C={LoginDriver.Value(challenge, "CHAP_C")}\0";
        Assert.Equal(LoginStatus.AuthenticationFailure, login.Security(Answer(challenge, 5, "me", Both.Secret) + reflected).Status);
    }

    [Fact]
    public void Mutual_chap_without_a_secret_of_the_target_is_refused()
    {
        var login = new LoginDriver(target => target with { Chap = Both with { MutualSecret = null } });
        login.Security(LoginDriver.Names + "AuthMethod=CHAP\0");
        LoginAnswer challenge = login.Security("CHAP_A=5\0");
        Assert.Equal(LoginStatus.AuthenticationFailure, login.Security(Answer(challenge, 5, "me", Both.Secret) + "CHAP_I=1\0CHAP_C=0x0102030405\0").Status);
    }

    [Fact]
    public void Chap_cannot_be_gone_round()
    {
        Assert.Equal(LoginStatus.AuthenticationFailure, new LoginDriver(target => target with { Chap = Both }).Say(LoginDriver.Names).Status);
        Assert.Equal(LoginStatus.AuthenticationFailure, new LoginDriver(target => target with { Chap = Both }).Security(LoginDriver.Names + "AuthMethod=None\0").Status);
        Assert.Equal(LoginStatus.AuthenticationFailure, new LoginDriver(target => target with { Chap = Both }).Security(LoginDriver.Names, LoginStage.FullFeaturePhase).Status);
        var login = Challenged(out _);
        LoginAnswer answer = login.Security("", LoginStage.FullFeaturePhase);
        Assert.Equal(LoginStep.Respond, answer.Step);
        Assert.Equal(0, answer.Flags & 0x80);
    }

    [Fact]
    public void An_initiators_own_credentials_stand_before_the_targets()
    {
        var own = new ChapSettings { UserName = "own", Secret = "a secret of its own" };
        var login = new LoginDriver(target => target with { Chap = Both, Initiators = [new InitiatorAccess { Pattern = LoginDriver.Initiator, Chap = own }] });
        login.Security(LoginDriver.Names + "AuthMethod=CHAP\0");
        LoginAnswer challenge = login.Security("CHAP_A=5\0");
        Assert.Equal(LoginStep.Complete, login.Security(Answer(challenge, 5, "own", own.Secret), LoginStage.FullFeaturePhase).Step);
    }

    [Fact]
    public void Discovery_may_ask_for_chap()
    {
        var login = new LoginDriver { DiscoveryChap = Both };
        Assert.Equal(LoginStatus.AuthenticationFailure, login.Say($"InitiatorName={LoginDriver.Initiator}\0SessionType=Discovery\0").Status);
    }

    [Fact]
    public void Base64_is_a_way_to_write_bytes() => Assert.Equal([1, 2, 3], TextValues.Binary("0bAQID", 1024));

    private static LoginDriver Challenged(out LoginAnswer challenge)
    {
        var login = new LoginDriver(target => target with { Chap = Both });
        login.Security(LoginDriver.Names + "AuthMethod=CHAP\0");
        challenge = login.Security("CHAP_A=5\0");
        return login;
    }

    private static string Answer(LoginAnswer challenge, byte algorithm, string name, string secret)
    {
        byte identifier = byte.Parse(LoginDriver.Value(challenge, "CHAP_I"), System.Globalization.CultureInfo.InvariantCulture);
        byte[] bytes = TextValues.Binary(LoginDriver.Value(challenge, "CHAP_C"), 1024)!;
        return $"CHAP_N={name}\0CHAP_R={TextValues.Hexadecimal(Chap.Response(algorithm, identifier, secret, bytes))}\0";
    }
}
