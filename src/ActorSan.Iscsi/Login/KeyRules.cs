namespace ActorSan.Iscsi.Login;

/// <summary>How two ends come to one value (RFC 7143 §6.2).</summary>
internal enum KeyType : byte
{
    /// <summary>The first of the initiator's list that we take.</summary>
    List,

    NumberMinimum,
    NumberMaximum,
    BooleanAnd,
    BooleanOr,

    /// <summary>Told, not negotiated: no answer.</summary>
    Declared,

    /// <summary>Obsolete or never offered by an initiator: always answered with a constant.</summary>
    Constant,
}

/// <summary>Where a key holds and when it may be told.</summary>
[Flags]
internal enum KeyUse : byte
{
    None = 0,

    /// <summary>During login (RFC: IO).</summary>
    Login = 1,

    /// <summary>Only in the leading login of a session (LO).</summary>
    LeadingOnly = 2,

    /// <summary>In full feature phase (FFPO, or with <see cref="Login"/> ALL).</summary>
    FullFeature = 4,

    /// <summary>Means nothing in a discovery session: answered with Irrelevant.</summary>
    NormalSessionOnly = 8,
}

/// <summary>One text key of an operational negotiation.</summary>
/// <param name="Minimum">The smallest number that the RFC allows.</param>
/// <param name="Maximum">The largest.</param>
/// <param name="Constant">The answer of a <see cref="KeyType.Constant"/>.</param>
internal sealed record KeyRule(string Name, KeyType Type, KeyUse Use, long Minimum = 0, long Maximum = 0, string Constant = "");

/// <summary>The one table of operational text keys (RFC 7143 §13). Keys of the security stage are the negotiation's own.</summary>
internal static class KeyRules
{
    public const string HeaderDigest = "HeaderDigest";
    public const string DataDigest = "DataDigest";
    public const string MaxConnections = "MaxConnections";
    public const string InitialR2T = "InitialR2T";
    public const string ImmediateData = "ImmediateData";
    public const string MaxRecvDataSegmentLength = "MaxRecvDataSegmentLength";
    public const string MaxBurstLength = "MaxBurstLength";
    public const string FirstBurstLength = "FirstBurstLength";
    public const string DefaultTime2Wait = "DefaultTime2Wait";
    public const string DefaultTime2Retain = "DefaultTime2Retain";
    public const string MaxOutstandingR2T = "MaxOutstandingR2T";
    public const string DataPduInOrder = "DataPDUInOrder";
    public const string DataSequenceInOrder = "DataSequenceInOrder";
    public const string ErrorRecoveryLevel = "ErrorRecoveryLevel";
    public const string TaskReporting = "TaskReporting";
    public const string InitiatorAlias = "InitiatorAlias";
    public const string ProtocolLevel = "iSCSIProtocolLevel";
    public const string NodeArchitecture = "X#NodeArchitecture";

    private const KeyUse Leading = KeyUse.Login | KeyUse.LeadingOnly;
    private const KeyUse LeadingNormal = Leading | KeyUse.NormalSessionOnly;

    private static readonly Dictionary<string, KeyRule> ByName = new KeyRule[]
    {
        new(HeaderDigest, KeyType.List, KeyUse.Login),
        new(DataDigest, KeyType.List, KeyUse.Login),
        new(MaxConnections, KeyType.NumberMinimum, LeadingNormal, 1, 65535),
        new(InitialR2T, KeyType.BooleanOr, LeadingNormal),
        new(ImmediateData, KeyType.BooleanAnd, LeadingNormal),
        new(MaxRecvDataSegmentLength, KeyType.Declared, KeyUse.Login | KeyUse.FullFeature, 512, (1 << 24) - 1),
        new(MaxBurstLength, KeyType.NumberMinimum, LeadingNormal, 512, (1 << 24) - 1),
        new(FirstBurstLength, KeyType.NumberMinimum, LeadingNormal, 512, (1 << 24) - 1),
        new(DefaultTime2Wait, KeyType.NumberMaximum, Leading, 0, 3600),
        new(DefaultTime2Retain, KeyType.NumberMinimum, Leading, 0, 3600),
        new(MaxOutstandingR2T, KeyType.NumberMinimum, LeadingNormal, 1, 65535),
        new(DataPduInOrder, KeyType.BooleanOr, LeadingNormal),
        new(DataSequenceInOrder, KeyType.BooleanOr, LeadingNormal),
        new(ErrorRecoveryLevel, KeyType.NumberMinimum, Leading, 0, 2),
        new(TaskReporting, KeyType.List, LeadingNormal),
        new(InitiatorAlias, KeyType.Declared, KeyUse.Login | KeyUse.FullFeature),
        new(ProtocolLevel, KeyType.NumberMinimum, LeadingNormal, 0, 31), // RFC 7144 §7.1.1
        new(NodeArchitecture, KeyType.Declared, KeyUse.Login | KeyUse.LeadingOnly), // RFC 7143 §13.26

        // Of the security stage, which takes it before it comes here (RFC 7143 §12.1).
        new("AuthMethod", KeyType.Constant, KeyUse.Login, Constant: TextValues.Reject),

        // Obsolete (RFC 7143 §13.25): never NotUnderstood.
        new("IFMarker", KeyType.Constant, KeyUse.Login, Constant: TextValues.No),
        new("OFMarker", KeyType.Constant, KeyUse.Login, Constant: TextValues.No),
        new("IFMarkInt", KeyType.Constant, KeyUse.Login, Constant: TextValues.Reject),
        new("OFMarkInt", KeyType.Constant, KeyUse.Login, Constant: TextValues.Reject),
    }.ToDictionary(rule => rule.Name, StringComparer.Ordinal);

    public static KeyRule? Find(string name) => ByName.GetValueOrDefault(name);
}
