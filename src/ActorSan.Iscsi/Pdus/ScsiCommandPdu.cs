using ActorSan.Scsi;

namespace ActorSan.Iscsi.Pdus;

/// <summary>
/// SCSI Command, RFC 7143 §11.3:
/// <code>
///   0  .I 01h | F R W 0 0 ATTR(3) | reserved (2)
///   4  TotalAHSLength | DataSegmentLength
///   8  LUN (8)
///  16  initiator task tag
///  20  expected data transfer length
///  24  CmdSN        28  ExpStatSN
///  32  CDB (16)
///  48  AHS: extended CDB (type 1), bidirectional read length (type 2)
/// </code>
/// </summary>
internal readonly unsafe struct ScsiCommandPdu(byte* header)
{
    public const int InlineCdbBytes = 16;

    public bool Final => BasicHeader.Final(header);

    public bool Read => (header[1] & 0x40) != 0;

    public bool Write => (header[1] & 0x20) != 0;

    /// <summary>Values above 4 are reserved and count as simple.</summary>
    public TaskAttribute Attribute => (header[1] & 7) is var code and <= 4 ? (TaskAttribute)code : TaskAttribute.Simple;

    public uint ExpectedTransferBytes => BasicHeader.ReadUInt32(header + 20);

    public SerialNumber32 CmdSN => BasicHeader.ReadSerial(header + 24);

    public SerialNumber32 ExpStatSN => BasicHeader.ReadSerial(header + 28);

    public ReadOnlySpan<byte> InlineCdb => new(header + 32, InlineCdbBytes);

    /// <summary>
    /// Copies the CDB, extended by an AHS of type 1 where there is one, and finds the bidirectional read length. False: an AHS is broken, of an unknown type or given twice.
    /// Of a CDB longer than <see cref="CdbBuffer.MaxLength"/> the first 16 bytes are copied and the whole length is told.
    /// </summary>
    public bool TryReadCdb(ref CdbBuffer cdb, out int cdbLength, out uint bidirectionalReadBytes)
    {
        cdb = default;
        InlineCdb.CopyTo(cdb);
        cdbLength = InlineCdbBytes;
        bidirectionalReadBytes = 0;
        byte* at = header + BasicHeader.LengthBytes;
        byte* end = at + BasicHeader.AhsBytes(header);
        bool haveCdb = false, haveBidirectional = false;
        while (at < end)
        {
            int specific = BasicHeader.ReadUInt16(at);
            int whole = 3 + specific;
            whole += BasicHeader.Padding(whole);
            if (whole > end - at)
            {
                return false;
            }

            switch (at[2] & 0x3F)
            {
                case 1 when !haveCdb && specific >= 2:
                    haveCdb = true;
                    cdbLength = InlineCdbBytes + specific - 1;
                    if (cdbLength <= CdbBuffer.MaxLength)
                    {
                        new ReadOnlySpan<byte>(at + 4, specific - 1).CopyTo(((Span<byte>)cdb)[InlineCdbBytes..]);
                    }

                    break;
                case 2 when !haveBidirectional && specific == 5:
                    haveBidirectional = true;
                    bidirectionalReadBytes = BasicHeader.ReadUInt32(at + 4);
                    break;
                default:
                    return false;
            }

            at += whole;
        }

        return true;
    }
}
