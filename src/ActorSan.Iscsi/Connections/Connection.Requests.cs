using System.Text;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using ActorSan.Iscsi.Sessions;
using ActorSan.Iscsi.Text;
using ActorSan.Scsi;
using ActorSan.Storage;

namespace ActorSan.Iscsi.Connections;

/// <summary>Everything that is not a SCSI command: NOP, text, task management, logout.</summary>
internal sealed unsafe partial class Connection
{
    private const int MaxTextSegment = 8192;

    /// <summary>The most data of a request that is held until a gap before it is closed.</summary>
    private const int MaxHeldBytes = 8192;

    private readonly MemoryStream _textGathered = new();
    private byte[] _textToSend = [];
    private int _textSent;
    private uint _textTag;
    private uint _nextTextTag = 1;
    private int _management;

    /// <summary>A request that is wholly here. Numbered ones are taken in the order of CmdSN, immediate ones at once.</summary>
    private void HandleRequest(byte* header, in PduRule rule, ReadOnlySpan<byte> data)
    {
        if (rule.Handler == PduHandler.Login)
        {
            OnLogin(header, data);
            return;
        }

        if (!rule.Numbered || BasicHeader.Immediate(header))
        {
            Perform(header, data);
            return;
        }

        CommandWindow window = Session!.Window;
        SerialNumber32 number = BasicHeader.ReadSerial(header + 24);
        switch (window.Classify(number))
        {
            case CommandArrival.InOrder:
                window.Take(countsInFlight: false);
                Perform(header, data);
                if (!IsEnding)
                {
                    window.ReleaseHeld();
                }

                break;
            case CommandArrival.Early when data.Length <= MaxHeldBytes:
                window.Hold(number, new HeldPdu(this, new ReadOnlySpan<byte>(header, BasicHeader.LengthBytes), data));
                break;
            case CommandArrival.Early:
                FailFormat($"{BasicHeader.Opcode(header)} with CmdSN {number} and {data.Length} bytes came before {window.Expected}");
                break;
            case CommandArrival.Outside:
                break;
        }
    }

    private void Perform(byte* header, ReadOnlySpan<byte> data)
    {
        if (State != ConnectionState.FullFeature)
        {
            return;
        }

        switch (PduTable.RuleOf(BasicHeader.Opcode(header)).Handler)
        {
            case PduHandler.NopOut:
                OnNopOut(header, data);
                break;
            case PduHandler.Text:
                OnText(header, data);
                break;
            case PduHandler.TaskManagement:
                OnTaskManagement(header);
                break;
            case PduHandler.Logout:
                OnLogout(header);
                break;
            case PduHandler.Snack:
                Reject(header, RejectReason.SnackReject, "SNACK at ErrorRecoveryLevel 0");
                break;
            default:
                Invariant.Fail("a request without a handler");
                break;
        }
    }

    /// <summary>A ping is answered with its data, as far as the initiator takes it; an answer to ours needs nothing more than to have come.</summary>
    private void OnNopOut(byte* header, ReadOnlySpan<byte> data)
    {
        uint tag = BasicHeader.InitiatorTaskTag(header);
        if (tag == BasicHeader.ReservedTag)
        {
            return;
        }

        ControlPdu pdu = TakeControl(StatSNUse.UseUp);
        ReadOnlySpan<byte> back = data[..Math.Min(data.Length, Parameters.MaxSendDataSegmentLength)];
        NopInPdu.Write(pdu.Header, BasicHeader.LunField(header), tag, BasicHeader.ReservedTag, back.Length);
        pdu.SetData(back);
        Queue(pdu);
    }

    private void OnText(byte* header, ReadOnlySpan<byte> data)
    {
        var request = new TextRequestPdu(header);
        uint tag = BasicHeader.InitiatorTaskTag(header);
        if (request.TargetTransferTag != BasicHeader.ReservedTag && request.TargetTransferTag != _textTag)
        {
            Reject(header, RejectReason.InvalidPduField, "the target transfer tag names no text of ours");
            return;
        }

        if (request.TargetTransferTag == BasicHeader.ReservedTag)
        {
            _textGathered.SetLength(0);
            _textToSend = [];
            _textSent = 0;
        }
        else if (_textSent < _textToSend.Length)
        {
            SendText(BasicHeader.LunField(header), tag, final: request.Final);
            return;
        }

        if (_textGathered.Length + data.Length > TextPairs.MaxTextBytes || (request.Final && request.Continue))
        {
            Reject(header, RejectReason.ProtocolError, "the text is too long, or F and C are set together");
            return;
        }

        _textGathered.Write(data);
        if (request.Continue)
        {
            SendText(BasicHeader.LunField(header), tag, final: false);
            return;
        }

        var pairs = new List<TextPair>();
        TextFault fault = TextPairs.Read(_textGathered.GetBuffer().AsSpan(0, (int)_textGathered.Length), pairs);
        _textGathered.SetLength(0);
        if (fault != TextFault.None)
        {
            Reject(header, RejectReason.ProtocolError, $"the text cannot be read: {fault}");
            return;
        }

        _textToSend = AnswerText(pairs);
        _textSent = 0;
        SendText(BasicHeader.LunField(header), tag, request.Final);
    }

    private byte[] AnswerText(List<TextPair> pairs)
    {
        var answer = new StringBuilder();
        var keys = new KeyNegotiation(_server.SettingsOf(Session!), IsDiscovery, leading: false);
        keys.Continue(Parameters);
        foreach (TextPair pair in pairs)
        {
            if (pair.Key == SendTargets.Key)
            {
                SendTargets.Answer(_server.Directory, Portal, _localAddress, Session!, pair.Value, answer);
            }
            else if (keys.AnswerFullFeature(pair.Key, pair.Value) is { } text)
            {
                TextPairs.Append(answer, pair.Key, text);
            }
        }

        return Encoding.UTF8.GetBytes(answer.ToString());
    }

    /// <summary>Sends as much of the answer as one segment takes; with more to come, a tag by which the initiator asks for it.</summary>
    private void SendText(ulong lunField, uint initiatorTaskTag, bool final)
    {
        int length = Math.Min(Math.Min(Parameters.MaxSendDataSegmentLength, MaxTextSegment), _textToSend.Length - _textSent);
        bool more = _textSent + length < _textToSend.Length;
        _textTag = more || !final ? _nextTextTag++ & 0x7FFF_FFFF : BasicHeader.ReservedTag;
        ControlPdu pdu = TakeControl(StatSNUse.UseUp);
        byte flags = more ? TextResponsePdu.ContinueBit : final ? BasicHeader.FinalBit : (byte)0;
        TextResponsePdu.Write(pdu.Header, lunField, initiatorTaskTag, _textTag, flags, length);
        pdu.SetData(_textToSend.AsSpan(_textSent, length));
        _textSent += length;
        Queue(pdu);
    }

    private void OnTaskManagement(byte* header)
    {
        var request = new TaskManagementRequestPdu(header);
        uint tag = BasicHeader.InitiatorTaskTag(header);
        LunNexus lunNexus = Session!.View.Find(BasicHeader.LunField(header));
        bool oneUnit = request.Function is not (TaskManagementFunction.TargetWarmReset or TaskManagementFunction.TargetColdReset or TaskManagementFunction.TaskReassign);
        if (oneUnit && lunNexus.Lun == ulong.MaxValue && request.Function <= TaskManagementFunction.LogicalUnitReset)
        {
            SendManagementResponse(tag, TaskManagementResponse.LunDoesNotExist);
            return;
        }

        if (_management >= MaxImmediate)
        {
            SendManagementResponse(tag, TaskManagementResponse.Rejected);
            return;
        }

        switch (request.Function)
        {
            case TaskManagementFunction.AbortTask:
                AbortTask(header, request, tag, lunNexus);
                break;
            case TaskManagementFunction.AbortTaskSet or TaskManagementFunction.ClearTaskSet or TaskManagementFunction.LogicalUnitReset:
                AbortUndelivered(lunNexus);
                StartManagement(tag, request.Function, [lunNexus], 0);
                break;
            case TaskManagementFunction.ClearAca:
                StartManagement(tag, request.Function, [lunNexus], 0);
                break;
            case TaskManagementFunction.TargetWarmReset or TaskManagementFunction.TargetColdReset:
                AbortUndelivered(null);
                StartManagement(tag, request.Function, Session.View.All, 0);
                break;
            case TaskManagementFunction.TaskReassign:
                SendManagementResponse(tag, TaskManagementResponse.AllegianceReassignmentNotSupported);
                break;
            default:
                SendManagementResponse(tag, TaskManagementResponse.NotSupported);
                break;
        }

        Session.Deliveries.DispatchReady();
    }

    /// <summary>ABORT TASK (RFC 7143 §11.5.1): of a task in the unit, of one whose data still comes, or of one that never came and then never will.</summary>
    private void AbortTask(byte* header, in TaskManagementRequestPdu request, uint tag, LunNexus lunNexus)
    {
        CommandWindow window = Session!.Window;
        IscsiTask? task = FindTask(request.ReferencedTaskTag);
        if (task is null)
        {
            bool neverCame = request.RefCmdSN < request.CmdSN && window.Classify(request.RefCmdSN) != CommandArrival.Outside;
            if (neverCame)
            {
                window.Hold(request.RefCmdSN, null);
                window.ReleaseHeld();
            }

            SendManagementResponse(tag, neverCame ? TaskManagementResponse.Complete : TaskManagementResponse.TaskDoesNotExist);
            return;
        }

        if (task.LunField != BasicHeader.LunField(header) || task.Stage == TaskStage.Responding)
        {
            SendManagementResponse(tag, TaskManagementResponse.TaskDoesNotExist);
        }
        else if (task.Stage == TaskStage.Delivered)
        {
            StartManagement(tag, TaskManagementFunction.AbortTask, [lunNexus], task.Tag);
        }
        else
        {
            DropTask(task);
            SendManagementResponse(tag, TaskManagementResponse.Complete);
        }
    }

    private void StartManagement(uint tag, TaskManagementFunction function, IReadOnlyList<LunNexus> units, ulong referencedTag)
    {
        _management++;
        new ManagementTask(this, tag, function).Start(units, referencedTag);
    }

    public void OnManagementDone(ManagementTask task, TaskManagementResponse response)
    {
        _management--;
        if (IsEnding)
        {
            CheckEnded();
            return;
        }

        SendManagementResponse(
            task.InitiatorTaskTag,
            response,
            task.Function == TaskManagementFunction.TargetColdReset && response == TaskManagementResponse.Complete ? AfterSend.EndTarget : AfterSend.Nothing);
    }

    private void SendManagementResponse(uint tag, TaskManagementResponse response, AfterSend then = AfterSend.Nothing)
    {
        ControlPdu pdu = TakeControl(StatSNUse.UseUp);
        TaskManagementResponsePdu.Write(pdu.Header, tag, response);
        pdu.Then = then;
        Queue(pdu);
    }

    private void OnLogout(byte* header)
    {
        var request = new LogoutRequestPdu(header);
        if (request.Reason > LogoutReason.RemoveConnectionForRecovery)
        {
            Reject(header, RejectReason.InvalidPduField, $"logout reason {(byte)request.Reason}");
            return;
        }

        LogoutResponse response = request.Reason switch
        {
            LogoutReason.CloseSession => LogoutResponse.Closed,
            LogoutReason.CloseConnection => request.Cid == Cid ? LogoutResponse.Closed : LogoutResponse.CidNotFound,
            _ => request.Cid == Cid ? LogoutResponse.RecoveryNotSupported : LogoutResponse.CidNotFound,
        };

        ControlPdu pdu = TakeControl(StatSNUse.UseUp);
        LogoutResponsePdu.Write(pdu.Header, BasicHeader.InitiatorTaskTag(header), response, (ushort)Parameters.DefaultTime2Wait, (ushort)Parameters.DefaultTime2Retain);
        Queue(pdu);
        if (response == LogoutResponse.Closed)
        {
            CloseAfterSending(SessionEnd.Logout, "");
        }
    }

    /// <summary>A request that came before its turn.</summary>
    private sealed class HeldPdu(Connection connection, ReadOnlySpan<byte> header, ReadOnlySpan<byte> data) : IHeldRequest
    {
        private readonly byte[] _header = header.ToArray();
        private readonly byte[] _data = data.ToArray();

        public void OnInOrder()
        {
            fixed (byte* at = _header)
            {
                connection.Perform(at, _data);
            }
        }
    }
}
