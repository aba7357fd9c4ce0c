using System.Globalization;

namespace ActorSan.Workload.Paths;

/// <summary>How one attempt on one path ended.</summary>
internal enum AttemptKind
{
    Good,

    /// <summary>The path was down: nothing was sent.</summary>
    NotSent,

    /// <summary>The unit said that it did nothing, and why that may pass: NOT READY, BUSY, TASK SET FULL, UNIT ATTENTION.</summary>
    NotReady,
    Busy,
    UnitAttention,

    /// <summary>It did nothing, and trying again changes nothing.</summary>
    ReservationConflict,
    Miscompare,
    Refused,

    /// <summary>Nobody knows whether it was done: the path died, or too much time passed, or it was aborted, or failed half way.</summary>
    Lost,
}

/// <param name="Kind">What it means.</param>
/// <param name="Text">What was seen, for the history: a word, or status and sense.</param>
/// <param name="Data">What came in, with <see cref="AttemptKind.Good"/>.</param>
internal sealed record AttemptResult(AttemptKind Kind, string Text, byte[] Data)
{
    internal static readonly AttemptResult NotSent = new(AttemptKind.NotSent, "notSent", []);

    internal static AttemptResult Lost(string why) => new(AttemptKind.Lost, why, []);

    /// <summary>From a SCSI status (SAM-5 §5.3) with its sense.</summary>
    internal static AttemptResult Of(int status, int senseKey, int additionalSense, byte[] data)
    {
        switch (status)
        {
            case 0x00:
                return new AttemptResult(AttemptKind.Good, "good", data);
            case 0x02:
                string sense = string.Create(CultureInfo.InvariantCulture, $"check {senseKey:X}h/{additionalSense >> 8:X2}h/{additionalSense & 0xFF:X2}h");
                AttemptKind kind = senseKey switch
                {
                    0x2 => AttemptKind.NotReady,
                    0x6 => AttemptKind.UnitAttention,
                    0xE => AttemptKind.Miscompare,
                    0x5 or 0x7 => AttemptKind.Refused,

                    // A write that failed may have been done in part.
                    _ => AttemptKind.Lost,
                };
                return new AttemptResult(kind, sense, []);
            case 0x08:
                return new AttemptResult(AttemptKind.Busy, "busy", []);
            case 0x28:
                return new AttemptResult(AttemptKind.Busy, "taskSetFull", []);
            case 0x18:
                return new AttemptResult(AttemptKind.ReservationConflict, "reservationConflict", []);
            case 0x40:
                return Lost("taskAborted");
            default:
                return Lost(string.Create(CultureInfo.InvariantCulture, $"status {status:X}h"));
        }
    }
}
