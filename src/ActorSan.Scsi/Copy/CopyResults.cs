namespace ActorSan.Scsi.Copy;

/// <summary>COPY MANAGER STATUS (SPC-4 §6.24.2), and that there is none.</summary>
internal enum CopyStatus : byte
{
    InProgress = 0,
    Good = 1,
    Failed = 2,
    Free = 0xFF,
}

/// <summary>What became of one EXTENDED COPY, by its list identifier.</summary>
internal sealed class CopyResult
{
    public byte ListId;
    public CopyStatus Status = CopyStatus.Free;

    /// <summary>The initiator may ask for it after the copy has ended (LIST ID USAGE 00b).</summary>
    public bool Held;

    public int SegmentsDone;
    public long BytesWritten;

    /// <summary>Order of the beginnings: the oldest goes first.</summary>
    public long Age;

    public ScsiStatus CommandStatus;
    public int SenseLength;

    public byte[] Sense { get; } = new byte[SenseBuffer.MaxLength];

    public void Forget()
    {
        Status = CopyStatus.Free;
        SenseLength = 0;
    }
}

/// <summary>The copies of one I_T_L nexus that RECEIVE COPY RESULTS can speak of: a fixed number. Ended by a reset or the loss of the nexus.</summary>
internal sealed class CopyResults
{
    private readonly CopyResult[] _results = [.. Enumerable.Range(0, CopyLimits.MaxResults).Select(_ => new CopyResult())];
    private long _age;

    public CopyResult? Find(byte listId)
    {
        foreach (CopyResult result in _results)
        {
            if (result.Status != CopyStatus.Free && result.ListId == listId)
            {
                return result;
            }
        }

        return null;
    }

    /// <summary>
    /// A copy begins: takes the place of what was kept under its identifier, else a free one, else the oldest that is complete. Null while a copy under that identifier runs,
    /// or when all places belong to copies that run.
    /// </summary>
    public CopyResult? Begin(byte listId, bool held)
    {
        CopyResult? place = Find(listId);
        if (place is null)
        {
            foreach (CopyResult result in _results)
            {
                if (result.Status == CopyStatus.InProgress)
                {
                    continue;
                }

                if (place is null || RankOf(result) < RankOf(place))
                {
                    place = result;
                }
            }
        }

        if (place is null or { Status: CopyStatus.InProgress })
        {
            return null;
        }

        place.ListId = listId;
        place.Status = CopyStatus.InProgress;
        place.Held = held;
        place.SegmentsDone = 0;
        place.BytesWritten = 0;
        place.SenseLength = 0;
        place.Age = ++_age;
        return place;
    }

    /// <summary>A reset: what has ended is forgotten (SPC-4 §5.17.4).</summary>
    public void Forget()
    {
        foreach (CopyResult result in _results)
        {
            if (result.Status != CopyStatus.InProgress)
            {
                result.Forget();
            }
        }
    }

    private static long RankOf(CopyResult result) => result.Status == CopyStatus.Free ? 0 : result.Age;
}
