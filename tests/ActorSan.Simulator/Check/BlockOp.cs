using System.Globalization;

namespace ActorSan.Simulator.Check;

public enum BlockOpKind : byte
{
    Read,
    Write,

    /// <summary>Compare and write: found <see cref="BlockOp.Expected"/> and left <see cref="BlockOp.Value"/>, in one step.</summary>
    Compare,

    /// <summary>A miscompare: found something other than <see cref="BlockOp.Expected"/>.</summary>
    NotEqual,
}

/// <summary>What one operation did, or may have done, to one block. Times are true (virtual) nanoseconds; a value stands for a block's content, 0 for zeroes.</summary>
public struct BlockOp
{
    public const long Never = long.MaxValue;

    public BlockOpKind Kind;

    /// <summary>Write and Compare: answered GOOD. Without it the operation may have taken effect at any time since, or may never.</summary>
    public bool IsOk;

    /// <summary>Write and Compare: force unit access.</summary>
    public bool Durable;

    public int Client;

    /// <summary>The lineage that answered (P11), by its number; 0: the first one.</summary>
    public int Lineage;

    public long Invoke;

    /// <summary><see cref="Never"/> when the outcome is unknown.</summary>
    public long Return;

    public ulong Value;

    public ulong Expected;

    public readonly bool Changes => Kind is BlockOpKind.Write or BlockOpKind.Compare;

    public static BlockOp Read(long invoke, long back, ulong value) => new() { Kind = BlockOpKind.Read, IsOk = true, Invoke = invoke, Return = back, Value = value };

    public static BlockOp Write(long invoke, long back, ulong value, bool durable = false) =>
        new() { Kind = BlockOpKind.Write, IsOk = back != Never, Invoke = invoke, Return = back, Value = value, Durable = durable };

    public static BlockOp Compare(long invoke, long back, ulong expected, ulong value) =>
        new() { Kind = BlockOpKind.Compare, IsOk = back != Never, Invoke = invoke, Return = back, Value = value, Expected = expected };

    public static BlockOp NotEqual(long invoke, long back, ulong expected) => new() { Kind = BlockOpKind.NotEqual, IsOk = true, Invoke = invoke, Return = back, Expected = expected };

    public override readonly string ToString()
    {
        string what = Kind switch
        {
            BlockOpKind.Read => $"read {Value}",
            BlockOpKind.Write => $"write {Value}{(Durable ? " FUA" : "")}",
            BlockOpKind.Compare => $"compare {Expected} and write {Value}{(Durable ? " FUA" : "")}",
            _ => $"found other than {Expected}",
        };
        string end = Return == Never ? "unknown" : Ms(Return);
        return $"[{Ms(Invoke)}, {end}] client {Client} {what}";
    }

    internal static string Ms(long ns) => ((ns - 1_000_000_000) / 1e6).ToString("F3", CultureInfo.InvariantCulture);
}

/// <summary>A flush that was answered GOOD: all writes that were complete before <see cref="Invoke"/> survive any loss of power after <see cref="Return"/>.</summary>
public readonly record struct FlushRecord(long Invoke, long Return, int Lineage = 0);
