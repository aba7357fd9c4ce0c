using ActorSan.Replication.Core.Frames;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Replication.Intent;

public sealed class ByteRangeTests
{
    private static readonly Gen<List<ByteRange>> s_inOrder = Gen.Select(Gen.Long[1, 40], Gen.Long[1, 40]).List[0, 60].Select(steps =>
    {
        var ranges = new List<ByteRange>();
        long at = 0;
        foreach ((long gap, long length) in steps)
        {
            ranges.Add(new ByteRange(at + gap, length));
            at += gap + length;
        }

        return ranges;
    });

    [Fact]
    public void CoalescedRangesCoverAllAreInOrderAndNoMoreThanWanted() => Gen.Select(s_inOrder, Gen.Int[1, 70]).Sample((ranges, most) =>
    {
        List<ByteRange> coalesced = ByteRange.Coalesce(ranges, most);
        Assert.Equal(Math.Min(ranges.Count, most), coalesced.Count);
        Assert.All(ranges, range => Assert.Contains(coalesced, whole => whole.OffsetBytes <= range.OffsetBytes && whole.EndBytes >= range.EndBytes));
        for (int i = 1; i < coalesced.Count; i++)
        {
            Assert.True(coalesced[i].OffsetBytes > coalesced[i - 1].EndBytes);
        }
    });

    [Fact]
    public void TheSmallestGapsAreClosed() => Assert.Equal(
        [new ByteRange(0, 30), new ByteRange(100, 10), new ByteRange(200, 15)],
        ByteRange.Coalesce([new ByteRange(0, 10), new ByteRange(20, 10), new ByteRange(100, 10), new ByteRange(200, 5), new ByteRange(208, 7)], 3));
}
