using System.Globalization;
using System.Text;
using ActorSan.Iscsi.Pdus;

namespace ActorSan.Iscsi.Login;

/// <summary>What the connection does after a Login Request.</summary>
internal enum LoginStep : byte
{
    /// <summary>Send the response and wait for the next request.</summary>
    Respond,

    /// <summary>All is agreed: admit the session, then send the response, which ends the login.</summary>
    Complete,

    /// <summary>Send the response with its status and close.</summary>
    Refuse,
}

/// <summary>The answer to one Login Request.</summary>
internal readonly record struct LoginAnswer(LoginStep Step, LoginStatus Status, byte Flags, byte[] Text, LoginRefusal Refusal = default, string Detail = "");

/// <summary>
/// One connection's login at the target (RFC 7143 §6.3, §12, §13): a pure state machine from requests to answers. Stages are entered in order and never left
/// backwards; text may come and go in pieces (C bit), bounded by <see cref="TextPairs.MaxTextBytes"/> and <see cref="MaxRequests"/>.
/// </summary>
internal sealed class LoginNegotiation(ILoginDirectory directory, ushort portalGroupTag, Func<int, byte[]> randomBytes)
{
    /// <summary>Requests that one login may take.</summary>
    public const int MaxRequests = 64;

    /// <summary>RFC 7143 §13.12: until both ends have declared theirs, a data segment has at most this.</summary>
    public const int MaxSegmentBytes = 8192;

    private readonly MemoryStream _gathered = new();
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private LoginRequest _first;
    private int _requests;
    private byte _stage;
    private byte[] _toSend = [];
    private int _sent;
    private bool _named;
    private bool _declared;
    private bool _authenticated;
    private ChapNegotiation? _chap;
    private KeyNegotiation? _keys;

    public string InitiatorName { get; private set; } = "";

    public string TargetName { get; private set; } = "";

    public bool Discovery { get; private set; }

    /// <summary>The target; null in a discovery session.</summary>
    public TargetSettings? Target { get; private set; }

    public Access Access { get; private set; }

    public SessionParameters Parameters => _keys!.Agreed;

    public string InitiatorAlias => _keys!.InitiatorAlias;

    public ulong Isid => _first.Isid;

    public ushort Tsih => _first.Tsih;

    public ushort Cid => _first.Cid;

    public LoginAnswer Accept(in LoginRequest request, ReadOnlySpan<byte> text)
    {
        if (CheckHeader(request) is { } fault)
        {
            return Refuse(fault);
        }

        if (_sent < _toSend.Length)
        {
            return text.IsEmpty ? NextPiece(request) : Refuse(Protocol("text came while the answer was still being told in pieces"));
        }

        if (_gathered.Length + text.Length > TextPairs.MaxTextBytes)
        {
            return Refuse(Protocol("the login text is too long"));
        }

        _gathered.Write(text);
        if (request.Continue)
        {
            return new LoginAnswer(LoginStep.Respond, LoginStatus.Success, StageFlags(request.CurrentStage), []);
        }

        var pairs = new List<TextPair>();
        TextFault textFault = TextPairs.Read(_gathered.GetBuffer().AsSpan(0, (int)_gathered.Length), pairs);
        _gathered.SetLength(0);
        if (textFault != TextFault.None)
        {
            return Refuse(Protocol($"the login text cannot be read: {textFault}"));
        }

        return Negotiate(request, pairs);
    }

    private LoginRefused? CheckHeader(in LoginRequest request)
    {
        if (_requests == 0)
        {
            _first = request;
            _stage = request.CurrentStage;
        }

        if (++_requests > MaxRequests)
        {
            return Protocol("the login takes too many requests");
        }

        if (request.VersionMin > 0)
        {
            return new LoginRefused(LoginStatus.UnsupportedVersion, LoginRefusal.ProtocolError, $"version {request.VersionMin} at least is asked for, 0 is spoken");
        }

        if (request.Isid != _first.Isid || request.Tsih != _first.Tsih || request.Cid != _first.Cid || request.InitiatorTaskTag != _first.InitiatorTaskTag)
        {
            return Protocol("ISID, TSIH, CID or task tag changed during login");
        }

        if (request.CurrentStage > 1 || request.CurrentStage < _stage)
        {
            return Protocol($"stage {request.CurrentStage} cannot be entered from stage {_stage}");
        }

        if (request.Transit && request.Continue)
        {
            return Protocol("T and C are set together");
        }

        if (request.Transit && (request.NextStage == 2 || request.NextStage <= request.CurrentStage))
        {
            return Protocol($"stage {request.NextStage} does not follow stage {request.CurrentStage}");
        }

        if (request.CurrentStage != _stage)
        {
            return Protocol($"stage {request.CurrentStage} was entered without leave");
        }

        return null;
    }

    private LoginAnswer Negotiate(in LoginRequest request, List<TextPair> pairs)
    {
        var keys = new Dictionary<string, string>(StringComparer.Ordinal);
        var order = new List<string>();
        foreach (TextPair pair in pairs)
        {
            if (!keys.TryAdd(pair.Key, pair.Value) || !_seen.Add(pair.Key))
            {
                return Refuse(Protocol($"{pair.Key} was told twice"));
            }

            order.Add(pair.Key);
        }

        var answer = new StringBuilder();
        if (!_named && Name(keys, answer) is { } refused)
        {
            return Refuse(refused.Refused, refused.Text);
        }

        bool transit = request.Transit;
        if (_stage == (byte)LoginStage.SecurityNegotiation)
        {
            if (Secure(keys, answer, ref transit) is { } failure)
            {
                return Refuse(failure);
            }
        }
        else if (!_authenticated && MustProve)
        {
            return Refuse(new LoginRefused(LoginStatus.AuthenticationFailure, LoginRefusal.AuthenticationFailed, "CHAP is required and the initiator skipped the security stage"));
        }

        AnswerOperational(keys, order, answer);
        if (_stage == (byte)LoginStage.OperationalNegotiation && !_declared)
        {
            Declare(answer);
        }

        return Conclude(request, transit, answer);
    }

    private LoginAnswer Conclude(in LoginRequest request, bool transit, StringBuilder answer)
    {
        if (transit && request.NextStage == (byte)LoginStage.FullFeaturePhase)
        {
            // What was never negotiated counts with its default; what a target demands must have been agreed.
            if (Settings.RequireDigests && !Discovery && !(Parameters.HeaderDigest && Parameters.DataDigest))
            {
                return Refuse(Protocol("digests are required and the initiator did not agree to both"));
            }

            Parameters.FirstBurstLength = Math.Min(Parameters.FirstBurstLength, Parameters.MaxBurstLength);
        }

        _toSend = Encoding.UTF8.GetBytes(answer.ToString());
        _sent = 0;
        _transit = transit;
        return NextPiece(request);
    }

    private bool _transit;

    /// <summary>Sends as much of the answer as one segment takes; the last piece carries the transition.</summary>
    private LoginAnswer NextPiece(in LoginRequest request)
    {
        int length = Math.Min(MaxSegmentBytes, _toSend.Length - _sent);
        byte[] piece = _toSend.AsSpan(_sent, length).ToArray();
        _sent += length;
        if (_sent < _toSend.Length)
        {
            return new LoginAnswer(LoginStep.Respond, LoginStatus.Success, (byte)(StageFlags(_stage) | LoginResponsePdu.ContinueBit), piece);
        }

        _toSend = [];
        _sent = 0;
        byte flags = StageFlags(_stage);
        if (!_transit || !request.Transit)
        {
            return new LoginAnswer(LoginStep.Respond, LoginStatus.Success, flags, piece);
        }

        flags |= (byte)(LoginResponsePdu.TransitBit | request.NextStage);
        _stage = request.NextStage;
        return new LoginAnswer(request.NextStage == (byte)LoginStage.FullFeaturePhase ? LoginStep.Complete : LoginStep.Respond, LoginStatus.Success, flags, piece);
    }

    private SessionSettings Settings => Target?.Session ?? directory.DiscoverySession;

    private bool MustProve => (Discovery ? directory.DiscoveryChap : Access.Chap) is not null;

    /// <summary>The first request says who, what kind of session, and to whom (RFC 7143 §6.3: InitiatorName, SessionType, TargetName).</summary>
    private (LoginRefused Refused, string Text)? Name(Dictionary<string, string> keys, StringBuilder answer)
    {
        if (!keys.Remove("InitiatorName", out string? initiatorName))
        {
            return (new LoginRefused(LoginStatus.MissingParameter, LoginRefusal.ProtocolError, "InitiatorName is missing"), "");
        }

        if (!AccessPolicy.IsName(initiatorName))
        {
            return (Protocol("InitiatorName is not an iSCSI name"), "");
        }

        InitiatorName = initiatorName;
        string type = keys.Remove("SessionType", out string? given) ? given : "Normal";
        if (type is not ("Normal" or "Discovery"))
        {
            return (new LoginRefused(LoginStatus.SessionTypeNotSupported, LoginRefusal.ProtocolError, $"SessionType={type}"), "");
        }

        Discovery = type == "Discovery";
        if (keys.Remove("TargetName", out string? targetName))
        {
            TargetName = targetName;
        }

        if (!Discovery && FindTarget(out string redirect) is { } refused)
        {
            return (refused, redirect);
        }

        SessionParameters? session = null;
        if (_first.Tsih != 0)
        {
            session = directory.FindSession(InitiatorName, TargetName, _first.Isid, _first.Tsih);
            if (session is null)
            {
                return (new LoginRefused(LoginStatus.SessionDoesNotExist, LoginRefusal.ProtocolError, $"there is no session with TSIH {_first.Tsih}"), "");
            }
        }

        _named = true;
        _keys = new KeyNegotiation(Settings, Discovery, leading: _first.Tsih == 0);
        if (session is not null)
        {
            _keys.Inherit(session);
        }

        if (!Discovery)
        {
            TextPairs.Append(answer, "TargetPortalGroupTag", TextValues.Number(portalGroupTag));
            if (Target!.Alias.Length > 0)
            {
                TextPairs.Append(answer, "TargetAlias", Target.Alias);
            }
        }

        return null;
    }

    private LoginRefused? FindTarget(out string redirect)
    {
        redirect = "";
        if (TargetName.Length == 0)
        {
            return new LoginRefused(LoginStatus.MissingParameter, LoginRefusal.ProtocolError, "TargetName is missing");
        }

        Target = directory.FindTarget(TargetName, portalGroupTag);
        if (Target is null)
        {
            return new LoginRefused(LoginStatus.NotFound, LoginRefusal.TargetNotFound, $"there is no target {TargetName} in portal group {portalGroupTag}");
        }

        Access = AccessPolicy.Of(Target, InitiatorName);
        if (!Access.Admitted)
        {
            return new LoginRefused(LoginStatus.AuthorizationFailure, LoginRefusal.NotAuthorized, $"{InitiatorName} is not admitted to {TargetName}");
        }

        if (Target.Redirect is { } elsewhere)
        {
            redirect = $"TargetAddress={elsewhere.Address}\0";
            return new LoginRefused(
                elsewhere.Permanent ? LoginStatus.TargetMovedPermanently : LoginStatus.TargetMovedTemporarily,
                LoginRefusal.Redirected,
                $"redirected to {elsewhere.Address}");
        }

        return null;
    }

    /// <summary>The security stage (RFC 7143 §12.1). Clears <paramref name="transit"/> while the initiator has something left to prove.</summary>
    private LoginRefused? Secure(Dictionary<string, string> keys, StringBuilder answer, ref bool transit)
    {
        ChapSettings? required = Discovery ? directory.DiscoveryChap : Access.Chap;
        if (keys.Remove("AuthMethod", out string? methods))
        {
            string? chosen = ChooseMethod(methods, required);
            if (chosen is null)
            {
                return new LoginRefused(LoginStatus.AuthenticationFailure, LoginRefusal.AuthenticationFailed, $"no authentication method in common (AuthMethod={methods})");
            }

            TextPairs.Append(answer, "AuthMethod", chosen);
            if (chosen == "CHAP")
            {
                _chap = new ChapNegotiation(required!, randomBytes);
            }
        }

        ChapStep step = _chap?.Step(keys, answer) ?? ChapStep.Nothing;
        if (step == ChapStep.Failed)
        {
            return new LoginRefused(LoginStatus.AuthenticationFailure, LoginRefusal.AuthenticationFailed, _chap!.Failure);
        }

        _authenticated = required is null || _chap is { Proved: true };
        if (!_authenticated && transit)
        {
            // An initiator that sets T before it has proved itself may be early with the choice of a method, or have nothing to prove itself with.
            if (_chap is null)
            {
                return new LoginRefused(LoginStatus.AuthenticationFailure, LoginRefusal.AuthenticationFailed, "CHAP is required");
            }

            transit = false;
        }

        return null;
    }

    private static string? ChooseMethod(string methods, ChapSettings? required)
    {
        foreach (string method in methods.Split(','))
        {
            if (method == "CHAP" && required is not null)
            {
                return method;
            }

            if (method == TextValues.None && required is null)
            {
                return method;
            }
        }

        return null;
    }

    private void AnswerOperational(Dictionary<string, string> keys, List<string> order, StringBuilder answer)
    {
        // FirstBurstLength means nothing without unsolicited data, so the two keys that decide that are answered before it.
        foreach (string key in order.Where(key => key is KeyRules.InitialR2T or KeyRules.ImmediateData).Concat(order.Where(key => key is not (KeyRules.InitialR2T or KeyRules.ImmediateData))))
        {
            if (keys.Remove(key, out string? value) && _keys!.AnswerLogin(key, value) is { } text)
            {
                TextPairs.Append(answer, key, text);
            }
        }
    }

    private void Declare(StringBuilder answer)
    {
        _declared = true;
        Parameters.MaxRecvDataSegmentLength = Settings.MaxRecvDataSegmentLength;
        TextPairs.Append(answer, KeyRules.MaxRecvDataSegmentLength, TextValues.Number(Settings.MaxRecvDataSegmentLength));
    }

    private LoginAnswer Refuse(LoginRefused refused, string text = "") => new(
        LoginStep.Refuse,
        refused.Status,
        StageFlags(_stage),
        Encoding.UTF8.GetBytes(text),
        refused.Refusal,
        string.Create(CultureInfo.InvariantCulture, $"{refused.Detail} (status {(ushort)refused.Status:x4}h)"));

    private static LoginRefused Protocol(string detail) => new(LoginStatus.InitiatorError, LoginRefusal.ProtocolError, detail);

    private static byte StageFlags(byte stage) => (byte)(stage << 2);
}
