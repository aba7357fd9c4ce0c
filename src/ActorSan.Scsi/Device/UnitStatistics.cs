namespace ActorSan.Scsi;

/// <summary>What a unit has done since it was opened; for LOG SENSE and metrics. Home thread.</summary>
internal sealed class UnitStatistics
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

    public void Read(long bytes)
    {
        ReadCommands++;
        ReadBytes += bytes;
    }

    public void Written(long bytes)
    {
        WriteCommands++;
        WrittenBytes += bytes;
    }

    public void Verified(long bytes)
    {
        VerifyCommands++;
        VerifiedBytes += bytes;
    }

    public UnitStatistics Copy() => (UnitStatistics)MemberwiseClone();
}
