using ActorSan.Storage;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;

namespace ActorSan.Scsi.Background;

/// <summary>SELF-TEST CODE of SEND DIAGNOSTIC (SPC-4 §6.42).</summary>
internal enum SelfTestCode : byte
{
    /// <summary>The default self-test, or none.</summary>
    None = 0,
    BackgroundShort = 1,
    BackgroundExtended = 2,
    AbortBackground = 4,
    ForegroundShort = 5,
    ForegroundExtended = 6,
}

/// <summary>SELF-TEST RESULTS (SPC-4 §7.3.17).</summary>
internal enum SelfTestOutcome : byte
{
    Completed = 0,
    AbortedBySendDiagnostic = 1,
    AbortedByOther = 2,

    /// <summary>Could not go on: the volume stopped serving.</summary>
    NotCompleted = 3,

    /// <summary>A segment failed, and it is known which.</summary>
    SegmentFailed = 7,
    InProgress = 15,
}

/// <summary>One line of the self-test results log.</summary>
/// <param name="Hours">Whole hours from the opening of the unit to the end of the test.</param>
/// <param name="FailedLba">The first block that could not be read.</param>
internal readonly record struct SelfTestResult(SelfTestCode Code, SelfTestOutcome Outcome, ushort Hours, ulong? FailedLba);

/// <summary>
/// Reads the medium: all of it (extended), or pieces spread over it from the first to the last block (short, and the default self-test). Home thread only.
/// </summary>
internal sealed unsafe class SelfTest : PacedWork
{
    /// <summary>What a self-test in the background reads in a second, so that others keep their share of the disk.</summary>
    public const long BackgroundRateBytes = 256L << 20;

    /// <summary>Results that are kept (SPC-4 §7.3.17).</summary>
    public const int MaxResults = 20;

    private const int ChunkBytes = 1 << 20;
    private const int ShortPieces = 64;
    private const long NsPerHour = 3_600_000_000_000;

    private readonly List<SelfTestResult> _results = [];
    private readonly long _openedNs;
    private IoBuffer _buffer;
    private SelfTestCode _code;
    private long _offsetBytes;
    private TaskState? _waiter;
    private SelfTestOutcome _outcome;
    private bool _deposed;
    private bool _ending;

    public SelfTest(BlockDevice device)
        : base(device) => _openedNs = device.Volume.Home.NowNs;

    public bool IsRunning { get; private set; }

    public bool IsInBackground => IsRunning && _code is SelfTestCode.BackgroundShort or SelfTestCode.BackgroundExtended;

    /// <summary>The newest first; a test that runs is the first of them.</summary>
    public IEnumerable<SelfTestResult> Results =>
        IsRunning ? _results.Prepend(new SelfTestResult(_code, SelfTestOutcome.InProgress, Hours, null)).Take(MaxResults) : _results;

    /// <summary>EXTENDED SELF-TEST COMPLETION MINUTES (SPC-4 §7.8.7): twice the time at full pace, which the disk's other work may take away.</summary>
    public static ushort ExtendedMinutes(long sizeBytes) => (ushort)Math.Clamp((sizeBytes / (BackgroundRateBytes / 2) / 60) + 1, 1, ushort.MaxValue);

    private long SizeBytes => Device.BlockCount << Device.BlockShift;

    private ushort Hours => (ushort)Math.Min(ushort.MaxValue, (Device.Volume.Home.NowNs - _openedNs) / NsPerHour);

    private bool IsShort => _code is not (SelfTestCode.BackgroundExtended or SelfTestCode.ForegroundExtended);

    /// <summary>Starts a test. In the foreground <paramref name="task"/> waits for its end, and other commands are refused; in the background the task has nothing to wait for.</summary>
    public void Begin(SelfTestCode code, TaskState? task)
    {
        Invariant.Check(!IsRunning);
        _code = code;
        _offsetBytes = 0;
        IsRunning = true;
        Device.BackgroundProgress = 0;
        if (task is not null)
        {
            // The default self-test is over at once: it keeps nobody out.
            Device.Restrict(Restrictions.SelfTesting, holds: code != SelfTestCode.None);
            _waiter = task;
            task.Release = static task => task.Device.SelfTest.Forget(task);
            task.Await(
                static task =>
                {
                    SelfTestOutcome outcome = task.Device.SelfTest._outcome;
                    if (outcome == SelfTestOutcome.Completed)
                    {
                        task.EndGood();
                    }
                    else if (outcome == SelfTestOutcome.NotCompleted && task.Device.SelfTest._deposed)
                    {
                        // Nothing was found wrong: the volume is served elsewhere.
                        task.Fail(task.Device.DescribePort(task.Nexus));
                    }
                    else
                    {
                        task.Fail(SenseKey.HardwareError, AdditionalSense.LogicalUnitFailedSelfTest);
                    }
                },
                interruptible: true);
        }

        // A test that was aborted may still have its last read in flight: its end begins this one.
        BeginPace();
        if (!IsInFlight)
        {
            GoOn();
        }
    }

    /// <summary>The unit serves no more: the test that runs ends without a finding.</summary>
    public void Standby()
    {
        if (IsRunning)
        {
            _deposed = true;
            End(SelfTestOutcome.NotCompleted, null);
        }
    }

    /// <summary>Ends the test that runs, if one does.</summary>
    public void Abort(SelfTestOutcome outcome)
    {
        if (IsRunning)
        {
            End(outcome, null);
        }
    }

    protected override void Next()
    {
        if (!IsRunning || IsInFlight)
        {
            return;
        }

        long left = SizeBytes - _offsetBytes;
        if (left <= 0)
        {
            End(SelfTestOutcome.Completed, null);
            return;
        }

        if (_buffer.IsEmpty && !Device.Volume.Home.Buffers.TryRent(ChunkBytes, BufferOwner.Task, out _buffer))
        {
            _buffer = default;
            GoOnLater();
            return;
        }

        OffsetBytes = _offsetBytes;
        LengthBytes = Math.Min(left, IsShort ? Device.BlockBytes : ChunkBytes);
        Data = _buffer.Address;
        ForceUnitAccess = true;
        _ending = false;
        Issue(VolumeOperationKind.Read);
    }

    protected override void Completed()
    {
        if (_ending || !IsRunning)
        {
            // Its test was ended meanwhile; what waits begins now.
            _ending = false;
            if (IsRunning)
            {
                GoOn();
            }
            else
            {
                GiveBack();
            }

            return;
        }

        switch (Status)
        {
            case VolumeStatus.Success:
                long read = LengthBytes;
                Advance();
                GoOn(read, IsInBackground ? BackgroundRateBytes : 0);
                break;
            case VolumeStatus.Busy:
                GoOnLater();
                break;
            case VolumeStatus.OutOfRange when OffsetBytes + LengthBytes > SizeBytes:
                GoOn();
                break;
            case VolumeStatus.NotReady or VolumeStatus.Deposed:
                _deposed = Status == VolumeStatus.Deposed;
                End(SelfTestOutcome.NotCompleted, null);
                break;
            default:
                Device.Statistics.VerifyErrors++;
                End(SelfTestOutcome.SegmentFailed, (ulong)(OffsetBytes >> Device.BlockShift));
                break;
        }
    }

    protected override void GiveBack()
    {
        if (!_buffer.IsEmpty)
        {
            Device.Volume.Home.Buffers.Return(_buffer);
            _buffer = default;
        }
    }

    private void Advance()
    {
        if (!IsShort)
        {
            _offsetBytes += LengthBytes;
        }
        else
        {
            // Evenly spread, and the last block of all.
            long last = SizeBytes - Device.BlockBytes;
            long stride = Math.Max(Device.BlockBytes, (last / (ShortPieces - 1)) & -Device.BlockBytes);
            _offsetBytes = _offsetBytes >= last ? SizeBytes : Math.Min(_offsetBytes + stride, last);
        }

        Device.BackgroundProgress = (ushort)Math.Min(ushort.MaxValue, (double)_offsetBytes / SizeBytes * 65536);
    }

    private void End(SelfTestOutcome outcome, ulong? failedLba)
    {
        IsRunning = false;
        Halt();
        if (_code != SelfTestCode.None)
        {
            // The default self-test leaves no line (SPC-4 §5.14.2).
            _results.Insert(0, new SelfTestResult(_code, outcome, Hours, failedLba));
            if (_results.Count > MaxResults)
            {
                _results.RemoveAt(MaxResults);
            }
        }

        Device.Restrict(Restrictions.SelfTesting, holds: false);
        if (IsInFlight)
        {
            _ending = true;
        }
        else
        {
            GiveBack();
        }

        if (_waiter is { } waiter)
        {
            _waiter = null;
            _outcome = outcome;
            waiter.Resume();
        }
    }

    // The command was aborted: so is its test.
    private void Forget(TaskState task)
    {
        if (ReferenceEquals(_waiter, task))
        {
            _waiter = null;
            Abort(SelfTestOutcome.AbortedByOther);
        }
    }
}
