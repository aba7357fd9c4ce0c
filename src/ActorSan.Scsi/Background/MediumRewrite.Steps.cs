using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;

namespace ActorSan.Scsi.Background;

/// <summary>The pieces of a rewrite, its records on the volume, and the task that waits for it.</summary>
internal sealed unsafe partial class MediumRewrite
{
    // The failed plan in whose place the new one comes; again in force when the new one can't begin.
    private RewritePlan? _replaced;
    private VolumeStatus _outcome;

    private long SizeBytes => Device.BlockCount << Device.BlockShift;

    // A format is not paced: its initiator waits for the medium, and on most volumes it writes next to nothing.
    private long RateBytes => _plan!.IsSanitize ? Device.Settings.SanitizeMaxRateBytes : 0;

    private void StartRewrite()
    {
        GiveBack();
        _step = Step.Rewrite;
        BeginPace();
        TellProgress();
        GoOn();
    }

    private void NextPiece()
    {
        RewritePlan plan = _plan!;
        long left = SizeBytes - _offsetBytes;
        if (left <= 0)
        {
            _step = Step.Flush;
            GoOn();
            return;
        }

        OffsetBytes = _offsetBytes;
        LengthBytes = Math.Min(left, PieceBytes(plan));
        ForceUnitAccess = false;
        Atomic = false;
        if (plan.Method == RewriteMethod.CryptoErase)
        {
            OffsetBytes = 0;
            LengthBytes = SizeBytes;
            Issue(VolumeOperationKind.CryptoErase);
        }
        else if (plan.HasPattern)
        {
            if (FillPattern(plan))
            {
                Data = _pattern.Address;
                Issue(VolumeOperationKind.Write);
            }
            else
            {
                GoOnLater();
            }
        }
        else if (Device.Volume.Capabilities.Thin)
        {
            Issue(VolumeOperationKind.Unmap);
        }
        else
        {
            MayDeallocate = false;
            Issue(VolumeOperationKind.WriteZeroes);
        }
    }

    // An eighth of a second's worth at most, so that the pace is even; whole granules, so that each becomes a hole.
    private long PieceBytes(RewritePlan plan)
    {
        long most = plan.HasPattern ? Math.Max(PatternBytes, Device.BlockBytes) : EraseBytes;
        long wanted = RateBytes == 0 ? most : Math.Min(most, RateBytes / 8);
        long granule = Math.Max(Device.Limits.OptimalGranularityBlocks, plan.HasPattern ? 1 : Device.Limits.UnmapGranularityBlocks) << Device.BlockShift;
        return Math.Max(granule, wanted / granule * granule);
    }

    private bool FillPattern(RewritePlan plan)
    {
        if (_filledPass == _pass)
        {
            return true;
        }

        int bytes = (int)PieceBytes(plan);
        if (_pattern.IsEmpty && !Device.Volume.Home.Buffers.TryRent(bytes, BufferOwner.Task, out _pattern))
        {
            _pattern = default;
            return false;
        }

        Span<byte> block = _pattern.Span[..Device.BlockBytes];
        for (int at = 0; at < block.Length; at += plan.Pattern.Length)
        {
            plan.Pattern.AsSpan(0, Math.Min(plan.Pattern.Length, block.Length - at)).CopyTo(block[at..]);
        }

        if (plan.IsInverted(_pass))
        {
            foreach (ref byte value in block)
            {
                value = (byte)~value;
            }
        }

        for (int at = block.Length; at < bytes; at += block.Length)
        {
            block.CopyTo(_pattern.Span[at..]);
        }

        _filledPass = _pass;
        return true;
    }

    private void PieceDone()
    {
        long before = _offsetBytes;
        _offsetBytes += LengthBytes;
        TellProgress();
        if (_offsetBytes < SizeBytes && before / CheckpointBytes != _offsetBytes / CheckpointBytes)
        {
            _step = Step.Flush;
        }

        GoOn(_plan!.Method == RewriteMethod.CryptoErase ? 0 : LengthBytes, RateBytes);
    }

    private void Flushed()
    {
        RewritePlan plan = _plan!;
        if (_offsetBytes >= SizeBytes)
        {
            _offsetBytes = 0;
            _pass++;
            if (_pass == plan.Passes)
            {
                _step = Step.Remove;
                GoOn();
                return;
            }
        }

        _plan = plan with { Pass = (byte)_pass, DoneBytes = _offsetBytes };
        _step = Step.Checkpoint;
        GoOn();
    }

    private void Record(RewritePlan plan)
    {
        if (_attribute.IsEmpty && !Device.Volume.Home.Buffers.TryRent(RewritePlan.MaxEncodedBytes(Device.BlockBytes), BufferOwner.Task, out _attribute))
        {
            _attribute = default;
            GoOnLater();
            return;
        }

        plan.Write(_attribute.Span);
        Data = _attribute.Address;
        LengthBytes = plan.EncodedBytes;
        SetAttribute();
    }

    private void SetAttribute()
    {
        OffsetBytes = 0;
        Attribute = VolumeAttribute.Sanitize;
        // The first record takes the medium away from everybody: what is older is complete before it is (replication.md W12).
        TakesRightsAway = _step == Step.Begin;
        Issue(VolumeOperationKind.SetAttribute);
    }

    private void TellProgress()
    {
        double done = ((double)_pass * SizeBytes) + _offsetBytes;
        double all = (double)_plan!.Passes * Math.Max(1, SizeBytes);
        Device.BackgroundProgress = (ushort)Math.Min(ushort.MaxValue, done / all * 65536);
    }

    private void Wait(TaskState task)
    {
        _waiter = task;
        task.Release = static task => task.Device.Rewrite.Forget(task);
        task.Await(
            static task =>
            {
                VolumeStatus outcome = task.Device.Rewrite._outcome;
                if (outcome == VolumeStatus.Success)
                {
                    task.EndGood(task.Cursor);
                }
                else if (task.Device.Rewrite.Failure is { } failure)
                {
                    task.Fail(SenseKey.MediumError, failure.IsSanitize ? AdditionalSense.SanitizeCommandFailed : AdditionalSense.FormatCommandFailed);
                }
                else
                {
                    task.Status = outcome;
                    task.FailVolume(0);
                }
            },
            interruptible: true);
    }

    private void Answer(VolumeStatus outcome)
    {
        if (_waiter is { } waiter)
        {
            _waiter = null;
            _outcome = outcome;
            waiter.Resume();
        }
    }

    // The task was aborted, or has its answer; the rewrite goes on.
    private void Forget(TaskState task)
    {
        if (ReferenceEquals(_waiter, task))
        {
            _waiter = null;
        }
    }
}
