using System.Runtime.InteropServices;
using ActorSan.Iscsi.Pdus;
using ActorSan.Iscsi.Sessions;
using ActorSan.Scsi;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi.Connections;

/// <summary>Where a task is on its way through the transport.</summary>
internal enum TaskStage : byte
{
    Free,

    /// <summary>Its data-out is still arriving.</summary>
    Collecting,

    /// <summary>All data is here; an earlier command goes first.</summary>
    Waiting,

    /// <summary>In the unit's hands.</summary>
    Delivered,

    /// <summary>Its answer is queued or being sent.</summary>
    Responding,
}

/// <summary>
/// One SCSI command of a session, with everything that its transfer needs; pooled by the connection, nothing is allocated for a command. DataPDUInOrder and
/// DataSequenceInOrder are always Yes, so data-out arrives at ever greater offsets and one open sequence at a time.
/// </summary>
internal sealed unsafe class IscsiTask : ScsiTask, IHeldRequest, IDisposable
{
    private const int SenseSegmentBytes = SenseBuffer.MaxLength + 2;

    private readonly SubmitMessage _submit;
    private readonly DoneMessage _done;

    public IscsiTask(Connection connection, int index)
    {
        Connection = connection;
        Index = index;
        _submit = new SubmitMessage(this);
        _done = new DoneMessage(this);
        Response = new TaskResponse(this);
        SenseSegment = (byte*)NativeMemory.Alloc(SenseSegmentBytes);
    }

    public Connection Connection { get; }

    /// <summary>Its place in the connection's table: the high part of its target transfer tags.</summary>
    public int Index { get; }

    public TaskResponse Response { get; }

    public byte* SenseSegment { get; private set; }

    public TaskStage Stage { get; set; }

    public uint InitiatorTaskTag { get; set; }

    public ulong LunField { get; set; }

    public SerialNumber32 CmdSN { get; set; }

    /// <summary>Sent for immediate delivery: outside the window.</summary>
    public bool Immediate { get; set; }

    /// <summary>Counted in the window's commands in flight.</summary>
    public bool InFlight { get; set; }

    /// <summary>Its CmdSN has come.</summary>
    public bool InOrder { get; set; }

    public bool ReadFlag { get; set; }

    public bool WriteFlag { get; set; }

    /// <summary>Expected data transfer length: for the write direction where W is set, else for the read direction.</summary>
    public uint ExpectedTransferBytes { get; set; }

    public uint ExpectedReadBytes { get; set; }

    public CdbDemand Demand { get; set; }

    public IoBuffer Buffer { get; set; }

    // Data-out.

    /// <summary>Bytes that the unit takes: no more are kept, and no more are solicited.</summary>
    public uint WantedBytes { get; set; }

    /// <summary>Offset behind the last byte that arrived, kept or not.</summary>
    public uint ArrivedBytes { get; set; }

    /// <summary>Unsolicited data goes on until a PDU with F.</summary>
    public bool UnsolicitedOpen { get; set; }

    /// <summary>Offset behind the last byte that was asked for by R2T.</summary>
    public uint SolicitedBytes { get; set; }

    /// <summary>Offset of the first byte that was asked for by R2T.</summary>
    public uint SolicitBase { get; set; }

    public uint NextR2TSN { get; set; }

    /// <summary>The R2T that is being answered now.</summary>
    public uint AnsweredR2TSN { get; set; }

    public int OutstandingR2T => (int)(NextR2TSN - AnsweredR2TSN);

    /// <summary>DataSN of the next Data-Out in the open sequence.</summary>
    public SerialNumber32 NextDataSN { get; set; }

    /// <summary>Offset at which the open sequence ends.</summary>
    public uint SequenceEnd { get; set; }

    /// <summary>Additional sense code and qualifier of a transfer error (RFC 7143 §11.4.7.2); 0: none. Data is then only thrown away.</summary>
    public ushort TransferError { get; set; }

    /// <summary>Status that the transport gives without the unit, when the data has been taken off the wire.</summary>
    public ScsiStatus Refusal { get; set; }

    public bool AllDataIsHere => !UnsolicitedOpen && OutstandingR2T == 0 && (TransferError != 0 || Refusal != ScsiStatus.Good || ArrivedBytes >= WantedBytes);

    // Links.

    public IscsiTask? HashNext { get; set; }

    public IscsiTask? PreviousUndelivered { get; set; }

    public IscsiTask? NextUndelivered { get; set; }

    public bool IsListed { get; set; }

    /// <summary>Crosses to the unit's home thread where that is another.</summary>
    public void Deliver()
    {
        Stage = TaskStage.Delivered;
        LogicalUnit unit = LunNexus.Unit;
        IoThread? home = unit.Home;
        if (home is null || home.IsCurrent)
        {
            unit.Submit(this);
        }
        else if (!home.Post(_submit))
        {
            // The unit's thread has stopped: nobody will ever run it.
            Status = ScsiStatus.Busy;
            TransferBytes = 0;
            Connection.OnTaskDone(this);
        }
    }

    public void OnInOrder() => Connection.OnTaskInOrder(this);

    public void Reset()
    {
        LunNexus = null!;
        Aborted = false;
        Status = ScsiStatus.Good;
        SenseLength = 0;
        DataInLength = 0;
        TransferBytes = 0;
        DataOut = null;
        DataOutLength = 0;
        DataIn = null;
        DataInCapacity = 0;
        Stage = TaskStage.Free;
        Immediate = InFlight = InOrder = ReadFlag = WriteFlag = UnsolicitedOpen = false;
        ExpectedTransferBytes = ExpectedReadBytes = WantedBytes = ArrivedBytes = SolicitedBytes = SolicitBase = NextR2TSN = AnsweredR2TSN = SequenceEnd = 0;
        NextDataSN = default;
        TransferError = 0;
        Refusal = ScsiStatus.Good;
        Demand = default;
        Response.Reset();
    }

    public void Dispose()
    {
        NativeMemory.Free(SenseSegment);
        SenseSegment = null;
    }

    protected override void OnCompleted()
    {
        IoThread thread = Connection.Thread;
        if (thread.IsCurrent)
        {
            Connection.OnTaskDone(this);
        }
        else
        {
            _ = thread.Post(_done);
        }
    }

    private sealed class SubmitMessage(IscsiTask task) : IoMessage
    {
        protected override void Run() => task.LunNexus.Unit.Submit(task);
    }

    private sealed class DoneMessage(IscsiTask task) : IoMessage
    {
        protected override void Run() => task.Connection.OnTaskDone(task);
    }
}

/// <summary>A task's answer: Data-In PDUs with F at the end of each burst, and the status in the last of them (phase collapse) or in a SCSI Response.</summary>
internal sealed unsafe class TaskResponse(IscsiTask task) : Outgoing
{
    private int _sentBytes;
    private uint _dataSN;

    public void Reset()
    {
        _sentBytes = 0;
        _dataSN = 0;
    }

    public override bool Fill(SendQueue queue)
    {
        Connection connection = task.Connection;
        int total = Math.Min(task.DataInLength, task.DataInCapacity);
        bool collapse = task.Status == ScsiStatus.Good && task.SenseLength == 0 && !IsBidirectional;
        while (_sentBytes < total)
        {
            byte* header = queue.TakeHeader();
            if (header is null)
            {
                return false;
            }

            int burst = connection.Parameters.MaxBurstLength;
            int burstLeft = burst - (_sentBytes % burst);
            int length = Math.Min(Math.Min(connection.Parameters.MaxSendDataSegmentLength, burstLeft), total - _sentBytes);
            bool last = _sentBytes + length == total;
            DataInPdu.Write(header, task.InitiatorTaskTag, last || length == burstLeft, _dataSN++, (uint)_sentBytes, length);
            if (last && collapse)
            {
                DataInPdu.AddStatus(header, task.Status, ResidualOf());
                connection.OnStatusSent(task);
                connection.Stamp(header, useUp: true);
            }
            else
            {
                connection.StampWindow(header);
            }

            queue.Commit(header, task.DataIn + _sentBytes, length);
            _sentBytes += length;
            if (last && collapse)
            {
                return true;
            }
        }

        return FillResponse(queue);
    }

    public override void OnReleased() => task.Connection.OnTaskReleased(task);

    private bool FillResponse(SendQueue queue)
    {
        byte* header = queue.TakeHeader();
        if (header is null)
        {
            return false;
        }

        int senseSegmentBytes = 0;
        if (task.SenseLength > 0)
        {
            senseSegmentBytes = ScsiResponsePdu.WriteSenseSegment(task.SenseSegment, ((ReadOnlySpan<byte>)task.Sense)[..task.SenseLength]);
        }

        ScsiResponsePdu.Write(header, task.InitiatorTaskTag, task.Status, ResidualOf(), BidirectionalReadResidual(), _dataSN, senseSegmentBytes);
        task.Connection.OnStatusSent(task);
        task.Connection.Stamp(header, useUp: true);
        queue.Commit(header, task.SenseSegment, senseSegmentBytes);
        return true;
    }

    private bool IsBidirectional => task.ReadFlag && task.WriteFlag;

    /// <summary>The command transfers data to the unit, or none, by what its CDB says.</summary>
    private bool IsOutward => task.Demand.DataOutBytes > 0 || (task.Demand.DataInBytes == 0 && task.WriteFlag);

    /// <summary>Of a command with R and W what the read direction left: no command of ours moves data both ways.</summary>
    private Residual BidirectionalReadResidual() => IsBidirectional ? Residual.Of(IsOutward ? 0 : task.TransferBytes, task.ExpectedReadBytes) : default;

    /// <summary>
    /// RFC 7143 §11.4.5: against the length that the initiator expected in the command's own direction. A command that goes the other way than its flags say moved nothing
    /// of what was expected, and everything that it had is left over.
    /// </summary>
    private Residual ResidualOf()
    {
        if (IsBidirectional)
        {
            return Residual.Of(IsOutward ? task.TransferBytes : 0, task.ExpectedTransferBytes);
        }

        bool outward = IsOutward;
        if (outward ? task.WriteFlag || !task.ReadFlag : task.ReadFlag || !task.WriteFlag)
        {
            return Residual.Of(task.TransferBytes, outward ? task.ExpectedTransferBytes : task.ExpectedReadBytes);
        }

        return task.TransferBytes > 0 ? Residual.Of(task.TransferBytes, 0) : Residual.Of(0, task.ExpectedTransferBytes);
    }
}
