using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Tests.Replication.Wire;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Replication.Formats;

/// <summary>A voter's records on disk: these bytes stay readable; a flipped bit is no vote.</summary>
public sealed class VoterRecordTests
{
    private static readonly Gen<RegisterKey> Key = Gen.Select(Gen.Char['a', 'z'].Array[1, 40], Gen.Guid, (name, lineage) => new RegisterKey(new string(name), lineage));
    private static readonly Gen<Ballot> Ballot = Gen.Select(Gen.Long[1, long.MaxValue], Gen.Char['a', 'z'].Array[1, 9], Gen.Guid, (counter, node, id) => new Ballot(counter, new string(node), id));

    private static readonly Gen<VoterRecord> Record = Gen.OneOf<VoterRecord>(
        Gen.Select(Key, Ballot, VoterRecord (key, ballot) => new PromisedRecord(key, ballot)),
        Gen.Select(Key, Ballot, Gen.Bool, WireSamples.Configuration, VoterRecord (key, ballot, first, value) => new AcceptedRecord(key, first ? default : ballot, value)),
        Gen.Select(Key, Gen.Guid.Array[0, 5], VoterRecord (key, parents) => new LineageRecord(key.Name, key.Lineage, [.. parents])),
        Gen.Long[0, long.MaxValue].Select(VoterRecord (lease) => new LongestLeaseRecord(lease)),
        Gen.Long[0, long.MaxValue].Select(VoterRecord (seen) => new PutBackRecord(seen)));

    [Fact]
    public void KnownRecords()
    {
        var key = new RegisterKey("volume/1", WireSamples.Id(1));
        var ballot = new Ballot(5, "beta", WireSamples.Id(2));
        Known(new PromisedRecord(key, ballot), "010108766F6C756D652F31000000010000000080000000000000010500000000000000046265746100000002000000008000000000000002CC310999");
        Known(new LineageRecord("volume/1", WireSamples.Id(1), [WireSamples.Id(3)]), "010308766F6C756D652F3100000001000000008000000000000001010000000000000300000000800000000000000342B8265E");
        Known(new LongestLeaseRecord(1_000_000_000), "010400CA9A3B0000000065B4E699");
        Known(new PutBackRecord(77), "01054D0000000000000017AF6032");
    }

    [Fact]
    public void AnyRecordIsReadAsItWasWritten() => Record.Sample(record =>
    {
        byte[] bytes = Bytes(record);
        Assert.True(VoterRecordCodec.TryRead(bytes, out VoterRecord? read, out ContentFault fault), fault.Sentence);
        Assert.Equal(record, read);
    });

    [Fact]
    public void AnySnapshotIsReadAsItWasWritten() => Gen.Select(Gen.Long[0, long.MaxValue], Record.Array[0, 6]).Sample((count, records) =>
    {
        var writer = new ContentWriter();
        VoterRecordCodec.WriteSnapshot(writer, count, records);
        Assert.True(VoterRecordCodec.TryReadSnapshot(writer.Written, out long readCount, out IReadOnlyList<VoterRecord> read, out ContentFault fault), fault.Sentence);
        Assert.Equal(count, readCount);
        Assert.Equal(records, read);
    });

    [Fact]
    public void AFlippedBitOrAMissingByteIsNoVote() => Gen.Select(Record, Gen.Int[0, int.MaxValue], Gen.Int[0, 7]).Sample((record, place, bit) =>
    {
        byte[] bytes = Bytes(record);
        Assert.False(VoterRecordCodec.TryRead(bytes.AsSpan(0, place % bytes.Length), out _, out _));
        bytes[place % bytes.Length] ^= (byte)(1 << bit);
        Assert.False(VoterRecordCodec.TryRead(bytes, out VoterRecord? read, out ContentFault fault));
        Assert.Null(read);
        Assert.True(fault.Reason is ContentFaultReason.Checksum or ContentFaultReason.OtherVersion, fault.Sentence);
    });

    private static byte[] Bytes(VoterRecord record)
    {
        var writer = new ContentWriter();
        VoterRecordCodec.Write(writer, record);
        return writer.Written.ToArray();
    }

    private static void Known(VoterRecord record, string hex)
    {
        Assert.Equal(hex, Convert.ToHexString(Bytes(record)));
        Assert.True(VoterRecordCodec.TryRead(Convert.FromHexString(hex), out VoterRecord? read, out _));
        Assert.Equal(record, read);
    }
}
