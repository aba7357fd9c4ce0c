using System.Buffers.Binary;
using ActorSan.Scsi;

namespace ActorSan.Iscsi;

/// <summary>What a session has done since its login: commands that read or write the medium, ended with whatever status. Counted by the session's thread, read by any.</summary>
public sealed class SessionCounters
{
    private long _reads;
    private long _writes;
    private long _readBytes;
    private long _writtenBytes;
    private int _tasksInFlight;

    public long Reads => Volatile.Read(ref _reads);

    public long Writes => Volatile.Read(ref _writes);

    /// <summary>Sent to the initiator.</summary>
    public long ReadBytes => Volatile.Read(ref _readBytes);

    /// <summary>Received from the initiator: of a WRITE SAME the one block, of a COMPARE AND WRITE both halves.</summary>
    public long WrittenBytes => Volatile.Read(ref _writtenBytes);

    /// <summary>In the order of CmdSN and not answered yet; tasks for immediate delivery are not counted.</summary>
    public int TasksInFlight => Volatile.Read(ref _tasksInFlight);

    internal void Entered() => _tasksInFlight++;

    internal void Left() => _tasksInFlight--;

    internal void Ended(ScsiTask task)
    {
        switch (task.Cdb[0])
        {
            case 0x08 or 0x28 or 0xA8 or 0x88:
                Read(task);
                break;
            case 0x0A or 0x2A or 0xAA or 0x8A or 0x2E or 0xAE or 0x8E or 0x41 or 0x93 or 0x89 or 0x9C or 0x8B:
                Wrote(task);
                break;
            case 0x7F:
                // SPC-4 §4.3.3: of a variable length CDB the service action tells the command.
                switch (BinaryPrimitives.ReadUInt16BigEndian(((ReadOnlySpan<byte>)task.Cdb)[8..]))
                {
                    case 0x0009:
                        Read(task);
                        break;
                    case 0x000B or 0x000C or 0x000D:
                        Wrote(task);
                        break;
                    default:
                        break;
                }

                break;
            default:
                break;
        }
    }

    private void Read(ScsiTask task)
    {
        _reads++;
        _readBytes += task.DataInLength;
    }

    private void Wrote(ScsiTask task)
    {
        _writes++;
        _writtenBytes += task.DataOutLength;
    }
}
