using ActorSan.Storage;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;

namespace ActorSan.Scsi.Background;

/// <summary>
/// The rewrite of the whole medium by SANITIZE (SBC-4 §4.11) or FORMAT UNIT: durable before it starts, so that it goes on after resets, logouts and restarts, by another
/// node too. From its acceptance on no command of the medium is admitted; it starts when those that were admitted have ended. Home thread only.
/// </summary>
internal sealed unsafe partial class MediumRewrite(BlockDevice device) : PacedWork(device)
{
    /// <summary>Repetitions of the pattern that are written at a time.</summary>
    private const int PatternBytes = 256 << 10;

    /// <summary>The most that is erased at a time.</summary>
    private const int EraseBytes = 16 << 20;

    private static readonly TimeSpan PauseTime = TimeSpan.FromSeconds(1);

    private RewritePlan? _plan;
    private Step _step;
    private long _offsetBytes;
    private int _pass;
    private int _filledPass = -1;
    private IoBuffer _pattern;
    private IoBuffer _attribute;

    private TaskState? _waiter;
    private bool _immediate;
    private bool _left;

    private enum Step : byte
    {
        /// <summary>Nothing runs.</summary>
        Idle,

        /// <summary>Waits for the commands that were admitted before.</summary>
        Drain,

        /// <summary>The plan becomes durable.</summary>
        Begin,
        Rewrite,

        /// <summary>What was rewritten goes to the medium.</summary>
        Flush,

        /// <summary>How far it is becomes durable.</summary>
        Checkpoint,

        /// <summary>The plan is removed, durably: done, or given up by EXIT FAILURE MODE.</summary>
        Remove,

        /// <summary>The failure becomes durable.</summary>
        Fail,

        /// <summary>The volume does not serve: goes on from what is durable when it does again.</summary>
        Pause,
    }

    /// <summary>Between two checkpoints; the last is where a restart goes on.</summary>
    internal long CheckpointBytes { get; set; } = Math.Max(256L << 20, device.Volume.Geometry.SizeBytes / 64);

    public bool IsDraining => _step == Step.Drain;

    /// <summary>What failed and was not made good; null when nothing did.</summary>
    public RewritePlan? Failure => _plan is { Failed: true } && _step == Step.Idle ? _plan : null;

    /// <summary>
    /// Accepts a rewrite for <paramref name="task"/>, which ends GOOD when it is durably begun (<paramref name="immediate"/>) or done. The medium is out of reach from here on.
    /// </summary>
    public void Begin(TaskState task, RewritePlan plan, bool immediate)
    {
        Invariant.Check(_step == Step.Idle);
        if (plan.EncodedBytes > Device.Volume.Capabilities.MaxAttributeBytes)
        {
            task.Fail(SenseKey.IllegalRequest, AdditionalSense.InsufficientResources);
            return;
        }

        Device.SelfTest.Abort(SelfTestOutcome.AbortedByOther);
        _replaced = _plan;
        _plan = plan;
        _immediate = immediate;
        Device.Restrict(plan.IsSanitize ? Restrictions.Sanitizing : Restrictions.Formatting, holds: true);
        Device.BackgroundProgress = 0;
        Wait(task);
        _step = Step.Drain;
        OnTaskEnded();
    }

    /// <summary>EXIT FAILURE MODE: the failure is forgotten, durably; <paramref name="task"/> ends with it.</summary>
    public void Forgive(TaskState task)
    {
        Invariant.Check(Failure is not null);
        _immediate = false;
        Wait(task);
        _step = Step.Remove;
        GoOn();
    }

    /// <summary>While <see cref="IsDraining"/>: a task has left the set.</summary>
    public void OnTaskEnded()
    {
        for (TaskState? task = Device.Tasks.First; task is not null; task = task.Next)
        {
            // Commands that need the medium; others neither touch it nor can wait for us.
            if (!ReferenceEquals(task, _waiter) && task.Phase == TaskPhase.Enabled && (task.Command.BlockedBy & Restrictions.MediumAbsent) != 0)
            {
                return;
            }
        }

        _step = Step.Begin;
        GoOn();
    }

    /// <summary>The volume serves, for the first time or again: goes on with what it kept.</summary>
    public void TakeUp()
    {
        if (_step is not (Step.Idle or Step.Pause) || !Device.IsActive)
        {
            return;
        }

        Halt();
        _plan = RewritePlan.Read(Device.Volume.GetAttribute(VolumeAttribute.Sanitize));
        _step = Step.Idle;
        Restrict();
        if (_plan is null)
        {
            // Another node has finished it meanwhile.
            Answer(VolumeStatus.Success);
            GiveBack();
        }
        else if (!_plan.Failed)
        {
            _pass = _plan.Pass;
            _offsetBytes = _plan.DoneBytes;
            StartRewrite();
        }
        else
        {
            Answer(VolumeStatus.WriteError);
        }
    }

    /// <summary>An operation of before <see cref="Standby"/> has not ended: nothing may be taken up before it has.</summary>
    public bool IsBusy => _left;

    /// <summary>The unit serves no more: whoever does goes on from what is durable. Who waits for the end is told to ask there.</summary>
    public void Standby()
    {
        Halt();
        _left = IsInFlight;
        if (!_left)
        {
            GiveBack();
        }

        _plan = null;
        _replaced = null;
        _step = Step.Pause;
        Restrict();
        Answer(VolumeStatus.Deposed);
    }

    protected override void Next()
    {
        switch (_step)
        {
            case Step.Begin:
            case Step.Checkpoint:
            case Step.Fail:
                Record(_plan!);
                break;
            case Step.Remove:
                LengthBytes = 0;
                SetAttribute();
                break;
            case Step.Flush:
                Issue(VolumeOperationKind.Flush);
                break;
            case Step.Rewrite:
                NextPiece();
                break;
            case Step.Pause:
                if (Device.Volume.State.IsReady)
                {
                    TakeUp();
                }

                break;
            default:
                break;
        }
    }

    protected override void Completed()
    {
        if (_left)
        {
            _left = false;
            GiveBack();
            Device.TakeUp();
            return;
        }

        switch (Status)
        {
            case VolumeStatus.Success:
                Succeeded();
                break;
            case VolumeStatus.Busy:
                GoOnLater();
                break;
            case VolumeStatus.NotReady or VolumeStatus.Deposed when _step != Step.Begin:
                // No claim about what was just done: it is taken up from the last checkpoint. A volume that does not serve tells when it does.
                _step = Step.Pause;
                GoOnAfter(PauseTime);
                break;
            case VolumeStatus.OutOfRange when _step == Step.Rewrite && OffsetBytes + LengthBytes > SizeBytes:
                // The volume has become smaller.
                GoOn();
                break;
            default:
                Failed();
                break;
        }
    }

    protected override void GiveBack()
    {
        BufferPool pool = Device.Volume.Home.Buffers;
        if (!_pattern.IsEmpty)
        {
            pool.Return(_pattern);
            _pattern = default;
        }

        if (!_attribute.IsEmpty)
        {
            pool.Return(_attribute);
            _attribute = default;
        }

        _filledPass = -1;
    }

    private void Succeeded()
    {
        switch (_step)
        {
            case Step.Begin:
                _pass = 0;
                _offsetBytes = 0;
                // Whatever failed before is replaced by what runs now.
                Restrict();
                if (_immediate)
                {
                    Answer(VolumeStatus.Success);
                }

                StartRewrite();
                break;
            case Step.Rewrite:
                PieceDone();
                break;
            case Step.Flush:
                Flushed();
                break;
            case Step.Checkpoint:
                _step = Step.Rewrite;
                GoOn();
                break;
            case Step.Remove:
                End(null, VolumeStatus.Success);
                break;
            case Step.Fail:
                End(_plan, VolumeStatus.WriteError);
                break;
            default:
                Invariant.Fail($"An operation ended in step {_step}.");
                break;
        }
    }

    private void Failed()
    {
        switch (_step)
        {
            case Step.Begin:
                // Nothing was begun: what was before is again.
                End(_replaced, Status);
                break;
            case Step.Fail:
                End(_plan, VolumeStatus.WriteError);
                break;
            case Step.Remove when _plan!.Failed:
                // EXIT FAILURE MODE could not be made durable: it did not happen.
                End(_plan, Status);
                break;
            default:
                Device.Statistics.WriteErrors++;
                _plan = _plan! with { Failed = true };
                _step = Step.Fail;
                GoOn();
                break;
        }
    }

    private void End(RewritePlan? left, VolumeStatus outcome)
    {
        _plan = left;
        _replaced = null;
        _step = Step.Idle;
        Restrict();
        GiveBack();
        Answer(outcome);
    }

    // What the plan forbids, from the plan alone.
    private void Restrict()
    {
        bool runs = _plan is { Failed: false };
        bool failed = _plan is { Failed: true };
        bool sanitize = _plan is { IsSanitize: true };
        Device.Restrict(Restrictions.Sanitizing, runs && sanitize);
        Device.Restrict(Restrictions.Formatting, runs && !sanitize);
        Device.Restrict(Restrictions.SanitizeFailed, failed && sanitize);
        Device.Restrict(Restrictions.FormatCorrupt, failed && !sanitize);
    }
}
