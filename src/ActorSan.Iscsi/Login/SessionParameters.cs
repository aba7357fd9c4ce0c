using System.Globalization;

namespace ActorSan.Iscsi.Login;

/// <summary>What a login agreed on (RFC 7143 §13), beginning with the RFC's defaults. Lengths in bytes.</summary>
internal sealed class SessionParameters
{
    public bool HeaderDigest { get; set; }

    public bool DataDigest { get; set; }

    public bool InitialR2T { get; set; } = true;

    public bool ImmediateData { get; set; } = true;

    /// <summary>The initiator's: what we may send in one data segment.</summary>
    public int MaxSendDataSegmentLength { get; set; } = 8192;

    /// <summary>Ours, declared: what we take in one data segment in full feature phase.</summary>
    public int MaxRecvDataSegmentLength { get; set; } = 8192;

    public int MaxBurstLength { get; set; } = 262144;

    public int FirstBurstLength { get; set; } = 65536;

    public int MaxOutstandingR2T { get; set; } = 1;

    public bool DataPduInOrder { get; set; } = true;

    public bool DataSequenceInOrder { get; set; } = true;

    public int ErrorRecoveryLevel { get; set; }

    public int MaxConnections { get; set; } = 1;

    public int DefaultTime2Wait { get; set; } = 2;

    public int DefaultTime2Retain { get; set; } = 20;

    /// <summary>What a connection that joins or replaces another begins with: the session's values, and the defaults for those that each connection agrees on for itself (RFC 7143 §13, scope CO).</summary>
    public SessionParameters ForNewConnection()
    {
        var copy = (SessionParameters)MemberwiseClone();
        var defaults = new SessionParameters();
        copy.HeaderDigest = defaults.HeaderDigest;
        copy.DataDigest = defaults.DataDigest;
        copy.MaxSendDataSegmentLength = defaults.MaxSendDataSegmentLength;
        copy.MaxRecvDataSegmentLength = defaults.MaxRecvDataSegmentLength;
        return copy;
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"HeaderDigest={Digest(HeaderDigest)} DataDigest={Digest(DataDigest)} InitialR2T={TextValues.Boolean(InitialR2T)} ImmediateData={TextValues.Boolean(ImmediateData)} "
        + $"MaxRecvDataSegmentLength={MaxSendDataSegmentLength}/{MaxRecvDataSegmentLength} MaxBurstLength={MaxBurstLength} FirstBurstLength={FirstBurstLength} "
        + $"MaxOutstandingR2T={MaxOutstandingR2T} ErrorRecoveryLevel={ErrorRecoveryLevel}");

    private static string Digest(bool on) => on ? "CRC32C" : TextValues.None;
}
