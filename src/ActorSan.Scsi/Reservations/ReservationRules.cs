namespace ActorSan.Scsi.Reservations;

/// <summary>How a command meets reservations: the rows of SPC-4 table 'SPC commands that are allowed in the presence of various reservations' and SBC-3's (§4.17), by equal columns.</summary>
public enum CommandAccess : byte
{
    /// <summary>Allowed for every nexus, under RESERVE too: INQUIRY, REPORT LUNS, REQUEST SENSE, PREVENT ALLOW that allows.</summary>
    Free,

    /// <summary>Allowed under every persistent reservation, conflicts with another's RESERVE: TEST UNIT READY, LOG SENSE, READ CAPACITY, START STOP UNIT that starts …</summary>
    Status,

    /// <summary>Allowed under the write exclusive types; under exclusive access for holders and registrants.</summary>
    Read,

    /// <summary>For holders and registrants only.</summary>
    Write,

    /// <summary>PERSISTENT RESERVE IN and OUT: conflict with RESERVE of any nexus; else OUT's service actions check themselves.</summary>
    PersistentReserve,

    /// <summary>RESERVE and RELEASE: decided by <see cref="ReservationMachine"/>.</summary>
    Reserve,
}

/// <summary>Which commands a reservation lets through.</summary>
public static class ReservationRules
{
    /// <summary>
    /// Whether a command of that class from that nexus is let through. <paramref name="standing"/> is what the nexus is to <paramref name="state"/>, found once and kept
    /// until the state is another object.
    /// </summary>
    public static bool Allows(ReservationState state, CommandAccess access, ReservationStanding standing, bool isReserver)
    {
        if (state.Reserver is not null)
        {
            return access switch
            {
                CommandAccess.Free or CommandAccess.Reserve => true,
                CommandAccess.PersistentReserve => false,
                _ => isReserver,
            };
        }

        if (!state.IsReserved || access is not (CommandAccess.Read or CommandAccess.Write))
        {
            return true;
        }

        bool entitled = standing == ReservationStanding.Holder || (standing == ReservationStanding.Registered && state.Type.IncludesRegistrants());
        return entitled || (access == CommandAccess.Read && !state.Type.IsExclusiveAccess());
    }

    /// <summary>The access of a CDB. What we do not know counts as a write: it is refused later anyway, and never let through by mistake.</summary>
    public static CommandAccess AccessOf(ReadOnlySpan<byte> cdb) => cdb[0] switch
    {
        0x12 or 0xA0 or 0x03 => CommandAccess.Free, // INQUIRY, REPORT LUNS, REQUEST SENSE
        0x00 or 0x4D or 0x25 => CommandAccess.Status, // TEST UNIT READY, LOG SENSE, READ CAPACITY(10)
        0x1E => (cdb[4] & 3) == 0 ? CommandAccess.Free : CommandAccess.Write, // PREVENT ALLOW MEDIUM REMOVAL
        0x1B => (cdb[4] & 1) != 0 && cdb[4] >> 4 == 0 ? CommandAccess.Status : CommandAccess.Write, // START STOP UNIT
        0x16 or 0x17 or 0x56 or 0x57 => CommandAccess.Reserve,
        0x5E or 0x5F => CommandAccess.PersistentReserve,
        0x08 or 0x28 or 0xA8 or 0x88 => CommandAccess.Read, // READ
        0x2F or 0xAF or 0x8F => CommandAccess.Read, // VERIFY
        0x34 or 0x90 => CommandAccess.Read, // PRE-FETCH
        0x37 or 0xB7 => CommandAccess.Read, // READ DEFECT DATA
        0x1A or 0x5A or 0x3C or 0x1C => CommandAccess.Read, // MODE SENSE, READ BUFFER, RECEIVE DIAGNOSTIC RESULTS
        0x9E => (cdb[1] & 0x1F) switch
        {
            0x10 => CommandAccess.Status, // READ CAPACITY(16)
            _ => CommandAccess.Read, // GET LBA STATUS
        },
        0xA3 => (cdb[1] & 0x1F) switch
        {
            0x0A => CommandAccess.Status, // REPORT TARGET PORT GROUPS
            _ => CommandAccess.Read, // REPORT SUPPORTED OPERATION CODES, TASK MANAGEMENT FUNCTIONS
        },
        _ => CommandAccess.Write,
    };
}
