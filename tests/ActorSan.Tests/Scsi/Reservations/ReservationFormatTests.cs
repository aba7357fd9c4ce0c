using ActorSan.Scsi.Reservations;
using CsCheck;
using Xunit;
using static ActorSan.Tests.Scsi.Reservations.ReservationFixture;

namespace ActorSan.Tests.Scsi.Reservations;

/// <summary>Golden bytes of what is on disk and on the wire, and refusal of what is not ours.</summary>
public sealed class ReservationFormatTests
{
    private const string GoldenState =
        "4153505201000100030000000500000002000300"
        + "12" + "69716E2E323032362D30312E746573743A61"
        + "12" + "69716E2E323032362D30312E746573743A62"
        + "010000000000000001005634128000000100" + "0000"
        + "0200000000000000020000000040000001000100"
        + "0300000000000000020000000040000002000100";

    private static readonly ReservationState s_state = Registered((A1, 1), (B1, 2))
        .Good(B2, ReservationAction.Register, 0, 3, persist: true)
        .Good(A1, ReservationAction.Reserve, 1, 0, ReservationType.WriteExclusiveRegistrantsOnly);

    [Fact]
    public void State_has_its_golden_bytes()
    {
        var bytes = new byte[ReservationCodec.LengthOf(s_state)];
        ReservationCodec.Write(s_state, bytes);
        Assert.Equal(GoldenState, Convert.ToHexString(bytes.AsSpan(0, bytes.Length - 4)));
        Assert.Equal("2C43A666", Convert.ToHexString(bytes.AsSpan(bytes.Length - 4)));
    }

    [Fact]
    public void Every_damaged_byte_and_every_cut_is_refused()
    {
        var bytes = new byte[ReservationCodec.LengthOf(s_state)];
        ReservationCodec.Write(s_state, bytes);
        for (int i = 0; i < bytes.Length; i++)
        {
            byte kept = bytes[i];
            bytes[i] ^= 0x10;
            Assert.NotEqual(ReservationDamage.None, ReservationCodec.TryRead(bytes, out ReservationState read));
            Assert.Same(ReservationState.Empty, read);
            bytes[i] = kept;
            if (i > 0)
            {
                Assert.NotEqual(ReservationDamage.None, ReservationCodec.TryRead(bytes.AsSpan(0, i), out _));
            }
        }

        Assert.Equal(ReservationDamage.None, ReservationCodec.TryRead([], out _));
    }

    [Fact]
    public void Any_bytes_are_read_without_throwing()
    {
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            "ASPR"u8.CopyTo(bytes.Length >= 4 ? bytes : new byte[4]);
            ReservationCodec.TryRead(bytes, out _);
            TransportId.TryRead(bytes, out _, out _);
            byte[] cdb = Cdb((ReservationAction)(bytes.Length > 0 ? bytes[0] & 0x1F : 0), bytes.Length);
            ReservationResult verdict = PersistentReserveOut.TryRead(cdb, bytes, out ReservationRequest? request, out _);
            Assert.Equal(verdict == ReservationResult.Good, request is not null);
        });
    }

    [Fact]
    public void Transport_id_is_written_and_read_as_the_standard_shows_it()
    {
        var bytes = new byte[TransportId.MaxBytes];
        int length = TransportId.Write(A1, bytes);
        Assert.Equal(
            "45000024" + Convert.ToHexString("iqn.2026-01.test:a,i,0x801234560001"u8) + "00", Convert.ToHexString(bytes.AsSpan(0, length)));
        Assert.True(TransportId.TryRead(bytes.AsSpan(0, length), out TransportId id, out int read));
        Assert.Equal((new TransportId(A1.InitiatorName, A1.Isid), length), (id, read));
        Assert.False(TransportId.TryRead(bytes.AsSpan(0, length - 1), out _, out _));
        bytes[0] = 0x46;
        Assert.False(TransportId.TryRead(bytes, out _, out _));
    }

    [Fact]
    public void Read_keys_truncates_the_list_and_not_its_length()
    {
        var cdb = new byte[10];
        cdb[0] = PersistentReserveIn.OperationCode;
        var data = new byte[12];
        Assert.Equal(32, PersistentReserveIn.Write(cdb, s_state, data));
        Assert.Equal("0000000300000018" + "00000000", Convert.ToHexString(data));
    }

    [Theory]
    [InlineData(1, "0000000300000010" + "0000000000000001" + "00000000" + "00" + "05" + "0000")]
    [InlineData(2, "00081D91EA010000")]
    public void Read_reservation_and_capabilities_have_their_golden_bytes(int serviceAction, string golden)
    {
        byte[] cdb = [PersistentReserveIn.OperationCode, (byte)serviceAction, 0, 0, 0, 0, 0, 0, 64, 0];
        var data = new byte[64];
        int length = PersistentReserveIn.Write(cdb, s_state, data);
        Assert.Equal(golden, Convert.ToHexString(data.AsSpan(0, length)));
    }

    [Fact]
    public void Full_status_has_a_descriptor_for_each_registration()
    {
        byte[] cdb = [PersistentReserveIn.OperationCode, PersistentReserveIn.ReadFullStatus, 0, 0, 0, 0, 0, 1, 0, 0];
        var data = new byte[1024];
        int length = PersistentReserveIn.Write(cdb, s_state, data);
        Assert.Equal(8 + (3 * (24 + 40)), length);
        Assert.Equal("0000000300" + "0000C0", Convert.ToHexString(data.AsSpan(0, 8)));
        Assert.Equal("0000000000000001" + "00000000" + "01" + "05" + "00000000" + "0001" + "00000028" + "45", Convert.ToHexString(data.AsSpan(8, 25)));
        Assert.Equal("0000000000000003" + "00000000" + "00" + "00" + "00000000" + "0002" + "00000028" + "45", Convert.ToHexString(data.AsSpan(8 + 128, 25)));
    }

    [Fact]
    public void Service_actions_that_do_not_exist_are_refused()
    {
        for (byte action = 4; action < 32; action++)
        {
            Assert.Equal(-1, PersistentReserveIn.Write([PersistentReserveIn.OperationCode, action, 0, 0, 0, 0, 0, 0, 64, 0], s_state, new byte[64]));
        }

        for (byte action = 8; action < 32; action++)
        {
            ReservationResult verdict = PersistentReserveOut.TryRead(Cdb((ReservationAction)action, 24), new byte[24], out _, out int pointer);
            Assert.Equal((ReservationResult.InvalidFieldInCdb, 1), (verdict, pointer));
        }
    }

    [Fact]
    public void Parameter_lists_are_checked_for_form()
    {
        ReservationResult Read(ReservationAction action, byte[] list, out int pointer, byte scopeAndType = 0x01) =>
            PersistentReserveOut.TryRead(Cdb(action, list.Length, scopeAndType), list, out _, out pointer);

        var list = new byte[24];
        Assert.Equal(ReservationResult.Good, Read(ReservationAction.Reserve, list, out _));
        Assert.Equal(ReservationResult.InvalidFieldInCdb, Read(ReservationAction.Reserve, list, out int pointer, 0x02));
        Assert.Equal(2, pointer);
        Assert.Equal(ReservationResult.InvalidFieldInCdb, Read(ReservationAction.Reserve, list, out _, 0x11));
        Assert.Equal(ReservationResult.Good, Read(ReservationAction.Register, list, out _, 0x2F));
        Assert.Equal(ReservationResult.ParameterListLengthError, Read(ReservationAction.Clear, new byte[23], out _));
        Assert.Equal(ReservationResult.ParameterListLengthError, Read(ReservationAction.Clear, new byte[28], out _));

        list[20] = 0x08;
        Assert.Equal(ReservationResult.InvalidFieldInParameterList, Read(ReservationAction.RegisterAndIgnoreExistingKey, list, out _));
        Assert.Equal(ReservationResult.ParameterListLengthError, Read(ReservationAction.Register, list, out _));
        var withId = new byte[28 + TransportId.LengthOf(B1)];
        withId[20] = 0x08;
        withId[27] = (byte)TransportId.Write(B1, withId.AsSpan(28));
        Assert.Equal(ReservationResult.Good, Read(ReservationAction.Register, withId, out _));
        withId[28] = 0x40;
        Assert.Equal(ReservationResult.InvalidFieldInParameterList, Read(ReservationAction.Register, withId, out pointer));
        Assert.Equal(28, pointer);
    }
}
