namespace ActorSan.Iscsi.Login;

/// <summary>
/// Answers operational keys one by one and keeps what was agreed. Pure. A null answer says nothing (a declaration); <c>Reject</c> leaves the value as it was (RFC 7143 §6.2).
/// </summary>
internal sealed class KeyNegotiation(SessionSettings offers, bool discovery, bool leading)
{
    private const string Crc32c = "CRC32C";

    // Ours at ErrorRecoveryLevel 0: nothing is retained after a connection is gone.
    private const int OurTime2Wait = 2;
    private const int OurTime2Retain = 0;

    // RFC 7143 as it stands; 2 would promise the task management functions of RFC 7144.
    private const int OurProtocolLevel = 1;

    public SessionParameters Agreed { get; private set; } = new();

    public string InitiatorAlias { get; private set; } = "";

    /// <summary>A connection that joins or replaces another starts from the session's values: a copy, for a login that is refused must change nothing.</summary>
    public void Inherit(SessionParameters parameters) => Agreed = parameters.ForNewConnection();

    /// <summary>In full feature phase what is agreed holds at once.</summary>
    public void Continue(SessionParameters parameters) => Agreed = parameters;

    public string? AnswerLogin(string key, string value)
    {
        if (IsAnswerToOurs(key, value))
        {
            return null;
        }

        KeyRule? rule = KeyRules.Find(key);
        if (rule is null)
        {
            return TextValues.NotUnderstood;
        }

        if ((rule.Use & KeyUse.Login) == 0 || ((rule.Use & KeyUse.LeadingOnly) != 0 && !leading))
        {
            return TextValues.Reject;
        }

        return Answer(rule, value);
    }

    public string? AnswerFullFeature(string key, string value)
    {
        KeyRule? rule = KeyRules.Find(key);
        if (rule is null)
        {
            return TextValues.NotUnderstood;
        }

        return (rule.Use & KeyUse.FullFeature) == 0 ? TextValues.Reject : Answer(rule, value);
    }

    /// <summary>What an initiator says of a declaration of ours that it does not know is an answer, and no answer is answered.</summary>
    private static bool IsAnswerToOurs(string key, string value) =>
        (key is "TargetAlias" or "TargetPortalGroupTag" or KeyRules.MaxRecvDataSegmentLength)
        && (value is TextValues.NotUnderstood or TextValues.Irrelevant or TextValues.Reject);

    private string? Answer(KeyRule rule, string value)
    {
        if (discovery && (rule.Use & KeyUse.NormalSessionOnly) != 0)
        {
            return TextValues.Irrelevant;
        }

        switch (rule.Type)
        {
            case KeyType.List:
                return AnswerList(rule, value);
            case KeyType.NumberMinimum or KeyType.NumberMaximum:
                return AnswerNumber(rule, value);
            case KeyType.BooleanAnd or KeyType.BooleanOr:
                return AnswerBoolean(rule, value);
            case KeyType.Declared:
                return Declare(rule, value);
            case KeyType.Constant:
                return rule.Constant;
            default:
                Storage.Invariant.Fail("a key of no type");
                return null;
        }
    }

    private string AnswerList(KeyRule rule, string value)
    {
        foreach (string choice in value.Split(','))
        {
            switch (rule.Name)
            {
                case KeyRules.HeaderDigest when choice == Crc32c && offers.HeaderDigest:
                    Agreed.HeaderDigest = true;
                    return choice;
                case KeyRules.HeaderDigest when choice == TextValues.None && !offers.RequireDigests:
                    Agreed.HeaderDigest = false;
                    return choice;
                case KeyRules.DataDigest when choice == Crc32c && offers.DataDigest:
                    Agreed.DataDigest = true;
                    return choice;
                case KeyRules.DataDigest when choice == TextValues.None && !offers.RequireDigests:
                    Agreed.DataDigest = false;
                    return choice;
                case KeyRules.TaskReporting when choice == "RFC3720":
                    return choice;
            }
        }

        return TextValues.Reject;
    }

    private string AnswerNumber(KeyRule rule, string value)
    {
        if (!TextValues.TryNumber(value, out long offered) || offered < rule.Minimum || offered > rule.Maximum)
        {
            return TextValues.Reject;
        }

        if (rule.Name == KeyRules.FirstBurstLength && Agreed.InitialR2T && !Agreed.ImmediateData)
        {
            return TextValues.Irrelevant;
        }

        long ours = OurNumber(rule);
        int result = (int)(rule.Type == KeyType.NumberMinimum ? Math.Min(offered, ours) : Math.Max(offered, ours));
        switch (rule.Name)
        {
            case KeyRules.MaxConnections:
                Agreed.MaxConnections = result;
                break;
            case KeyRules.MaxBurstLength:
                Agreed.MaxBurstLength = result;
                break;
            case KeyRules.FirstBurstLength:
                Agreed.FirstBurstLength = result;
                break;
            case KeyRules.DefaultTime2Wait:
                Agreed.DefaultTime2Wait = result;
                break;
            case KeyRules.DefaultTime2Retain:
                Agreed.DefaultTime2Retain = result;
                break;
            case KeyRules.MaxOutstandingR2T:
                Agreed.MaxOutstandingR2T = result;
                break;
            case KeyRules.ErrorRecoveryLevel:
                Agreed.ErrorRecoveryLevel = result;
                break;
        }

        return TextValues.Number(result);
    }

    private long OurNumber(KeyRule rule) => rule.Name switch
    {
        KeyRules.MaxConnections => 1,
        KeyRules.MaxBurstLength => offers.MaxBurstLength,
        KeyRules.FirstBurstLength => Math.Min(offers.FirstBurstLength, offers.MaxBurstLength),
        KeyRules.DefaultTime2Wait => OurTime2Wait,
        KeyRules.DefaultTime2Retain => OurTime2Retain,
        KeyRules.MaxOutstandingR2T => offers.MaxOutstandingR2T,
        KeyRules.ErrorRecoveryLevel => 0,
        KeyRules.ProtocolLevel => OurProtocolLevel,
        _ => rule.Maximum,
    };

    private string AnswerBoolean(KeyRule rule, string value)
    {
        if (!TextValues.TryBoolean(value, out bool offered))
        {
            return TextValues.Reject;
        }

        bool result;
        switch (rule.Name)
        {
            case KeyRules.InitialR2T:
                Agreed.InitialR2T = result = offered || offers.InitialR2T;
                break;
            case KeyRules.ImmediateData:
                Agreed.ImmediateData = result = offered && offers.ImmediateData;
                break;
            case KeyRules.DataPduInOrder:
                Agreed.DataPduInOrder = result = true;
                break;
            default:
                Agreed.DataSequenceInOrder = result = true;
                break;
        }

        return TextValues.Boolean(result);
    }

    private string? Declare(KeyRule rule, string value)
    {
        if (rule.Name == KeyRules.InitiatorAlias)
        {
            InitiatorAlias = value;
            return null;
        }

        if (rule.Name == KeyRules.NodeArchitecture)
        {
            return null; // Told for support desks: nothing may depend on it.
        }

        if (!TextValues.TryNumber(value, out long length) || length < rule.Minimum || length > rule.Maximum)
        {
            return TextValues.Reject;
        }

        Agreed.MaxSendDataSegmentLength = (int)length;
        return null;
    }
}
