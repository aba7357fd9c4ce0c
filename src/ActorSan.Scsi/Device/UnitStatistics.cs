using ActorSan.Storage;

namespace ActorSan.Scsi;

/// <summary>What a unit has done since it was opened; for LOG SENSE and metrics. Home thread.</summary>
public sealed class UnitStatistics
{
    public long ReadCommands;
    public long ReadBytes;
    public long ReadErrors;
    public long WriteCommands;
    public long WrittenBytes;
    public long WriteErrors;
    public long VerifyCommands;
    public long VerifiedBytes;
    public long VerifyErrors;

    /// <summary>Commands that ended with an error for which no medium is to blame: the volume did not serve, or had no room for one more operation.</summary>
    public long NonMediumErrors;

    /// <summary>Of <see cref="ReadCommands"/>: from the command's arrival at the unit to the answer.</summary>
    public DurationCounts ReadDurations { get; } = new();

    /// <summary>Of <see cref="WriteCommands"/>: from the arrival of the command, with all its data, at the unit to the answer.</summary>
    public DurationCounts WriteDurations { get; } = new();

    public void Read(long bytes, long durationNs)
    {
        ReadCommands++;
        ReadBytes += bytes;
        ReadDurations.Add(durationNs);
    }

    public void Written(long bytes, long durationNs)
    {
        WriteCommands++;
        WrittenBytes += bytes;
        WriteDurations.Add(durationNs);
    }

    public void Verified(long bytes)
    {
        VerifyCommands++;
        VerifiedBytes += bytes;
    }

    /// <summary>The numbers as they are now; durations go on being those of the original.</summary>
    public UnitStatistics Copy() => (UnitStatistics)MemberwiseClone();
}
