using ActorSan.Iscsi.Pdus;
using ActorSan.Iscsi.Sessions;
using ActorSan.Scsi;
using ActorSan.Storage.Buffers;

namespace ActorSan.Iscsi.Connections;

/// <summary>SCSI commands and their data-out (RFC 7143 §4.2.4, §11.3, §11.7, §11.8).</summary>
internal sealed unsafe partial class Connection
{
    // Transfer errors, additional sense code and qualifier (RFC 7143 §11.4.7.2).
    private const ushort UnexpectedUnsolicitedData = 0x0C0C;
    private const ushort IncorrectAmountOfData = 0x0C0D;
    private const ushort ProtocolServiceCrcError = 0x4705;

    // Of commands that the transport cannot hand on (SPC-4 annex F).
    private const ushort InvalidCommandOperationCode = 0x2000;
    private const ushort InvalidFieldInCdb = 0x2400;

    private const int TagIndexShift = 20;

    private readonly List<IscsiTask> _tasks = [];
    private readonly Stack<IscsiTask> _freeTasks = new();
    private readonly IscsiTask?[] _byTag = new IscsiTask?[256];
    private int _liveTasks;
    private int _immediateTasks;
    private int _collecting;

    /// <summary>
    /// The header of a SCSI Command: takes the task and its buffer, decides where immediate data goes. The number of a command that is answered by Reject does not count
    /// as received: the initiator closes the gap, by the command sent again or by aborting it (RFC 7143 §7.3).
    /// </summary>
    private BodyPlace BeginCommand(byte* header, int dataBytes)
    {
        var pdu = new ScsiCommandPdu(header);
        CommandWindow window = Session!.Window;
        bool immediate = BasicHeader.Immediate(header);
        CommandArrival arrival = immediate ? CommandArrival.InOrder : window.Classify(pdu.CmdSN);
        if (arrival == CommandArrival.Outside)
        {
            return default;
        }

        uint tag = BasicHeader.InitiatorTaskTag(header);
        if (tag == BasicHeader.ReservedTag || FindTask(tag) is not null)
        {
            Reject(header, RejectReason.TaskInProgress, "the task tag is in use");
            return default;
        }

        if (immediate && _immediateTasks >= MaxImmediate)
        {
            Reject(header, RejectReason.ImmediateCommandReject, "too many immediate commands");
            return default;
        }

        IscsiTask task = TakeTask();
        if (!pdu.TryReadCdb(ref task.Cdb, out task.CdbLength, out uint bidirectionalReadBytes))
        {
            FreeTask(task);
            Reject(header, RejectReason.InvalidPduField, "the AHS is broken");
            return default;
        }

        bool tooLong = task.CdbLength > CdbBuffer.MaxLength;
        task.CdbLength = tooLong ? ScsiCommandPdu.InlineCdbBytes : task.CdbLength;
        Describe(task, pdu, header, tag, immediate, bidirectionalReadBytes);
        if (tooLong)
        {
            task.Demand = default;
            RefuseTask(task, ScsiStatus.CheckCondition, 0x05, InvalidCommandOperationCode);
        }
        else if (!TryRentFor(task))
        {
            FreeTask(task);
            WaitForSpace();
            return new BodyPlace(null, 0, null) { Wait = true };
        }

        Enter(task, arrival);
        CheckUnsolicited(task, pdu, dataBytes);
        return Place(task, dataBytes);
    }

    private void Describe(IscsiTask task, in ScsiCommandPdu pdu, byte* header, uint tag, bool immediate, uint bidirectionalReadBytes)
    {
        task.Tag = tag;
        task.InitiatorTaskTag = tag;
        task.LunField = BasicHeader.LunField(header);
        task.LunNexus = Session!.View.Find(task.LunField);
        task.Attribute = pdu.Attribute;
        task.CmdSN = pdu.CmdSN;
        task.Immediate = immediate;
        task.ReadFlag = pdu.Read;
        task.WriteFlag = pdu.Write;
        uint expected = pdu.ExpectedTransferBytes;
        task.ExpectedTransferBytes = pdu.Read || pdu.Write ? expected : 0;
        task.ExpectedDataOutLength = pdu.Write ? expected : 0;
        task.ExpectedReadBytes = !pdu.Read ? 0 : pdu.Write ? bidirectionalReadBytes : expected;
        task.Demand = task.LunNexus.Unit.Measure(((ReadOnlySpan<byte>)task.Cdb)[..task.CdbLength]);
        task.WantedBytes = pdu.Write ? (uint)Math.Min(expected, task.Demand.DataOutBytes) : 0;
    }

    /// <summary>Takes the one buffer of a task, for data-out or data-in. False: none is free. What can never be had is refused by status.</summary>
    private bool TryRentFor(IscsiTask task)
    {
        long readBytes = Math.Min(task.ExpectedReadBytes, task.Demand.DataInBytes);
        long bytes = Math.Max(task.WantedBytes, readBytes);
        if (bytes == 0)
        {
            return true;
        }

        if (bytes > BufferPool.MaxBufferBytes)
        {
            RefuseTask(task, ScsiStatus.CheckCondition, 0x05, InvalidFieldInCdb);
            return true;
        }

        if (Thread.Buffers.TryRent((int)bytes, BufferOwner.Task, out IoBuffer buffer))
        {
            _outOfPatience = false;
            task.Buffer = buffer;
            if (task.WantedBytes > 0)
            {
                task.DataOut = buffer.Address;
            }
            else
            {
                task.DataIn = buffer.Address;
                task.DataInCapacity = (int)readBytes;
            }

            return true;
        }

        // Commands whose data has not all come hold buffers and need this stream to go on: waiting here could wait for ourselves.
        if (_collecting > 0 || _outOfPatience)
        {
            RefuseTask(task, ScsiStatus.TaskSetFull, 0, 0);
            return true;
        }

        return false;
    }

    private static void RefuseTask(IscsiTask task, ScsiStatus status, byte senseKey, ushort additionalSense)
    {
        task.Refusal = status;
        task.WantedBytes = 0;
        if (status == ScsiStatus.CheckCondition)
        {
            SetFixedSense(task, senseKey, additionalSense);
        }
    }

    /// <summary>Fixed format sense (SPC-4 §4.5.3) for what the transport decides by itself.</summary>
    private static void SetFixedSense(IscsiTask task, byte senseKey, ushort additionalSense)
    {
        Span<byte> sense = task.Sense;
        sense[..18].Clear();
        sense[0] = 0x70;
        sense[2] = senseKey;
        sense[7] = 10;
        sense[12] = (byte)(additionalSense >> 8);
        sense[13] = (byte)additionalSense;
        task.SenseLength = 18;
    }

    /// <summary>The task begins to exist: in the tag table, in the window.</summary>
    private void Enter(IscsiTask task, CommandArrival arrival)
    {
        ref IscsiTask? bucket = ref _byTag[BucketOf(task.InitiatorTaskTag)];
        task.HashNext = bucket;
        bucket = task;
        task.Stage = TaskStage.Collecting;
        _collecting++;
        if (task.Immediate)
        {
            _immediateTasks++;
            task.InOrder = true;
        }
        else if (arrival == CommandArrival.InOrder)
        {
            Session!.Window.Take(countsInFlight: true);
            task.InFlight = true;
            Session.Info.Counters.Entered();
            task.InOrder = true;
        }
        else
        {
            Session!.Window.Hold(task.CmdSN, task);
        }
    }

    /// <summary>What may come unasked: immediate data where it was agreed, more where InitialR2T is No, together FirstBurstLength at most (RFC 7143 §13.10, §13.11, §13.14).</summary>
    private void CheckUnsolicited(IscsiTask task, in ScsiCommandPdu pdu, int dataBytes)
    {
        task.UnsolicitedOpen = !pdu.Final;
        if (!task.WriteFlag)
        {
            if (dataBytes > 0 || !pdu.Final)
            {
                task.UnsolicitedOpen = !pdu.Final;
                task.TransferError = UnexpectedUnsolicitedData;
            }

            return;
        }

        bool tooMuch = dataBytes > Math.Min((uint)Parameters.FirstBurstLength, task.ExpectedTransferBytes);
        if (tooMuch || (dataBytes > 0 && !Parameters.ImmediateData) || (!pdu.Final && Parameters.InitialR2T))
        {
            task.TransferError = UnexpectedUnsolicitedData;
        }

        task.SequenceEnd = Math.Min((uint)Parameters.FirstBurstLength, task.ExpectedTransferBytes);
    }

    private BodyPlace Place(IscsiTask task, int dataBytes)
    {
        uint offset = task.ArrivedBytes;
        long room = task.TransferError != 0 || task.WantedBytes <= offset ? 0 : task.WantedBytes - offset;
        return new BodyPlace(task.DataOut + offset, (int)Math.Min(dataBytes, room), task);
    }

    /// <summary>The header of a Data-Out: finds its task and checks tag, numbers and offset.</summary>
    private BodyPlace BeginDataOut(byte* header, int dataBytes)
    {
        var pdu = new DataOutPdu(header);
        IscsiTask? task = FindTask(BasicHeader.InitiatorTaskTag(header));
        if (task is null || task.Stage != TaskStage.Collecting)
        {
            return default; // Its task was aborted, or its command was outside the window: silently thrown away.
        }

        bool unsolicited = pdu.TargetTransferTag == BasicHeader.ReservedTag;
        if (unsolicited ? !task.UnsolicitedOpen : task.UnsolicitedOpen || task.OutstandingR2T == 0 || pdu.TargetTransferTag != TransferTag(task, task.AnsweredR2TSN))
        {
            FailFormat($"Data-Out of task {task.InitiatorTaskTag:x8}h that was not asked for (transfer tag {pdu.TargetTransferTag:x8}h)");
            return default;
        }

        // A gap or a wrong offset: something before it is missing. The task ends when the sequence is off the wire (RFC 7143 §7.9, §7.8), the session goes on.
        if (task.TransferError == 0 && (pdu.DataSN != task.NextDataSN || pdu.BufferOffset != task.ArrivedBytes))
        {
            task.TransferError = ProtocolServiceCrcError;
            Warn($"Data-Out of task {task.InitiatorTaskTag:x8}h out of order: DataSN {pdu.DataSN} for {task.NextDataSN}, offset {pdu.BufferOffset} for {task.ArrivedBytes}");
        }

        task.NextDataSN = task.NextDataSN.Next;
        if ((ulong)task.ArrivedBytes + (uint)dataBytes > task.SequenceEnd && task.TransferError == 0)
        {
            task.TransferError = unsolicited ? UnexpectedUnsolicitedData : IncorrectAmountOfData;
        }

        return Place(task, dataBytes);
    }

    /// <summary>The data segment of a command or Data-Out is wholly here.</summary>
    private void FinishData(byte* header, IscsiTask? task)
    {
        if (task is null)
        {
            return;
        }

        task.ArrivedBytes += (uint)BasicHeader.DataSegmentLength(header);
        bool command = BasicHeader.Opcode(header) == IscsiOpcode.ScsiCommand;
        if (!command && BasicHeader.Final(header))
        {
            EndSequence(task);
        }

        Advance(task);
        if (command)
        {
            Session!.Window.ReleaseHeld();
        }
    }

    /// <summary>The data digest is wrong: the PDU is answered with Reject, and its task ends when the rest of its data is off the wire (RFC 7143 §7.8).</summary>
    private void DataDamaged(byte* header, IscsiTask? task)
    {
        if (BasicHeader.Opcode(header) == IscsiOpcode.ScsiCommand)
        {
            RejectDataDigest(header);
            return;
        }

        Reject(header, RejectReason.DataDigestError, "the data digest is wrong");
        if (task is not null && task.TransferError == 0)
        {
            task.TransferError = ProtocolServiceCrcError;
        }

        FinishData(header, task);
    }

    /// <summary>F ends a sequence: the unsolicited one anywhere, a solicited one only where the R2T said.</summary>
    private static void EndSequence(IscsiTask task)
    {
        task.NextDataSN = default;
        if (task.UnsolicitedOpen)
        {
            task.UnsolicitedOpen = false;
            return;
        }

        if (task.ArrivedBytes != task.SequenceEnd && task.TransferError == 0)
        {
            task.TransferError = IncorrectAmountOfData;
        }

        task.ArrivedBytes = task.SequenceEnd;
        task.AnsweredR2TSN++;
    }

    /// <summary>Solicits what is missing, or lets the task go on when all is here.</summary>
    private void Advance(IscsiTask task)
    {
        if (!task.UnsolicitedOpen)
        {
            Solicit(task);
        }

        if (task.Stage == TaskStage.Collecting && task.AllDataIsHere)
        {
            _collecting--;
            task.Stage = TaskStage.Waiting;
            task.DataOutLength = (int)Math.Min(task.WantedBytes, task.ArrivedBytes);
        }

        if (task.InOrder)
        {
            Session!.Deliveries.Advance(task);
        }
    }

    private void Solicit(IscsiTask task)
    {
        if (task.NextR2TSN == 0)
        {
            task.SolicitBase = task.SolicitedBytes = task.ArrivedBytes;
        }

        while (task.TransferError == 0 && task.Refusal == ScsiStatus.Good && task.SolicitedBytes < task.WantedBytes && task.OutstandingR2T < Parameters.MaxOutstandingR2T)
        {
            uint length = Math.Min((uint)Parameters.MaxBurstLength, task.WantedBytes - task.SolicitedBytes);
            uint number = task.NextR2TSN++;
            ControlPdu pdu = TakeControl(StatSNUse.Tell);
            ReadyToTransferPdu.Write(pdu.Header, task.LunField, task.InitiatorTaskTag, TransferTag(task, number), new SerialNumber32(number), task.SolicitedBytes, length);
            Queue(pdu);
            task.SolicitedBytes += length;
        }

        if (task.OutstandingR2T > 0)
        {
            // Sequences are of MaxBurstLength but for the last, and answered in order.
            task.SequenceEnd = (uint)Math.Min(task.SolicitBase + ((ulong)(task.AnsweredR2TSN + 1) * (uint)Parameters.MaxBurstLength), task.WantedBytes);
        }
    }

    private static uint TransferTag(IscsiTask task, uint r2tSN) => ((uint)task.Index << TagIndexShift) | (r2tSN & ((1u << TagIndexShift) - 1));
}
