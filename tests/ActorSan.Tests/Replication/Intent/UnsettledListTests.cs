using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Replication.Intent;

public sealed class UnsettledListTests
{
    private static readonly Gen<(int Kind, int Reign, int Seq, int Place)> Step = Gen.Select(Gen.Int[0, 9], Gen.Int[1, 4], Gen.Int[-5, 40], Gen.Int[0, 1000]);

    [Fact]
    public void ItIsWhatASortedListIs() =>
        Step.List[1, 300].Sample(
            history =>
            {
                var list = new UnsettledList();
                var model = new SortedDictionary<(long Reign, long Seq), UnsettledEntry>();
                var next = new long[6];
                foreach ((int kind, int reign, int seq, int place) in history)
                {
                    switch (kind)
                    {
                        case < 7:
                            // Mostly the next; now and then one that is sent again.
                            long number = seq < 0 ? Math.Max(1, next[reign] + seq) : ++next[reign];
                            var entry = new UnsettledEntry(reign, number, new ByteRange(number % 90 * 10, number % 30), number % 2 == 0, (byte)(number % 30 == 0 ? 3 : 0));
                            Assert.Equal(model.TryAdd((reign, number), entry), list.Add(entry));
                            break;
                        case < 9:
                            long stable = next[reign] - seq;
                            list.SettleTo(reign, stable);
                            Remove(key => key.Reign == reign && key.Seq <= stable);
                            break;
                        default:
                            list.EndReignsBefore(reign);
                            Remove(key => key.Reign < reign);
                            break;
                    }

                    Assert.Equal(model.Values, list.ToValueList());
                    Assert.Equal(model.Count, list.Count);
                    Assert.Equal(model.Values.Sum(entry => entry.Range.LengthBytes), list.LengthBytes);
                    var chunk = new ByteRange(place, 40);
                    Assert.Equal(model.Values.Any(entry => entry.Range.LengthBytes > 0 && entry.Range.Overlaps(chunk)), list.OverlapsChunk(place, 40));
                }

                void Remove(Func<(long Reign, long Seq), bool> which)
                {
                    foreach ((long Reign, long Seq) key in model.Keys.Where(which).ToArray())
                    {
                        _ = model.Remove(key);
                    }
                }
            },
            iter: 1000);

    [Fact]
    public void NothingIsAllocatedWhileWritesComeAndSettle()
    {
        var list = new UnsettledList();
        var allocation = new SteadyAllocation(1000);
        for (long seq = 1; seq < 20_000; seq++)
        {
            long reign = 5 + (seq / 3000);
            _ = list.Add(new UnsettledEntry(reign, seq, new ByteRange(seq * 4096, 4096), false, 0));
            list.SettleTo(reign, seq - 500);
            if (seq % 3000 == 700)
            {
                list.EndReignsBefore(reign);
            }

            allocation.Step();
        }

        Assert.Equal(0, allocation.LeastBytes);
    }
}
