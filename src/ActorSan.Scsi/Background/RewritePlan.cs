using System.Buffers.Binary;

namespace ActorSan.Scsi.Background;

/// <summary>How the medium is rewritten. Numbers are on disk: never reuse one.</summary>
internal enum RewriteMethod : byte
{
    /// <summary>SANITIZE, OVERWRITE: the pattern goes to every block, in one or more passes.</summary>
    Overwrite = 1,

    /// <summary>SANITIZE, BLOCK ERASE.</summary>
    BlockErase = 2,

    /// <summary>SANITIZE, CRYPTOGRAPHIC ERASE.</summary>
    CryptoErase = 3,

    /// <summary>FORMAT UNIT with the default pattern: zeroes, unmapped where the volume is thin.</summary>
    Format = 4,

    /// <summary>FORMAT UNIT with an initialization pattern.</summary>
    FormatWithPattern = 5,
}

/// <summary>
/// A rewrite of the whole medium with its parameters and how far it is durably done. Kept as <see cref="Storage.Blocks.VolumeAttribute.Sanitize"/>, big-endian:
/// <code>
/// 0 version (1)   1 state (1 runs, 2 failed)   2 method   3 7 INVERT  0 AUSE   4 passes   5 pass   6..7 pattern length   8..15 bytes of the pass done   16.. pattern
/// </code>
/// </summary>
internal sealed record RewritePlan
{
    private const byte Version = 1;
    private const byte Runs = 1;
    private const byte HasFailed = 2;
    private const int HeaderBytes = 16;

    public required RewriteMethod Method { get; init; }

    /// <summary>AUSE: after a failure, EXIT FAILURE MODE gives the medium back.</summary>
    public bool AllowsExit { get; init; }

    /// <summary>INVERT: the pattern is inverted between passes, so that the last writes it as it is.</summary>
    public bool Inverts { get; init; }

    /// <summary>OVERWRITE COUNT; 1 for every other method.</summary>
    public byte Passes { get; init; } = 1;

    /// <summary>Repeated, and cut, to fill each logical block; empty for methods without one.</summary>
    public byte[] Pattern { get; init; } = [];

    public byte Pass { get; init; }

    /// <summary>Bytes of <see cref="Pass"/> that are durable.</summary>
    public long DoneBytes { get; init; }

    public bool Failed { get; init; }

    public bool IsSanitize => Method is RewriteMethod.Overwrite or RewriteMethod.BlockErase or RewriteMethod.CryptoErase;

    public bool HasPattern => Method is RewriteMethod.Overwrite or RewriteMethod.FormatWithPattern;

    /// <summary>The pattern of a pass is inverted: the passes alternate, and the last one is not (SBC-4 §5.35.2).</summary>
    public bool IsInverted(int pass) => Inverts && (Passes - 1 - pass) % 2 != 0;

    /// <summary>What stands for a plan that can't be read: nobody knows what was to be erased, so nothing is readable until a sanitize has succeeded.</summary>
    public static RewritePlan Damaged { get; } = new() { Method = RewriteMethod.BlockErase, Failed = true };

    public int EncodedBytes => HeaderBytes + Pattern.Length;

    public static int MaxEncodedBytes(int blockBytes) => HeaderBytes + blockBytes;

    public void Write(Span<byte> to)
    {
        to[..HeaderBytes].Clear();
        to[0] = Version;
        to[1] = Failed ? HasFailed : Runs;
        to[2] = (byte)Method;
        to[3] = (byte)((Inverts ? 0x80 : 0) | (AllowsExit ? 0x01 : 0));
        to[4] = Passes;
        to[5] = Pass;
        BinaryPrimitives.WriteUInt16BigEndian(to[6..], (ushort)Pattern.Length);
        BinaryPrimitives.WriteInt64BigEndian(to[8..], DoneBytes);
        Pattern.CopyTo(to[HeaderBytes..]);
    }

    /// <summary>Null when there is none; <see cref="Damaged"/> when it is not one that we know.</summary>
    public static RewritePlan? Read(ReadOnlySpan<byte> from)
    {
        if (from.IsEmpty)
        {
            return null;
        }

        if (from.Length < HeaderBytes
            || from[0] != Version
            || from[1] is not (Runs or HasFailed)
            || from[2] is < (byte)RewriteMethod.Overwrite or > (byte)RewriteMethod.FormatWithPattern
            || (from[3] & ~0x81) != 0
            || from.Length != HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(from[6..]))
        {
            return Damaged;
        }

        var plan = new RewritePlan
        {
            Failed = from[1] == HasFailed,
            Method = (RewriteMethod)from[2],
            Inverts = (from[3] & 0x80) != 0,
            AllowsExit = (from[3] & 0x01) != 0,
            Passes = from[4],
            Pass = from[5],
            DoneBytes = BinaryPrimitives.ReadInt64BigEndian(from[8..]),
            Pattern = from[HeaderBytes..].ToArray(),
        };
        bool sound = plan.Pass < plan.Passes && plan.DoneBytes >= 0 && plan.HasPattern == (plan.Pattern.Length > 0);
        return sound ? plan : Damaged;
    }
}
