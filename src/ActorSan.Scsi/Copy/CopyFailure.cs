namespace ActorSan.Scsi.Copy;

/// <summary>
/// Why a piece of a copy did not end well, and the sense data that the initiator gets for it (SPC-4 §5.17.7.4): COPY ABORTED, the segment's number in INFORMATION, and, in
/// fixed format, status and sense data of the unit that failed behind the usual 18 bytes, with COMMAND-SPECIFIC INFORMATION pointing at them.
/// </summary>
internal sealed class CopyFailure
{
    private readonly byte[] _sense = new byte[SenseBuffer.MaxLength];
    private int _senseLength;
    private ScsiStatus _status;
    private bool _aborted;

    public void Take(CopyPiece piece)
    {
        _aborted = piece.Aborted;
        _status = piece.Aborted ? ScsiStatus.TaskAborted : piece.Status;
        _senseLength = piece.Aborted ? 0 : piece.SenseLength;
        ((ReadOnlySpan<byte>)piece.Sense)[.._senseLength].CopyTo(_sense);
    }

    public void Answer(TaskState task, int segment, bool reading)
    {
        if (task.Outlived)
        {
            // Not the copy failed: the unit that was asked serves no more. What was copied until then is copied.
            task.FailUnknown();
            return;
        }

        if (!_aborted && _status is ScsiStatus.Busy)
        {
            // Nothing is wrong with the unit: the initiator asks again.
            task.EndStatus(ScsiStatus.Busy);
            return;
        }

        int forwarded = 1 + _senseLength;
        bool fits = !task.Device.DescriptorSense && SenseData.FixedBytes + forwarded <= SenseBuffer.MaxLength;
        ulong pointer = (ulong)SenseData.FixedBytes << (reading ? 24 : 16);
        task.Fail(new SenseDescription(
            SenseKey.CopyAborted,
            AdditionalSense.ThirdPartyDeviceFailure,
            Information: (ulong)segment,
            CommandSpecific: fits ? pointer : null));
        if (!fits)
        {
            return;
        }

        Span<byte> sense = task.Task.Sense;
        sense[SenseData.FixedBytes] = (byte)_status;
        _sense.AsSpan(0, _senseLength).CopyTo(sense[(SenseData.FixedBytes + 1)..]);
        sense[7] = (byte)(SenseData.FixedBytes + forwarded - 8);
        task.Task.SenseLength = SenseData.FixedBytes + forwarded;
    }
}
