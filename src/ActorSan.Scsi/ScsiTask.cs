using System.Runtime.CompilerServices;

namespace ActorSan.Scsi;

/// <summary>SAM-5 task attributes, with the iSCSI code points (RFC 7143 §11.3.1).</summary>
public enum TaskAttribute : byte
{
    Untagged = 0,
    Simple = 1,
    Ordered = 2,
    HeadOfQueue = 3,
    Aca = 4,
}

/// <summary>SAM-5 §5.3.</summary>
public enum ScsiStatus : byte
{
    Good = 0x00,
    CheckCondition = 0x02,
    ConditionMet = 0x04,
    Busy = 0x08,
    ReservationConflict = 0x18,
    TaskSetFull = 0x28,
    AcaActive = 0x30,
    TaskAborted = 0x40,
}

/// <summary>A CDB of at most 32 bytes, in place.</summary>
[InlineArray(MaxLength)]
public struct CdbBuffer
{
    public const int MaxLength = 32;
    private byte _first;
}

/// <summary>Sense data, in place (SPC-4 §4.5: at most 252 bytes).</summary>
[InlineArray(MaxLength)]
public struct SenseBuffer
{
    public const int MaxLength = 252;
    private byte _first;
}

/// <summary>
/// One SCSI command, owned and reused by the transport. The transport fills the request, has received all data-out, and hands it to
/// <see cref="LogicalUnit.Submit"/> on the unit's home thread; the unit fills the answer and calls <see cref="OnCompleted"/> there, once, perhaps before Submit returns.
/// An aborted task is completed too, with <see cref="Aborted"/> set: the transport then sends no response for it.
/// </summary>
public abstract unsafe class ScsiTask
{
    // The request.

    /// <summary>The I_T_L nexus that it came by.</summary>
    public LunNexus LunNexus = null!;

    /// <summary>The initiator task tag: names the task within its nexus.</summary>
    public ulong Tag;

    public TaskAttribute Attribute;

    public CdbBuffer Cdb;

    /// <summary>Bytes of <see cref="Cdb"/> in use; the rest is zero.</summary>
    public int CdbLength;

    /// <summary>Native memory with what was received; null when there is none.</summary>
    public byte* DataOut;

    /// <summary>
    /// The initiator's expected data transfer length for data-out (RFC 7143 §11.3.4); with more than the command takes, <see cref="DataOutLength"/> alone does not tell that the
    /// two disagree. Zero when the transport does not know it.
    /// </summary>
    public long ExpectedDataOutLength;

    /// <summary>Bytes received: min(EDTL, <see cref="CdbDemand.DataOutBytes"/>).</summary>
    public int DataOutLength;

    /// <summary>Native memory for the answer, zeroed by nobody: the unit writes every byte that it counts in <see cref="DataInLength"/>.</summary>
    public byte* DataIn;

    /// <summary>Room at <see cref="DataIn"/>: min(EDTL, <see cref="CdbDemand.DataInBytes"/>).</summary>
    public int DataInCapacity;

    // The answer.

    public ScsiStatus Status;

    public bool Aborted;

    /// <summary>Bytes of <see cref="DataIn"/> to send.</summary>
    public int DataInLength;

    /// <summary>
    /// Bytes that the device server would have transferred, in the command's direction, given room: the transport reports the residual against the initiator's expected
    /// length (RFC 7143 §11.4.5). For data-in at least <see cref="DataInLength"/>.
    /// </summary>
    public long TransferBytes;

    public SenseBuffer Sense;

    public int SenseLength;

    /// <summary>The unit's own state for this task while it runs; kept over reuse so that nothing is allocated per command.</summary>
    internal TaskState? State;

    /// <summary>Called once, on the unit's home thread.</summary>
    protected internal abstract void OnCompleted();
}

/// <summary>What a CDB wants to transfer, found without touching the unit's state; so the transport knows how much data to solicit and how much room to give before the command crosses to the home thread.</summary>
/// <param name="DataOutBytes">Parameter list or block data that the command takes; 0 if none.</param>
/// <param name="DataInBytes">The most that the command can return; 0 if none.</param>
public readonly record struct CdbDemand(long DataOutBytes, long DataInBytes);
