namespace ActorSan.Workload.Checking;

/// <summary>Two stores' data areas beside each other, byte for byte; a hole is zeroes.</summary>
internal sealed record StoreComparison(long Bytes, long DifferentBlocks, long FirstDifference)
{
    private const int BlockBytes = 4096;
    private const int ChunkBytes = 1 << 20;

    internal bool Same => DifferentBlocks == 0;

    /// <param name="first">A file or device.</param>
    /// <param name="firstOffset">Where its data area begins, in bytes.</param>
    /// <param name="second">The other one.</param>
    /// <param name="secondOffset">Where the other's begins.</param>
    /// <param name="length">Bytes of the data area; 0: up to the end of both, which must be at the same place.</param>
    /// <exception cref="WorkloadException">They have not the same size, or one is shorter than was said.</exception>
    internal static StoreComparison Of(string first, long firstOffset, string second, long secondOffset, long length)
    {
        using FileStream one = Open(first);
        using FileStream other = Open(second);
        long firstLength = one.Length - firstOffset;
        long secondLength = other.Length - secondOffset;
        if (firstLength < 0 || secondLength < 0 || firstLength < length || secondLength < length)
        {
            throw new WorkloadException($"behind the offsets {first} has {firstLength} bytes and {second} has {secondLength}: less than the data area should have");
        }

        if (length == 0 && firstLength != secondLength)
        {
            throw new WorkloadException($"behind the offsets {first} has {firstLength} bytes and {second} has {secondLength}: say --length");
        }

        length = length == 0 ? firstLength : length;
        byte[] left = new byte[ChunkBytes];
        byte[] right = new byte[ChunkBytes];
        long different = 0;
        long where = -1;
        for (long at = 0; at < length; at += ChunkBytes)
        {
            int count = (int)Math.Min(ChunkBytes, length - at);
            one.Position = firstOffset + at;
            other.Position = secondOffset + at;
            one.ReadExactly(left, 0, count);
            other.ReadExactly(right, 0, count);
            if (left.AsSpan(0, count).SequenceEqual(right.AsSpan(0, count)))
            {
                continue;
            }

            for (int i = 0; i < count; i += BlockBytes)
            {
                int step = Math.Min(BlockBytes, count - i);
                if (!left.AsSpan(i, step).SequenceEqual(right.AsSpan(i, step)))
                {
                    where = where < 0 ? at + i + left.AsSpan(i, step).CommonPrefixLength(right.AsSpan(i, step)) : where;
                    different++;
                }
            }
        }

        return new StoreComparison(length, different, where);
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
        }
        catch (IOException failure)
        {
            throw new WorkloadException(failure.Message);
        }
    }
}
