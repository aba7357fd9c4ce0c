using ActorSan.Iscsi;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using Xunit;

namespace ActorSan.Tests.Iscsi.Login;

public sealed class LoginNegotiationTests
{
    [Fact]
    public void One_request_may_do_it_all()
    {
        var login = new LoginDriver();
        LoginAnswer answer = login.Say(LoginDriver.Names);
        Assert.Equal(LoginStep.Complete, answer.Step);
        Assert.Equal(0x87, answer.Flags);
        Assert.Equal("TargetPortalGroupTag=7\0MaxRecvDataSegmentLength=262144\0", LoginDriver.Text(answer));
    }

    // Each key: what is offered, what is answered (RFC 7143 §13).
    [Theory]
    [InlineData("HeaderDigest=CRC32C,None", "HeaderDigest=CRC32C")]
    [InlineData("HeaderDigest=None,CRC32C", "HeaderDigest=None")]
    [InlineData("DataDigest=MD5,CRC32C", "DataDigest=CRC32C")]
    [InlineData("DataDigest=MD5", "DataDigest=Reject")]
    [InlineData("MaxConnections=8", "MaxConnections=1")]
    [InlineData("MaxConnections=0", "MaxConnections=Reject")]
    [InlineData("InitialR2T=Yes", "InitialR2T=Yes")]
    [InlineData("InitialR2T=No", "InitialR2T=No")]
    [InlineData("ImmediateData=No", "ImmediateData=No")]
    [InlineData("ImmediateData=yes", "ImmediateData=Reject")]
    [InlineData("MaxBurstLength=0x1000", "MaxBurstLength=4096")]
    [InlineData("MaxBurstLength=16777215", "MaxBurstLength=1048576")]
    [InlineData("MaxBurstLength=511", "MaxBurstLength=Reject")]
    [InlineData("MaxBurstLength=16777216", "MaxBurstLength=Reject")]
    [InlineData("FirstBurstLength=65536", "FirstBurstLength=65536")]
    [InlineData("DefaultTime2Wait=0", "DefaultTime2Wait=2")]
    [InlineData("DefaultTime2Wait=3601", "DefaultTime2Wait=Reject")]
    [InlineData("DefaultTime2Retain=20", "DefaultTime2Retain=0")]
    [InlineData("MaxOutstandingR2T=65535", "MaxOutstandingR2T=8")]
    [InlineData("DataPDUInOrder=No", "DataPDUInOrder=Yes")]
    [InlineData("DataSequenceInOrder=No", "DataSequenceInOrder=Yes")]
    [InlineData("ErrorRecoveryLevel=2", "ErrorRecoveryLevel=0")]
    [InlineData("ErrorRecoveryLevel=3", "ErrorRecoveryLevel=Reject")]
    [InlineData("TaskReporting=FastAbort,RFC3720", "TaskReporting=RFC3720")]
    [InlineData("iSCSIProtocolLevel=2", "iSCSIProtocolLevel=1")]
    [InlineData("iSCSIProtocolLevel=0", "iSCSIProtocolLevel=0")]
    [InlineData("iSCSIProtocolLevel=32", "iSCSIProtocolLevel=Reject")]
    [InlineData("AuthMethod=None", "AuthMethod=Reject")]
    [InlineData("IFMarker=Yes", "IFMarker=No")]
    [InlineData("OFMarkInt=2048", "OFMarkInt=Reject")]
    [InlineData("X-com.example.speed=11", "X-com.example.speed=NotUnderstood")]
    [InlineData("SendTargets=All", "SendTargets=NotUnderstood")]
    [InlineData("MaxRecvDataSegmentLength=12", "MaxRecvDataSegmentLength=Reject")]
    public void Keys_are_answered_by_their_rule(string offered, string answered)
    {
        string[] pairs = LoginDriver.Text(new LoginDriver().Say($"{LoginDriver.Names}{offered}\0")).Split('\0');
        Assert.Contains(answered, pairs);
    }

    [Theory]
    [InlineData("X#NodeArchitecture=Linux/6.18")]
    [InlineData("InitiatorAlias=host")]
    [InlineData("TargetPortalGroupTag=NotUnderstood")]
    [InlineData("TargetAlias=NotUnderstood")]
    public void Declarations_and_answers_are_not_answered(string said)
    {
        LoginAnswer answer = new LoginDriver().Say($"{LoginDriver.Names}{said}\0");
        Assert.Equal("TargetPortalGroupTag=7\0MaxRecvDataSegmentLength=262144\0", LoginDriver.Text(answer));
    }

    [Fact]
    public void First_burst_means_nothing_without_unsolicited_data_whatever_the_order_of_the_keys()
    {
        LoginAnswer answer = new LoginDriver().Say($"{LoginDriver.Names}FirstBurstLength=4096\0InitialR2T=Yes\0ImmediateData=No\0");
        Assert.Equal("Irrelevant", LoginDriver.Value(answer, "FirstBurstLength"));
    }

    [Fact]
    public void Keys_of_normal_sessions_are_irrelevant_in_discovery()
    {
        LoginAnswer answer = new LoginDriver().Say($"InitiatorName={LoginDriver.Initiator}\0SessionType=Discovery\0MaxBurstLength=4096\0HeaderDigest=CRC32C\0");
        Assert.Equal("Irrelevant", LoginDriver.Value(answer, "MaxBurstLength"));
        Assert.Equal("CRC32C", LoginDriver.Value(answer, "HeaderDigest"));
        Assert.DoesNotContain("TargetPortalGroupTag", LoginDriver.Text(answer), StringComparison.Ordinal);
    }

    [Fact]
    public void First_burst_never_exceeds_the_burst()
    {
        var login = new LoginDriver();
        login.Say($"{LoginDriver.Names}MaxBurstLength=4096\0");
        Assert.Equal(4096, login.Agreed.FirstBurstLength);
    }

    [Theory]
    [InlineData("TargetName=" + LoginDriver.Target + "\0", 0x0207)]
    [InlineData("InitiatorName=" + LoginDriver.Initiator + "\0", 0x0207)]
    [InlineData("InitiatorName=" + LoginDriver.Initiator + "\0TargetName=iqn.2026-01.test:other\0", 0x0203)]
    [InlineData("InitiatorName=me\0TargetName=" + LoginDriver.Target + "\0", 0x0200)]
    [InlineData(LoginDriver.Names + "SessionType=Odd\0", 0x0209)]
    [InlineData(LoginDriver.Names + "MaxBurstLength=512\0MaxBurstLength=512\0", 0x0200)]
    [InlineData(LoginDriver.Names + "nonsense\0", 0x0200)]
    [InlineData(LoginDriver.Names + "Key=value", 0x0200)]
    public void Refusals_have_their_status(string text, int status)
    {
        LoginAnswer answer = new LoginDriver().Say(text);
        Assert.Equal(LoginStep.Refuse, answer.Step);
        Assert.Equal((LoginStatus)status, answer.Status);
        Assert.NotEqual("", answer.Detail);
    }

    [Fact]
    public void An_unknown_session_and_a_version_to_come_are_refused()
    {
        Assert.Equal(LoginStatus.SessionDoesNotExist, new LoginDriver { Tsih = 5 }.Say(LoginDriver.Names).Status);
        Assert.Equal(LoginStatus.UnsupportedVersion, new LoginDriver().Say(LoginDriver.Names, versionMin: 1).Status);
    }

    [Theory]
    [InlineData(LoginStage.OperationalNegotiation, LoginStage.OperationalNegotiation)]
    [InlineData(LoginStage.OperationalNegotiation, (LoginStage)2)]
    [InlineData((LoginStage)2, LoginStage.FullFeaturePhase)]
    [InlineData(LoginStage.FullFeaturePhase, null)]
    public void Stages_go_forward_only(LoginStage stage, LoginStage? next) =>
        Assert.Equal(LoginStatus.InitiatorError, new LoginDriver().Say(LoginDriver.Names, stage, next).Status);

    [Fact]
    public void A_stage_left_is_not_entered_again()
    {
        var login = new LoginDriver();
        Assert.Equal(0x81, login.Security(LoginDriver.Names, LoginStage.OperationalNegotiation).Flags);
        Assert.Equal(LoginStatus.InitiatorError, login.Security("").Status);
    }

    [Fact]
    public void Text_in_pieces_counts_as_one()
    {
        var login = new LoginDriver();
        LoginAnswer first = login.Say(LoginDriver.Names + "MaxBurst", next: null, more: true);
        Assert.Equal(LoginStep.Respond, first.Step);
        Assert.Empty(first.Text);
        Assert.Equal(0x04, first.Flags);
        Assert.Equal("4096", LoginDriver.Value(login.Say("Length=4096\0"), "MaxBurstLength"));
    }

    [Fact]
    public void Text_without_end_is_refused()
    {
        var login = new LoginDriver();
        string piece = new('x', 8192);
        LoginAnswer answer = default;
        for (int i = 0; i < 5 && answer.Step == LoginStep.Respond; i++)
        {
            answer = login.Say(piece, next: null, more: true);
        }

        Assert.Equal(LoginStep.Refuse, answer.Step);
    }

    [Fact]
    public void A_login_that_never_ends_is_refused()
    {
        var login = new LoginDriver();
        login.Say(LoginDriver.Names, next: null);
        LoginAnswer answer = default;
        for (int i = 0; i < LoginNegotiation.MaxRequests && answer.Step == LoginStep.Respond; i++)
        {
            answer = login.Say("", next: null);
        }

        Assert.Equal(LoginStep.Refuse, answer.Step);
    }

    [Theory]
    [InlineData("iqn.2026-01.test:i", true)]
    [InlineData("IQN.2026-01.TEST:I", true)]
    [InlineData("iqn.2026-01.*", true)]
    [InlineData("*:i", true)]
    [InlineData("iqn.*test*i", true)]
    [InlineData("iqn.2026-01.test", false)]
    [InlineData("*:j", false)]
    public void The_initiator_list_admits_by_pattern(string pattern, bool admitted)
    {
        var login = new LoginDriver(target => target with { Open = false, Initiators = [new InitiatorAccess { Pattern = pattern }] });
        Assert.Equal(admitted ? LoginStatus.Success : LoginStatus.AuthorizationFailure, login.Say(LoginDriver.Names).Status);
    }

    [Fact]
    public void Without_list_or_chap_or_open_nobody_is_admitted() =>
        Assert.Equal(LoginStatus.AuthorizationFailure, new LoginDriver(target => target with { Open = false }).Say(LoginDriver.Names).Status);

    [Theory]
    [InlineData(false, 0x0101)]
    [InlineData(true, 0x0102)]
    public void A_moved_target_says_where_to(bool permanent, int status)
    {
        LoginAnswer answer = new LoginDriver(target => target with { Redirect = new RedirectSettings("10.0.0.9:3260,1", permanent) }).Say(LoginDriver.Names);
        Assert.Equal((LoginStatus)status, answer.Status);
        Assert.Equal("TargetAddress=10.0.0.9:3260,1\0", LoginDriver.Text(answer));
    }

    [Fact]
    public void Required_digests_must_be_agreed_on()
    {
        var settings = new SessionSettings { RequireDigests = true };
        Assert.Equal(LoginStatus.InitiatorError, new LoginDriver(target => target with { Session = settings }).Say(LoginDriver.Names + "HeaderDigest=None\0").Status);
        Assert.Equal(LoginStep.Complete, new LoginDriver(target => target with { Session = settings }).Say(LoginDriver.Names + "HeaderDigest=CRC32C\0DataDigest=CRC32C,None\0").Step);
    }
}
