using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorSan.Scsi.Inquiry;
using ActorSan.Storage.Threads;

namespace ActorSan.Scsi;

/// <summary>
/// A unit without volume, task set or per-nexus state: every command is answered at once, on the caller's thread. It knows INQUIRY, REPORT LUNS and REQUEST SENSE
/// (which SPC-4 §4.3.4 wants even of LUNs that are not there), and TEST UNIT READY.
/// </summary>
public abstract unsafe class StatelessUnit : LogicalUnit
{
    private const byte TestUnitReady = 0x00;
    private const byte RequestSense = 0x03;
    private const byte Inquiry = 0x12;
    private const byte ReportLuns = 0xA0;

    public override IoThread? Home => null;

    /// <summary>Byte 0 of INQUIRY data: peripheral qualifier and device type.</summary>
    protected abstract byte Peripheral { get; }

    /// <summary>Null: the unit is ready. Else what every command that needs it ends with.</summary>
    protected abstract AdditionalSense? Absence { get; }

    public override CdbDemand Measure(ReadOnlySpan<byte> cdb) => cdb[0] switch
    {
        RequestSense => new CdbDemand(0, Math.Min((int)cdb[4], SenseData.MaxBytes)),
        Inquiry => new CdbDemand(0, Math.Min(InquiryCommand.AllocationLength(cdb), StandardInquiry.Bytes)),
        ReportLuns => Scsi.Inquiry.ReportLuns.Measure(cdb),
        _ => default,
    };

    public override void Submit(ScsiTask task)
    {
        task.Status = ScsiStatus.Good;
        task.Aborted = false;
        task.DataInLength = 0;
        task.TransferBytes = 0;
        task.SenseLength = 0;
        Run(task, MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<CdbBuffer, byte>(ref task.Cdb), CdbBuffer.MaxLength));
        task.OnCompleted();
    }

    /// <summary>Every task has ended before the next thing can arrive: none is left to manage.</summary>
    public override void Manage(TaskManagementOperation operation)
    {
        operation.Response = (operation.Function, Absence) switch
        {
            (_, not null) => TaskManagementResponse.LunDoesNotExist,
            (TaskManagementFunction.AbortTask, _) => TaskManagementResponse.TaskDoesNotExist,
            (TaskManagementFunction.ClearAca or TaskManagementFunction.TaskReassign, _) => TaskManagementResponse.NotSupported,
            _ => TaskManagementResponse.Complete,
        };
        operation.OnCompleted();
    }

    public override void Attach(LunNexus nexus)
    {
    }

    public override void Detach(LunNexus nexus, IoMessage? done)
    {
        if (done is not null)
        {
            IoThread.Current?.Post(done);
        }
    }

    private void Run(ScsiTask task, ReadOnlySpan<byte> cdb)
    {
        switch (cdb[0])
        {
            case Inquiry:
                RunInquiry(task, cdb);
                break;
            case ReportLuns when Scsi.Inquiry.ReportLuns.Build(task.LunNexus.View, cdb[2]) is { } list:
                Reply(task, list, Scsi.Inquiry.ReportLuns.AllocationLength(cdb));
                break;
            case ReportLuns:
                Fail(task, AdditionalSense.InvalidFieldInCdb, 2);
                break;
            case RequestSense:
                Span<byte> sense = stackalloc byte[SenseData.MaxBytes];
                int length = SenseData.Write(
                    sense,
                    (cdb[1] & 0x01) != 0,
                    Absence is { } absence ? new SenseDescription(SenseKey.IllegalRequest, absence) : default);
                Reply(task, sense[..length], cdb[4]);
                break;
            case TestUnitReady when Absence is null:
                break;
            default:
                Fail(task, Absence ?? AdditionalSense.InvalidOperationCode, Absence is null ? 0 : -1);
                break;
        }
    }

    private void RunInquiry(ScsiTask task, ReadOnlySpan<byte> cdb)
    {
        bool vital = (cdb[1] & 0x01) != 0;
        if ((cdb[1] & 0x02) != 0 || cdb[2] != 0)
        {
            Fail(task, AdditionalSense.InvalidFieldInCdb, (cdb[1] & 0x02) != 0 ? 1 : 2);
            return;
        }

        Span<byte> data = stackalloc byte[StandardInquiry.Bytes];
        int length = StandardInquiry.Bytes;
        if (vital)
        {
            // Only page 00h, which lists itself.
            data.Clear();
            data[0] = Peripheral;
            BinaryPrimitives.WriteUInt16BigEndian(data[2..], 1);
            length = 5;
        }
        else
        {
            StandardInquiry.Write(data, Peripheral, new LogicalUnitSettings(), thirdPartyCopy: false, portGroups: false);
        }

        Reply(task, data[..length], InquiryCommand.AllocationLength(cdb));
    }

    private static void Reply(ScsiTask task, ReadOnlySpan<byte> data, long allocationLength)
    {
        int wanted = (int)Math.Min(data.Length, allocationLength);
        int sent = Math.Min(wanted, task.DataInCapacity);
        data[..sent].CopyTo(new Span<byte>(task.DataIn, sent));
        task.DataInLength = sent;
        task.TransferBytes = wanted;
    }

    private static void Fail(ScsiTask task, AdditionalSense additional, int cdbByte)
    {
        task.Status = ScsiStatus.CheckCondition;
        var specific = cdbByte < 0 ? default : SenseKeySpecific.Field(inCdb: true, cdbByte);
        task.SenseLength = SenseData.Write(task.Sense, descriptorFormat: false, new SenseDescription(SenseKey.IllegalRequest, additional, specific));
    }
}

/// <summary>Answers for every LUN that a session does not see: peripheral qualifier 011b, and LOGICAL UNIT NOT SUPPORTED (SPC-4 §4.3.4.1, §6.6.2).</summary>
public sealed class NoSuchUnit : StatelessUnit
{
    protected override byte Peripheral => 0x7F;

    protected override AdditionalSense? Absence => AdditionalSense.LogicalUnitNotSupported;
}

/// <summary>The REPORT LUNS well-known logical unit, C101h (SPC-4 §8.2): device type 1Eh.</summary>
public sealed class ReportLunsUnit : StatelessUnit
{
    protected override byte Peripheral => 0x1E;

    protected override AdditionalSense? Absence => null;
}
