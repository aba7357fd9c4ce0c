using System.Buffers.Binary;

namespace ActorSan.Scsi;

/// <summary>
/// REPORT TARGET PORT GROUPS (SPC-4 §6.37), implicit asymmetric access alone: the states are the cluster's to set, so there is no SET TARGET PORT GROUPS.
/// <code>
/// CDB     1  7..5 PARAMETER DATA FORMAT (0 length only, 1 extended header)   6..9  ALLOCATION LENGTH
/// header  0..3 length after it; extended: 4  6..4 FORMAT TYPE (1)   5 IMPLICIT TRANSITION TIME, seconds   6..7 zero
/// group   0  7 PREF  3..0 STATE   1  7 T_SUP 6 O_SUP 3 U_SUP 2 S_SUP 1 AN_SUP 0 AO_SUP   2..3 group   5 STATUS CODE   7 ports; each: 2..3 relative port identifier
/// </code>
/// </summary>
internal static class ReportTargetPortGroups
{
    private const int GroupBytes = 8;
    private const int PortBytes = 4;
    private const int MaxBytes = 4096;

    /// <summary>The states that a group of ours can be in.</summary>
    private const byte SupportedStates = 0x80 | 0x08 | 0x04 | 0x02 | 0x01;

    /// <summary>Seconds that a transition may last; within them an initiator tries again.</summary>
    private const byte TransitionSeconds = 30;

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "REPORT TARGET PORT GROUPS",
            OperationCode = 0xA3,
            ServiceAction = 0x0A,
            Usage = [0xA3, 0x2A, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min(BinaryPrimitives.ReadUInt32BigEndian(cdb[6..]), MaxBytes)),
            Start = Start,
            Reservation = ReservationClass.Allowed,

            // Of all commands this one must work in every state: it is how an initiator learns of it.
            BlockedBy = Restrictions.None,
        },
    ];

    private static void Start(TaskState task)
    {
        int format = task.CdbByte(1) >> 5;
        if (format > 1)
        {
            task.FailCdbField(1, 7);
            return;
        }

        Span<byte> data = stackalloc byte[MaxBytes];
        data.Clear();
        int at = format == 0 ? 4 : 8;
        if (format == 1)
        {
            data[4] = 0x10;
            data[5] = TransitionSeconds;
        }

        BlockDevice device = task.Device;
        if (device.PortGroups.Count == 0)
        {
            AppendOwn(data, ref at, task.Nexus.LunNexus.Nexus, device.IsActive);
        }

        foreach (TargetPortGroup group in device.PortGroups)
        {
            int ports = Math.Min(group.RelativePorts.Count, byte.MaxValue);
            if (at + GroupBytes + (ports * PortBytes) > MaxBytes)
            {
                break;
            }

            // Its lease may come back, or another node serve by now.
            bool isCertain = !group.IsOwn || !group.IsActive || device.Volume.MayTell;
            AppendGroup(data, ref at, isCertain ? group : group with { State = PortGroupState.Transitioning, Status = PortGroupStatus.AlteredImplicitly }, ports);
            for (int i = 0; i < ports; i++)
            {
                AppendPort(data, ref at, group.RelativePorts[i]);
            }
        }

        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)(at - 4));
        task.EndWith(data[..at], task.CdbUInt32(6));
    }

    // Nobody told the unit of groups: it knows of the port that the question came by.
    private static void AppendOwn(Span<byte> data, ref int at, ScsiNexus nexus, bool active)
    {
        PortGroupState state = active ? PortGroupState.ActiveOptimized : PortGroupState.Standby;
        AppendGroup(data, ref at, new TargetPortGroup { Id = nexus.PortGroupId, RelativePorts = [], State = state }, ports: 1);
        AppendPort(data, ref at, nexus.RelativePortId);
    }

    private static void AppendGroup(Span<byte> data, ref int at, TargetPortGroup group, int ports)
    {
        data[at] = (byte)((group.Preferred ? 0x80 : 0) | (byte)group.State);
        data[at + 1] = SupportedStates;
        BinaryPrimitives.WriteUInt16BigEndian(data[(at + 2)..], group.Id);
        data[at + 5] = (byte)group.Status;
        data[at + 7] = (byte)ports;
        at += GroupBytes;
    }

    private static void AppendPort(Span<byte> data, ref int at, ushort relativePort)
    {
        BinaryPrimitives.WriteUInt16BigEndian(data[(at + 2)..], relativePort);
        at += PortBytes;
    }
}
