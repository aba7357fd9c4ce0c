using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorSan.Storage;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;

namespace ActorSan.Scsi;

/// <summary>Where a task is in the task set (SAM-5 §8.5).</summary>
internal enum TaskPhase : byte
{
    /// <summary>Not in a task set.</summary>
    Free,

    /// <summary>Waits for older tasks.</summary>
    Dormant,

    /// <summary>May start, but waits for a reservation change that is not complete.</summary>
    Parked,
    Enabled,
}

/// <summary>
/// A unit's state for one task while it runs, kept by the task over reuse; it is the task's volume operation too. A handler runs in steps: each step asks for one
/// volume operation and names the next step, or ends the command; steps that complete inline are looped over, never nested.
/// </summary>
internal sealed unsafe class TaskState : VolumeOperation
{
    public ScsiTask Task = null!;
    public BlockDevice Device = null!;
    public NexusState Nexus = null!;
    public CommandDescriptor Command = null!;
    public TaskPhase Phase;

    /// <summary>Position in the order of arrival.</summary>
    public long Arrival;

    /// <summary>When it came, by the home thread's clock (<see cref="Storage.Threads.IoThread.PassTimeNs"/>).</summary>
    public long BeganNs;

    /// <summary>A task management function or the loss of the nexus took this task; it ends when its I/O has ended.</summary>
    public bool Aborting;

    /// <summary>With <see cref="Aborting"/>: the initiator is told by TASK ABORTED status (TAS).</summary>
    public bool TellsAborted;

    /// <summary>Started before the unit stopped serving: it asks the volume for nothing more, even when the unit serves again, for it was admitted under what was true then.</summary>
    public bool Outlived;

    /// <summary>The volume has taken something of it that changes it, and has not refused it on the spot: it may be done, or done in part, whatever the volume says in the end.</summary>
    public bool MayHaveChanged;

    /// <summary>A reservation change that takes rights away waits for the end of this task.</summary>
    public bool HoldsUpReservations;

    /// <summary>Neighbours in the task set.</summary>
    public TaskState? Previous;

    public TaskState? Next;

    /// <summary>Neighbour in a queue of parked tasks.</summary>
    public TaskState? NextParked;

    // Scratch of handlers; meaning is the handler's. Cleared at the start of each command.

    public long Lba;
    public long Blocks;
    public long Cursor;
    public long Cursor2;
    public int Flags;

    /// <summary>A buffer of the home thread; returned when the task ends.</summary>
    public IoBuffer Scratch;

    /// <summary>Anything else that a handler keeps over steps.</summary>
    public object? Extra;

    /// <summary>Runs once when the task ends, however it ends: gives back what <see cref="Extra"/> holds.</summary>
    public Action<TaskState>? Release;

    private Action<TaskState>? _step;
    private bool _stepDue;
    private bool _running;
    private bool _ended;
    private bool _interruptible;

    /// <summary>The CDB, zero-padded to 32 bytes.</summary>
    public ReadOnlySpan<byte> Cdb
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<CdbBuffer, byte>(ref Task.Cdb), CdbBuffer.MaxLength);
    }

    /// <summary>The parameter list or the data that was received.</summary>
    public ReadOnlySpan<byte> DataOut => new(Task.DataOut, Task.DataOutLength);

    /// <summary>The command has ended (its answer is set); nothing more may be asked for.</summary>
    public bool Ended => _ended;

    /// <summary>Nanoseconds since it came.</summary>
    public long ElapsedNs => Device.Volume.Home.PassTimeNs - BeganNs;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Begin(ScsiTask task, BlockDevice device, NexusState nexus, CommandDescriptor command)
    {
        Invariant.Check(Phase == TaskPhase.Free);
        Task = task;
        Device = device;
        BeganNs = device.Volume.Home.PassTimeNs;
        Nexus = nexus;
        Command = command;
        Aborting = false;
        TellsAborted = false;
        Outlived = false;
        MayHaveChanged = false;
        ForceUnitAccess = false;
        Atomic = false;
        _stepDue = false;
        _running = false;
        _ended = false;
        _interruptible = false;
        task.Status = ScsiStatus.Good;
        task.Aborted = false;
        task.DataInLength = 0;
        task.TransferBytes = 0;
        task.SenseLength = 0;
    }

    /// <summary>Runs the command's first step and all that follow inline.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Start()
    {
        Phase = TaskPhase.Enabled;
        _running = true;
        Command.Start(this);
        Drive();
    }

    /// <summary>Asks the volume for the operation that the request fields describe; <paramref name="next"/> runs when it has completed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Issue(VolumeOperationKind kind, Action<TaskState> next)
    {
        _step = next;
        if (Outlived)
        {
            Complete(VolumeStatus.Deposed);
            return;
        }

        IBlockVolume volume = Device.Volume;
        switch (kind)
        {
            case VolumeOperationKind.Read: volume.Read(this); break;
            case VolumeOperationKind.Write: Status = VolumeStatus.Pending; volume.Write(this); NoteChange(); break;
            case VolumeOperationKind.Flush: volume.Flush(this); break;
            case VolumeOperationKind.MapStatus: volume.MapStatus(this); break;
            default: Status = VolumeStatus.Pending; IssueOther(volume, kind); NoteChange(); break;
        }
    }

    // A step runs to its end before the next: what has completed by now has not been followed yet.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void NoteChange() => MayHaveChanged |= Status is not (VolumeStatus.NotReady or VolumeStatus.Deposed or VolumeStatus.Busy or VolumeStatus.Miscompare);

    private void IssueOther(IBlockVolume volume, VolumeOperationKind kind)
    {
        switch (kind)
        {
            case VolumeOperationKind.CompareAndWrite: volume.CompareAndWrite(this); break;
            case VolumeOperationKind.OrWrite: volume.OrWrite(this); break;
            case VolumeOperationKind.Unmap: volume.Unmap(this); break;
            case VolumeOperationKind.WriteZeroes: volume.WriteZeroes(this); break;
            case VolumeOperationKind.SetAttribute: volume.SetAttribute(this); break;
            case VolumeOperationKind.CryptoErase: volume.CryptoErase(this); break;
            default: Invariant.Fail($"No volume operation {kind}."); break;
        }
    }

    /// <summary>
    /// For a handler that waits for something else than its volume operation: names the step that <see cref="Resume"/> runs. An interruptible wait ends at once when
    /// the task is aborted (<see cref="Release"/> then undoes what would have resumed it); only for waits with no I/O of the task in flight.
    /// </summary>
    public void Await(Action<TaskState> next, bool interruptible = false)
    {
        _step = next;
        _interruptible = interruptible;
    }

    /// <summary>The task was aborted: ends it now if nothing of it is in flight.</summary>
    public void Interrupt()
    {
        if (_interruptible && !_running)
        {
            Resume();
        }
    }

    /// <summary>Runs the step named by <see cref="Await"/>; on the home thread, from outside or from within the awaiting step.</summary>
    public void Resume()
    {
        _interruptible = false;
        _stepDue = true;
        if (!_running)
        {
            _running = true;
            Drive();
        }
    }

    protected override void OnCompleted() => Resume();

    private void Drive()
    {
        while (_stepDue)
        {
            _stepDue = false;
            if (Aborting && (Command.Flags & CommandFlags.EndsWhatItBegan) == 0)
            {
                _ended = true;
                break;
            }

            _step!(this);
        }

        _running = false;
        if (_ended)
        {
            Device.End(this);
        }
    }

    // Ends of a command. Each sets the answer; the task leaves the set when the running step returns.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EndGood(long transferBytes = 0)
    {
        Task.TransferBytes = transferBytes;
        _ended = true;
    }

    public void EndConditionMet()
    {
        Task.Status = ScsiStatus.ConditionMet;
        _ended = true;
    }

    public void EndStatus(ScsiStatus status)
    {
        Task.Status = status;
        _ended = true;
    }

    public void Fail(in SenseDescription sense)
    {
        Task.Status = ScsiStatus.CheckCondition;
        Task.DataInLength = 0;
        Task.TransferBytes = 0;
        Task.SenseLength = SenseData.Write(Task.Sense, Device.DescriptorSense, sense);
        _ended = true;
    }

    public void Fail(SenseKey key, AdditionalSense additional) => Fail(new SenseDescription(key, additional));

    /// <summary>ILLEGAL REQUEST, INVALID FIELD IN CDB with a pointer to the field.</summary>
    public void FailCdbField(int byteIndex, int bit = -1) =>
        Fail(new SenseDescription(SenseKey.IllegalRequest, AdditionalSense.InvalidFieldInCdb, SenseKeySpecific.Field(inCdb: true, byteIndex, bit)));

    /// <summary>ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST (or another code about it) with a pointer to the field.</summary>
    public void FailParameter(int byteIndex, int bit = -1, AdditionalSense additional = AdditionalSense.InvalidFieldInParameterList) =>
        Fail(new SenseDescription(SenseKey.IllegalRequest, additional, SenseKeySpecific.Field(inCdb: false, byteIndex, bit)));

    /// <summary>ILLEGAL REQUEST, PARAMETER LIST LENGTH ERROR, pointing at the length field of the CDB.</summary>
    public void FailParameterLength(int cdbByteIndex) =>
        Fail(new SenseDescription(SenseKey.IllegalRequest, AdditionalSense.ParameterListLengthError, SenseKeySpecific.Field(inCdb: true, cdbByteIndex)));

    /// <summary>A volume operation ended without success: its status becomes sense data (or a SAM status). <paramref name="lba"/> goes to INFORMATION where the sense speaks of a block.</summary>
    public void FailVolume(long lba)
    {
        if (Status is VolumeStatus.NotReady or VolumeStatus.Busy or VolumeStatus.Deposed)
        {
            Device.Statistics.NonMediumErrors++;
        }

        if (Outlived && Status is VolumeStatus.NotReady or VolumeStatus.Busy or VolumeStatus.ReadError or VolumeStatus.WriteError or VolumeStatus.NoSpace)
        {
            // Of a volume that is served elsewhere nothing is claimed: its medium is not this node's to complain about.
            Status = VolumeStatus.Deposed;
        }

        switch (Status)
        {
            case VolumeStatus.NotReady or VolumeStatus.Deposed when MayHaveChanged:
                FailUnknown();
                break;
            case VolumeStatus.Miscompare:
                FailMiscompare(ResultOffsetBytes);
                break;
            case VolumeStatus.OutOfRange:
                Fail(new SenseDescription(SenseKey.IllegalRequest, AdditionalSense.LbaOutOfRange, Information: (ulong)lba));
                break;
            case VolumeStatus.NoSpace:
                Fail(new SenseDescription(SenseKey.DataProtect, AdditionalSense.SpaceAllocationFailed, Information: (ulong)lba));
                break;
            case VolumeStatus.ReadError:
                Fail(new SenseDescription(SenseKey.MediumError, AdditionalSense.UnrecoveredReadError, Information: (ulong)lba));
                break;
            case VolumeStatus.WriteError:
                Fail(new SenseDescription(SenseKey.MediumError, AdditionalSense.WriteError, Information: (ulong)lba));
                break;
            case VolumeStatus.NotReady:
                Fail(Device.NotReadySense());
                break;
            case VolumeStatus.WriteProtected:
                Fail(SenseKey.DataProtect, AdditionalSense.WriteProtected);
                break;
            case VolumeStatus.NotSupported:
                Fail(SenseKey.IllegalRequest, AdditionalSense.InvalidFieldInCdb);
                break;
            case VolumeStatus.Busy:
                EndStatus(ScsiStatus.Busy);
                break;
            case VolumeStatus.Deposed:
                // Nothing was done: the initiator asks again, by whatever path is active then.
                Fail(Device.DescribePort(Nexus));
                break;
            default:
                Invariant.Fail($"A volume operation cannot end so: {Kind} {Status}.");
                break;
        }
    }

    /// <summary>
    /// No claim about the effect (replication.md W6). NOT READY would be one: that nothing was done, which matters to who compares and writes. The initiator tries again, and meets the port's state
    /// then.
    /// </summary>
    public void FailUnknown() => Fail(SenseKey.AbortedCommand, AdditionalSense.CommandsClearedByDeviceServer);

    /// <summary>MISCOMPARE: INFORMATION is the offset of the first byte that differs, from the start of the data-out (SBC-4 §5.3, §5.33).</summary>
    public void FailMiscompare(long offsetBytes) =>
        Fail(new SenseDescription(SenseKey.Miscompare, AdditionalSense.MiscompareDuringVerify, Information: (ulong)offsetBytes));

    /// <summary>
    /// The transport brought exactly <paramref name="bytes"/>: else the task has been ended. For commands that can't do a part: a comparison, an all-or-nothing write.
    /// </summary>
    public bool CheckDataOut(long bytes)
    {
        if (Task.DataOutLength == bytes && Task.ExpectedDataOutLength <= bytes)
        {
            return true;
        }

        Fail(SenseKey.IllegalRequest, AdditionalSense.InvalidFieldInCommandInformationUnit);
        return false;
    }

    /// <summary>Ends GOOD with parameter data: as much of it as the allocation length and the room allow (SPC-4 §4.2.5.6).</summary>
    public void EndWith(ReadOnlySpan<byte> parameterData, long allocationLength)
    {
        int wanted = (int)Math.Min(parameterData.Length, allocationLength);
        int sent = Math.Min(wanted, Task.DataInCapacity);
        parameterData[..sent].CopyTo(new Span<byte>(Task.DataIn, sent));
        Task.DataInLength = sent;
        EndGood(wanted);
    }

    /// <summary>Rents <see cref="Scratch"/> from the home thread's pool; when there is none, the command ends BUSY and this is false.</summary>
    public bool TryRentScratch(int lengthBytes)
    {
        Invariant.Check(Scratch.IsEmpty);
        if (Device.Volume.Home.Buffers.TryRent(lengthBytes, BufferOwner.Task, out Scratch))
        {
            return true;
        }

        Scratch = default;
        EndStatus(ScsiStatus.Busy);
        return false;
    }

    /// <summary>What every end of a task gives back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void GiveBack()
    {
        if (Release is not null || Extra is not null || !Scratch.IsEmpty)
        {
            GiveBackSlow();
        }
    }

    private void GiveBackSlow()
    {
        Release?.Invoke(this);
        Release = null;
        Extra = null;
        if (!Scratch.IsEmpty)
        {
            Device.Volume.Home.Buffers.Return(Scratch);
            Scratch = default;
        }
    }

    // CDB fields, big-endian.

    public byte CdbByte(int index) => Cdb[index];

    public ushort CdbUInt16(int index) => BinaryPrimitives.ReadUInt16BigEndian(Cdb[index..]);

    public uint CdbUInt32(int index) => BinaryPrimitives.ReadUInt32BigEndian(Cdb[index..]);

    public ulong CdbUInt64(int index) => BinaryPrimitives.ReadUInt64BigEndian(Cdb[index..]);
}
