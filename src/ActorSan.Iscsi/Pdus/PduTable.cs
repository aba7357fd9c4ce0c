namespace ActorSan.Iscsi.Pdus;

/// <summary>When an initiator may send a PDU.</summary>
[Flags]
internal enum PduStages : byte
{
    None = 0,
    Login = 1,
    DiscoveryFullFeature = 2,
    NormalFullFeature = 4,
    FullFeature = DiscoveryFullFeature | NormalFullFeature,
}

/// <summary>Which handler of a connection takes a PDU.</summary>
internal enum PduHandler : byte
{
    None,
    NopOut,
    ScsiCommand,
    TaskManagement,
    Login,
    Text,
    DataOut,
    Logout,
    Snack,
}

/// <summary>Why a header is refused before its body is looked at.</summary>
internal enum HeaderFault : byte
{
    None,

    /// <summary>No opcode of the RFC that an initiator may send.</summary>
    UnknownOpcode,

    /// <summary>An opcode that does not belong into the stage.</summary>
    WrongStage,

    /// <summary>An AHS where none may be, or a longer one than the opcode takes: a format error, the stream is lost (RFC 7143 §7.7).</summary>
    AhsTooLong,

    /// <summary>More data than we declared in MaxRecvDataSegmentLength, or data where none may be: a format error.</summary>
    DataTooLong,
}

/// <summary>What is constant about an initiator's opcode.</summary>
/// <param name="Handler">None: the opcode is not an initiator's.</param>
/// <param name="Stages">Where it may come.</param>
/// <param name="CarriesData">Whether it has a data segment.</param>
/// <param name="MaxAhsBytes">The longest AHS that it takes.</param>
/// <param name="Numbered">Whether it has a CmdSN.</param>
internal readonly record struct PduRule(PduHandler Handler, PduStages Stages, bool CarriesData, int MaxAhsBytes, bool Numbered);

/// <summary>The one table of opcodes: direction, lengths, stages, handler (RFC 7143 §11.2.1.2).</summary>
internal static unsafe class PduTable
{
    /// <summary>Extended CDB of 32 bytes (20 bytes of AHS) and a bidirectional read length (8 bytes), with room for the RFC's longest CDB of 260 bytes, which is answered in order.</summary>
    public const int MaxCommandAhsBytes = 260;

    private static readonly PduRule[] Rules = Build();

    public static PduRule RuleOf(IscsiOpcode opcode) => Rules[(byte)opcode & 0x3F];

    /// <summary>Checks a header by itself: opcode, stage, lengths. <paramref name="maxDataBytes"/> is what we declared.</summary>
    public static HeaderFault Check(byte* header, PduStages stage, int maxDataBytes, out PduRule rule)
    {
        rule = RuleOf(BasicHeader.Opcode(header));
        if (BasicHeader.DataSegmentLength(header) > maxDataBytes)
        {
            return HeaderFault.DataTooLong;
        }

        if (BasicHeader.AhsBytes(header) > MaxCommandAhsBytes)
        {
            return HeaderFault.AhsTooLong;
        }

        if (rule.Handler == PduHandler.None)
        {
            return HeaderFault.UnknownOpcode;
        }

        if ((rule.Stages & stage) == 0)
        {
            return HeaderFault.WrongStage;
        }

        if (BasicHeader.AhsBytes(header) > rule.MaxAhsBytes)
        {
            return HeaderFault.AhsTooLong;
        }

        return !rule.CarriesData && BasicHeader.DataSegmentLength(header) != 0 ? HeaderFault.DataTooLong : HeaderFault.None;
    }

    private static PduRule[] Build()
    {
        var rules = new PduRule[64];
        rules[(int)IscsiOpcode.NopOut] = new(PduHandler.NopOut, PduStages.FullFeature, CarriesData: true, 0, Numbered: true);
        rules[(int)IscsiOpcode.ScsiCommand] = new(PduHandler.ScsiCommand, PduStages.NormalFullFeature, CarriesData: true, MaxCommandAhsBytes, Numbered: true);
        rules[(int)IscsiOpcode.TaskManagementRequest] = new(PduHandler.TaskManagement, PduStages.NormalFullFeature, CarriesData: false, 0, Numbered: true);
        rules[(int)IscsiOpcode.LoginRequest] = new(PduHandler.Login, PduStages.Login, CarriesData: true, 0, Numbered: true);
        rules[(int)IscsiOpcode.TextRequest] = new(PduHandler.Text, PduStages.FullFeature, CarriesData: true, 0, Numbered: true);
        rules[(int)IscsiOpcode.DataOut] = new(PduHandler.DataOut, PduStages.NormalFullFeature, CarriesData: true, 0, Numbered: false);
        rules[(int)IscsiOpcode.LogoutRequest] = new(PduHandler.Logout, PduStages.FullFeature, CarriesData: false, 0, Numbered: true);
        rules[(int)IscsiOpcode.SnackRequest] = new(PduHandler.Snack, PduStages.FullFeature, CarriesData: false, 0, Numbered: false);
        return rules;
    }
}
