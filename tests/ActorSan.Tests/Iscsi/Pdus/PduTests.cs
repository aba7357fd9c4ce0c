using ActorSan.Iscsi.Pdus;
using ActorSan.Scsi;
using Xunit;

namespace ActorSan.Tests.Iscsi.Pdus;

/// <summary>Golden bytes of the layouts in RFC 7143 §11.</summary>
public sealed unsafe class PduTests
{
    private delegate void Writer(byte* header);

    [Fact]
    public void Data_in_with_status()
    {
        string bytes = Hex(header =>
        {
            DataInPdu.Write(header, 0x01020304, final: true, 5, 0x10000, 0x2000);
            DataInPdu.AddStatus(header, ScsiStatus.Good, Residual.Of(0x2000, 0x3000));
        });
        Assert.Equal("2583000000002000 0000000000000000 01020304 ffffffff 00000000 00000000 00000000 00000005 00010000 00001000".Replace(" ", "", StringComparison.Ordinal), bytes);
    }

    [Fact]
    public void Scsi_response_with_overflow()
    {
        string bytes = Hex(header => ScsiResponsePdu.Write(header, 7, ScsiStatus.CheckCondition, Residual.Of(1000, 512), default, 3, 20));
        Assert.Equal("2184000200000014 0000000000000000 00000007 00000000 00000000 00000000 00000000 00000003 00000000 000001e8".Replace(" ", "", StringComparison.Ordinal), bytes);
    }

    [Fact]
    public void Scsi_response_with_residuals_of_both_directions()
    {
        string bytes = Hex(header => ScsiResponsePdu.Write(header, 7, ScsiStatus.Good, Residual.Of(1000, 512), Residual.Of(0, 0x200), 0, 0));
        Assert.Equal("218c000000000000 0000000000000000 00000007 00000000 00000000 00000000 00000000 00000000 00000200 000001e8".Replace(" ", "", StringComparison.Ordinal), bytes);
        bytes = Hex(header => ScsiResponsePdu.Write(header, 7, ScsiStatus.Good, Residual.Of(0, 1), Residual.Of(3, 1), 0, 0));
        Assert.StartsWith("2192", bytes, StringComparison.Ordinal);
    }

    [Fact]
    public void Ready_to_transfer()
    {
        string bytes = Hex(header => ReadyToTransferPdu.Write(header, 0x0001_0000_0000_0000, 7, 0x00100002, new SerialNumber32(2), 0x40000, 0x10000));
        Assert.Equal("3180000000000000 0001000000000000 00000007 00100002 00000000 00000000 00000000 00000002 00040000 00010000".Replace(" ", "", StringComparison.Ordinal), bytes);
    }

    [Fact]
    public void Login_response()
    {
        var request = new LoginRequest(true, false, 1, 3, 0, 0, 0x4000_0102_0304, 0, 9, 1, default, default);
        string bytes = Hex(header => LoginResponsePdu.Write(header, request, 0x87, 0x1234, LoginStatus.NotFound, 0));
        Assert.Equal("2387000000000000 4000010203041234 00000009 00000000 00000000 00000000 00000000 02030000 00000000 00000000".Replace(" ", "", StringComparison.Ordinal), bytes);
    }

    [Fact]
    public void Async_message_and_reject_and_logout()
    {
        Assert.StartsWith("3280000000000000", Hex(header => AsyncMessagePdu.Write(header, 0, AsyncEvent.RequestLogout, 0, 0, 30, 0)), StringComparison.Ordinal);
        Assert.EndsWith("01000000" + "0000001e" + "00000000", Hex(header => AsyncMessagePdu.Write(header, 0, AsyncEvent.RequestLogout, 0, 0, 30, 0)), StringComparison.Ordinal);
        Assert.StartsWith("3f80040000000030", Hex(header => RejectPdu.Write(header, RejectReason.ProtocolError, 48)), StringComparison.Ordinal);
        Assert.EndsWith("00020014" + "00000000", Hex(header => LogoutResponsePdu.Write(header, 1, LogoutResponse.Closed, 2, 20)), StringComparison.Ordinal);
    }

    // RFC 7143 appendix A.4 (the vectors of RFC 3720 B.4).
    [Theory]
    [InlineData(0x00, 0x00, "aa36918a")]
    [InlineData(0xFF, 0x00, "43aba862")]
    [InlineData(0x00, 0x01, "4e79dd46")]
    public void Digests_are_the_standards(byte first, byte step, string wire)
    {
        byte[] bytes = Enumerable.Range(0, 32).Select(i => (byte)(first + (i * step))).ToArray();
        byte[] digest = new byte[4];
        fixed (byte* at = bytes, to = digest)
        {
            PduDigest.Write(to, PduDigest.Append(PduDigest.Append(0, at, 13), at + 13, 19));
        }

        Assert.Equal(wire, Convert.ToHexStringLower(digest));
    }

    [Fact]
    public void Extended_cdb_and_bidirectional_length_are_read_from_the_ahs()
    {
        byte[] pdu = new byte[48 + 20 + 8];
        pdu[0] = 0x01;
        pdu[4] = 7;
        pdu[32] = 0x7F;
        new byte[] { 0x00, 0x11, 0x01, 0x00 }.CopyTo(pdu, 48); // AHSLength 17, type 1: 16 more bytes of CDB
        pdu[52] = 0xAB;
        pdu[67] = 0xCD;
        new byte[] { 0x00, 0x05, 0x02, 0x00, 0x00, 0x00, 0x10, 0x00 }.CopyTo(pdu, 68);
        Assert.True(Read(pdu, out CdbBuffer cdb, out int length, out uint bidirectional));
        Assert.Equal(32, length);
        Assert.Equal((0x7F, 0xAB, 0xCD), (cdb[0], cdb[16], cdb[31]));
        Assert.Equal(4096u, bidirectional);
    }

    [Fact]
    public void A_cdb_that_is_too_long_tells_its_length()
    {
        byte[] pdu = new byte[48 + 24];
        pdu[4] = 6;
        new byte[] { 0x00, 0x12, 0x01 }.CopyTo(pdu, 48);
        Assert.True(Read(pdu, out _, out int length, out _));
        Assert.Equal(33, length);
    }

    [Theory]
    [InlineData(0x00, 0x05, 0x03)] // no such type
    [InlineData(0xFF, 0xFF, 0x01)] // beyond the AHS
    [InlineData(0x00, 0x00, 0x01)]
    public void Broken_ahs_is_refused(byte high, byte low, byte type)
    {
        byte[] pdu = new byte[48 + 24];
        pdu[4] = 6;
        new[] { high, low, type }.CopyTo(pdu, 48);
        Assert.False(Read(pdu, out _, out _, out _));
    }

    [Theory]
    [InlineData(0x01, 0, 262144, (byte)PduStages.NormalFullFeature, (byte)HeaderFault.None)]
    [InlineData(0x01, 0, 262145, (byte)PduStages.NormalFullFeature, (byte)HeaderFault.DataTooLong)]
    [InlineData(0x01, 66, 0, (byte)PduStages.NormalFullFeature, (byte)HeaderFault.AhsTooLong)]
    [InlineData(0x05, 1, 0, (byte)PduStages.NormalFullFeature, (byte)HeaderFault.AhsTooLong)]
    [InlineData(0x02, 0, 4, (byte)PduStages.NormalFullFeature, (byte)HeaderFault.DataTooLong)]
    [InlineData(0x01, 0, 0, (byte)PduStages.DiscoveryFullFeature, (byte)HeaderFault.WrongStage)]
    [InlineData(0x03, 0, 0, (byte)PduStages.NormalFullFeature, (byte)HeaderFault.WrongStage)]
    [InlineData(0x01, 0, 0, (byte)PduStages.Login, (byte)HeaderFault.WrongStage)]
    [InlineData(0x1F, 0, 0, (byte)PduStages.NormalFullFeature, (byte)HeaderFault.UnknownOpcode)]
    [InlineData(0x25, 0, 0, (byte)PduStages.NormalFullFeature, (byte)HeaderFault.UnknownOpcode)]
    public void The_table_refuses_by_the_header_alone(byte opcode, byte ahsWords, int data, byte stage, byte fault)
    {
        byte[] header = new byte[48];
        header[0] = opcode;
        header[4] = ahsWords;
        fixed (byte* at = header)
        {
            BasicHeader.SetDataSegmentLength(at, data);
            Assert.Equal((HeaderFault)fault, PduTable.Check(at, (PduStages)stage, 262144, out _));
        }
    }

    private static bool Read(byte[] pdu, out CdbBuffer cdb, out int length, out uint bidirectional)
    {
        cdb = default;
        fixed (byte* at = pdu)
        {
            return new ScsiCommandPdu(at).TryReadCdb(ref cdb, out length, out bidirectional);
        }
    }

    private static string Hex(Writer writer)
    {
        byte[] header = new byte[48];
        Array.Fill(header, (byte)0xEE);
        fixed (byte* at = header)
        {
            writer(at);
        }

        return Convert.ToHexStringLower(header);
    }
}
