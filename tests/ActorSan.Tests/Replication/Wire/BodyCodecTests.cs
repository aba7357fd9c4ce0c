using System.Buffers.Binary;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Wire;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Replication.Wire;

public sealed class BodyCodecTests
{
    [Fact]
    public void BodiesComeBackAsTheyWere()
    {
        WireSamples.Attach.Sample(body => Same(FrameKind.Attach, body), iter: 500);
        WireSamples.Attached.Sample(body => Same(FrameKind.Attached, body), iter: 500);
        WireSamples.Refused.Sample(body => Same(FrameKind.Refused, body), iter: 500);
        WireSamples.Configuration.Sample(value => Same(FrameKind.Config, new ConfigBody(value)), iter: 500);
        WireSamples.Mark.Array[0, 9].Sample(marks => Same(FrameKind.Stable, new MarksBody([.. marks])), iter: 500);
        WireSamples.Set.Sample(body => Same(FrameKind.SetRanges, body), iter: 500);

        static void Same(FrameKind kind, object body)
        {
            byte[] bytes = WireSamples.Bytes(body);
            object? read = WireSamples.Read(kind, bytes, out ContentFault fault);
            Assert.Equal(ContentFaultReason.None, fault.Reason);
            Assert.Equal(body, read);
            Assert.Equal(bytes, WireSamples.Bytes(read!));
        }
    }

    // Bodies are covered by the header's checksum: here it is enough that nothing throws, and that nothing is taken for more than it is.
    [Theory]
    [MemberData(nameof(FrameHeaderTests.BodyKinds), MemberType = typeof(FrameHeaderTests))]
    public void AChangedBodyIsAnotherOneOrRefusedAndACutOneIsRefused(FrameKind kind)
    {
        (_, byte[] content) = WireSamples.Known(kind);
        for (int bit = 0; bit < content.Length * 8; bit++)
        {
            content[bit / 8] ^= (byte)(1 << (bit % 8));
            object? body = WireSamples.Read(kind, content, out ContentFault fault);
            Assert.Equal(body is null, fault.Reason != ContentFaultReason.None);
            if (body is not null)
            {
                // One encoding for each value: whoever signs or compares bytes may.
                Assert.Equal(content, WireSamples.Bytes(body));
            }

            content[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        for (int length = 0; length < content.Length; length++)
        {
            Assert.Null(WireSamples.Read(kind, content.AsSpan(0, length), out ContentFault fault));
            Assert.NotEqual(ContentFaultReason.None, fault.Reason);
            Assert.EndsWith(".", fault.Sentence, StringComparison.Ordinal);
        }

        Assert.Null(WireSamples.Read(kind, [.. content, 0], out ContentFault trailing));
        Assert.Equal(ContentFaultReason.Trailing, trailing.Reason);
    }

    [Fact]
    public void ALongListIsNotAllocatedBeforeItsBytesAreThere()
    {
        byte[] bytes = WireSamples.Bytes(new MarksBody([new HeardMark(Guid.Empty, 1)]));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), BodyCodec.MaxMarks);
        Assert.Null(WireSamples.Read(FrameKind.Stable, bytes, out ContentFault fault));
        Assert.Equal((ContentFaultReason.Truncated, "A Marks body lists 1024 marks and has room for 1."), (fault.Reason, fault.Sentence));
        foreach (int count in (int[])[BodyCodec.MaxMarks + 1, int.MaxValue, -1, int.MinValue])
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), count);
            Assert.Null(WireSamples.Read(FrameKind.Stable, bytes, out fault));
            Assert.Equal(ContentFaultReason.TooLong, fault.Reason);
        }
    }

    [Fact]
    public void SentencesSayWhatIsWrong()
    {
        byte[] set = WireSamples.Bytes(WireSamples.KnownSet);
        Refused(set, 0, 2, ContentFaultReason.OtherVersion, "A Set body has version 2, and this release knows version 1.");
        Refused(set, 1, 4, ContentFaultReason.OutOfRange, "A Set body has flags that are not known (04h).");
        Refused(set, 1, 1, ContentFaultReason.TooLong, "A Set body lists 1 ranges, and 0 is the most.");
        Refused(set, 2, 0, ContentFaultReason.OutOfRange, "A Set body has an empty node.");
        Refused(set, 3, 0xFF, ContentFaultReason.BadText, "A Set body has a node that is not UTF-8.");
        Refused(set, set.Length - 1, 0x80, ContentFaultReason.OutOfRange, "A Set body has a length of a range that cannot be (-9223372036854644736).");

        static void Refused(byte[] bytes, int at, byte value, ContentFaultReason reason, string sentence)
        {
            bytes = [.. bytes];
            bytes[at] = value;
            Assert.Null(WireSamples.Read(FrameKind.SetRanges, bytes, out ContentFault fault));
            Assert.Equal((reason, sentence), (fault.Reason, fault.Sentence));
        }
    }

    [Fact]
    public void AConfigurationNamesVotersAndSomeoneInSync()
    {
        byte[] bytes = WireSamples.Bytes(new ConfigBody(WireSamples.KnownConfiguration with { Deleted = true, InSync = default }));
        Assert.NotNull(WireSamples.Read(FrameKind.Config, bytes, out _));
        bytes[2] &= 0xFE;
        Assert.Null(WireSamples.Read(FrameKind.Config, bytes, out ContentFault fault));
        Assert.Equal("A Config body has nobody in sync.", fault.Sentence);
    }

    [Fact]
    public void TheLongestConfigurationFitsItsPage()
    {
        string name = new('n', ConfigurationCodec.MaxNameBytes);
        Configuration longest = WireSamples.KnownConfiguration with
        {
            Primary = new PrimaryId(name, Guid.Empty),
            Parents = [.. Enumerable.Repeat(Guid.Empty, ConfigurationCodec.MaxParents)],
            InSync = [.. Enumerable.Repeat(new Member(name, Guid.Empty, Guid.Empty), ConfigurationCodec.MaxNodes)],
            Replicas = [.. Enumerable.Repeat(new ReplicaEntry(name, Guid.Empty), ConfigurationCodec.MaxNodes)],
            Voters = [.. Enumerable.Repeat(new VoterId(name, Guid.Empty), ConfigurationCodec.MaxNodes)],
            OldVoters = [.. Enumerable.Repeat(new VoterId(name, Guid.Empty), ConfigurationCodec.MaxNodes)],
            Settings = new VolumeSettings { PreferredPrimary = name },
        };
        Assert.Equal(ConfigurationCodec.MaxBytes, WireSamples.Bytes(new ConfigBody(longest)).Length - 1);
        Assert.InRange(ConfigurationCodec.MaxBytes, 1, (64 << 10) - 64);
    }
}
