using System.Runtime.InteropServices;
using ActorSan.Iscsi.Pdus;

namespace ActorSan.Iscsi.Connections;

/// <summary>What becomes of StatSN when a PDU is sent.</summary>
internal enum StatSNUse : byte
{
    /// <summary>It carries the next StatSN and uses it up.</summary>
    UseUp,

    /// <summary>It tells the next StatSN (R2T, a NOP-In of ours).</summary>
    Tell,
}

/// <summary>What follows when a PDU has been sent.</summary>
internal enum AfterSend : byte
{
    Nothing,

    /// <summary>The final Login Response: from here on PDUs carry the digests that were agreed.</summary>
    EnterFullFeature,

    /// <summary>A NOP-In of ours: from here on the initiator has time to answer.</summary>
    AwaitPing,

    /// <summary>The response of a TARGET COLD RESET: the target's sessions end now.</summary>
    EndTarget,
}

/// <summary>One PDU of a connection that is not a task's answer, with its header and a little data in native memory; pooled by the connection.</summary>
internal sealed unsafe class ControlPdu : Outgoing, IDisposable
{
    /// <summary>Room for data beside the header: a rejected header with its AHS fits.</summary>
    public const int InlineDataBytes = BasicHeader.LengthBytes + PduTable.MaxCommandAhsBytes;

    private readonly Connection _connection;
    private byte* _memory;

    public ControlPdu(Connection connection)
    {
        _connection = connection;
        _memory = (byte*)NativeMemory.Alloc(BasicHeader.LengthBytes + InlineDataBytes);
    }

    public byte* Header => _memory;

    public byte* InlineData => _memory + BasicHeader.LengthBytes;

    /// <summary>Where data lies that has no room inline; freed after sending. Not of the pool: an answer must not have to wait for a buffer.</summary>
    private byte* _large;

    public int LargeBytes { get; private set; }

    public StatSNUse StatSN { get; set; }

    public AfterSend Then { get; set; }

    /// <summary>Copies the data segment.</summary>
    public void SetData(ReadOnlySpan<byte> data)
    {
        byte* at = InlineData;
        if (data.Length > InlineDataBytes)
        {
            at = _large = (byte*)NativeMemory.Alloc((nuint)data.Length);
            LargeBytes = data.Length;
        }

        data.CopyTo(new Span<byte>(at, data.Length));
        BasicHeader.SetDataSegmentLength(Header, data.Length);
    }

    public void FreeLarge()
    {
        NativeMemory.Free(_large);
        _large = null;
        LargeBytes = 0;
    }

    public override bool Fill(SendQueue queue)
    {
        byte* header = queue.TakeHeader();
        if (header is null)
        {
            return false;
        }

        System.Buffer.MemoryCopy(_memory, header, BasicHeader.LengthBytes, BasicHeader.LengthBytes);
        _connection.Stamp(header, StatSN == StatSNUse.UseUp);
        queue.Commit(header, _large is null ? InlineData : _large, BasicHeader.DataSegmentLength(_memory));
        if (Then == AfterSend.EnterFullFeature)
        {
            _connection.BeginDigests(); // What follows in the same batch carries them already.
        }

        return true;
    }

    public override void OnReleased() => _connection.OnControlReleased(this);

    public void Dispose()
    {
        FreeLarge();
        NativeMemory.Free(_memory);
        _memory = null;
    }
}
