namespace ActorSan.Scsi.Reservations;

/// <summary>Persistent reservation types (SPC-4 §6.15.3.4, table 'TYPE field'); the codes are on the wire and on disk.</summary>
public enum ReservationType : byte
{
    None = 0,
    WriteExclusive = 1,
    ExclusiveAccess = 3,
    WriteExclusiveRegistrantsOnly = 5,
    ExclusiveAccessRegistrantsOnly = 6,
    WriteExclusiveAllRegistrants = 7,
    ExclusiveAccessAllRegistrants = 8,
}

public static class ReservationTypes
{
    /// <summary>Whether the code names a type; None does not.</summary>
    public static bool IsValid(int code) => code is 1 or 3 or 5 or 6 or 7 or 8;

    /// <summary>Every registered nexus is a holder.</summary>
    public static bool IsAllRegistrants(this ReservationType type) =>
        type is ReservationType.WriteExclusiveAllRegistrants or ReservationType.ExclusiveAccessAllRegistrants;

    /// <summary>'Registrants only' and 'all registrants' alike: registration gives the rights of the holder.</summary>
    public static bool IncludesRegistrants(this ReservationType type) => type >= ReservationType.WriteExclusiveRegistrantsOnly;

    /// <summary>Reading is denied too.</summary>
    public static bool IsExclusiveAccess(this ReservationType type) =>
        type is ReservationType.ExclusiveAccess or ReservationType.ExclusiveAccessRegistrantsOnly or ReservationType.ExclusiveAccessAllRegistrants;
}
