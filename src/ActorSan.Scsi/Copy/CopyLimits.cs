namespace ActorSan.Scsi.Copy;

/// <summary>What the copy manager of a unit takes: reported by RECEIVE COPY RESULTS (operating parameters) and VPD page 8Fh, checked by EXTENDED COPY.</summary>
internal static class CopyLimits
{
    public const int HeaderBytes = 16;

    /// <summary>CSCD descriptors in one list: each names a unit.</summary>
    public const int MaxTargets = 16;

    public const int MaxSegments = 32;

    public const int TargetBytes = 32;

    /// <summary>A segment descriptor of type 02h.</summary>
    public const int SegmentBytes = 28;

    /// <summary>Both lists together, without the header: as many of each as are allowed.</summary>
    public const int MaxListBytes = (MaxTargets * TargetBytes) + (MaxSegments * SegmentBytes);

    /// <summary>Results of copies that are kept for one nexus; the oldest that is complete makes room.</summary>
    public const int MaxResults = 16;

    /// <summary>What is read and written at a time.</summary>
    public const int PieceBytes = 1 << 20;

    /// <summary>Pieces of one copy in flight.</summary>
    public const int MaxPieces = 4;

    /// <summary>The block → block segment descriptor, the only one.</summary>
    public const byte BlockToBlock = 0x02;

    /// <summary>The identification CSCD descriptor, the only one.</summary>
    public const byte Identification = 0xE4;

    /// <summary>Index of a power of two: DATA SEGMENT GRANULARITY of a unit is its block.</summary>
    public static byte SegmentGranularity(BlockDevice device) => (byte)device.BlockShift;
}
