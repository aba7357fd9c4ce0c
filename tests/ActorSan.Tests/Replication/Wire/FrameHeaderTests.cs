using System.Buffers.Binary;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Wire;
using ActorSan.Storage;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Replication.Wire;

/// <summary>A header is what was written or is refused; what is refused names its reason.</summary>
public sealed class FrameHeaderTests
{
    private static readonly FrameLimits Limits = new(1 << 20);

    public static TheoryData<FrameKind> Kinds { get; } = [.. Enum.GetValues<FrameKind>().Where(kind => kind != FrameKind.None)];

    public static TheoryData<FrameKind> BodyKinds { get; } = [.. WireSamples.BodyKinds];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryKindIsInTheTableAndComesBack(FrameKind kind)
    {
        (Frame frame, byte[] content) = WireSamples.Known(kind);
        byte[] header = WireSamples.Header(frame, content);
        Assert.True(FrameHeader.TryRead(header, Limits, out Guid volumeId, out Frame read, out uint checksum, out FrameFault fault));
        Assert.Equal((WireSamples.VolumeId, frame, Crc32C.Compute(content), FrameFault.None), (volumeId, read, checksum, fault));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryFlippedBitAndEveryCutIsRefused(FrameKind kind)
    {
        (Frame frame, byte[] content) = WireSamples.Known(kind);
        byte[] header = WireSamples.Header(frame, content);
        for (int bit = 0; bit < header.Length * 8; bit++)
        {
            header[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(FrameHeader.TryRead(header, Limits, out _, out Frame read, out _, out FrameFault fault));
            Assert.NotEqual(FrameFault.None, fault);
            Assert.EndsWith(".", FrameFaults.Describe(fault, read), StringComparison.Ordinal);
            header[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        for (int length = 0; length < header.Length; length++)
        {
            Assert.False(FrameHeader.TryRead(header.AsSpan(0, length), Limits, out _, out _, out _, out FrameFault fault));
            Assert.Equal(FrameFault.TooShort, fault);
        }
    }

    // The checksum is right, as a peer with a bug or of another release would make it.
    [Theory]
    [InlineData(6, 0, FrameFault.UnknownKind)]
    [InlineData(6, 35, FrameFault.UnknownKind)]
    [InlineData(6, 255, FrameFault.UnknownKind)]
    [InlineData(7, 16, FrameFault.UnknownFlags)]
    [InlineData(7, 4, FrameFault.UnknownFlags)]
    [InlineData(24, 0, FrameFault.NoAttachment)]
    [InlineData(31, 0x80, FrameFault.NoAttachment)]
    [InlineData(32, 0, FrameFault.Epoch)]
    [InlineData(39, 0x80, FrameFault.Epoch)]
    [InlineData(40, 0, FrameFault.Seq)]
    [InlineData(47, 0x80, FrameFault.Seq)]
    [InlineData(55, 0x80, FrameFault.Negative)]
    [InlineData(63, 0x80, FrameFault.Negative)]
    [InlineData(64, 1, FrameFault.Range)]
    [InlineData(71, 0x80, FrameFault.Range)]
    [InlineData(71, 1, FrameFault.Range)]
    [InlineData(72, 1, FrameFault.Range)]
    [InlineData(73, 0, FrameFault.Range)]
    [InlineData(73, 4, FrameFault.DataLength)]
    [InlineData(79, 1, FrameFault.Range)]
    [InlineData(79, 0x7F, FrameFault.Range)]
    [InlineData(88, 1, FrameFault.DataLength)]
    [InlineData(90, 0x20, FrameFault.DataTooLong)]
    [InlineData(91, 0x80, FrameFault.DataLength)]
    [InlineData(96, 1, FrameFault.NotZero)]
    public void AFieldThatCannotBeIsRefusedByItsName(int at, int value, FrameFault expected)
    {
        (Frame frame, byte[] content) = WireSamples.Known(FrameKind.Write);
        frame.Attachment = 1;
        frame.Epoch = 1;
        frame.Seq = 1;
        Assert.Equal(expected, Changed(WireSamples.Header(frame, content), at, (byte)value));
    }

    [Theory]
    [InlineData(FrameKind.Ack, 64, 1, FrameFault.Range)]
    [InlineData(FrameKind.Ack, 73, 2, FrameFault.Range)]
    [InlineData(FrameKind.Attach, 80, 1, FrameFault.Argument)]
    [InlineData(FrameKind.Refused, 40, 1, FrameFault.Seq)]
    [InlineData(FrameKind.Attribute, 80, 0, FrameFault.Argument)]
    [InlineData(FrameKind.Attribute, 81, 1, FrameFault.Argument)]
    [InlineData(FrameKind.Attribute, 7, 2, FrameFault.UnknownFlags)]
    [InlineData(FrameKind.Detach, 80, 8, FrameFault.Argument)]
    [InlineData(FrameKind.Attribute, 72, 31, FrameFault.Range)]
    [InlineData(FrameKind.Grow, 65, 2, FrameFault.Range)]
    [InlineData(FrameKind.Refused, 88, 43, FrameFault.DataLength)]
    [InlineData(FrameKind.Refused, 88, 0, FrameFault.DataLength)]
    [InlineData(FrameKind.DigestReply, 88, 15, FrameFault.DataLength)]
    [InlineData(FrameKind.DigestReply, 88, 65, FrameFault.DataLength)]
    [InlineData(FrameKind.Flush, 92, 1, FrameFault.ChecksumOfNothing)]
    [InlineData(FrameKind.Confirm, 88, 1, FrameFault.DataLength)]
    public void WhatAKindDoesNotHaveIsRefused(FrameKind kind, int at, int value, FrameFault expected)
    {
        (Frame frame, byte[] content) = WireSamples.Known(kind);
        Assert.Equal(expected, Changed(WireSamples.Header(frame, content), at, (byte)value));
    }

    [Fact]
    public void TheOtherDirectionAndAnotherVersionAreRefused()
    {
        (Frame frame, byte[] content) = WireSamples.Known(FrameKind.Write);
        byte[] header = WireSamples.Header(frame, content);
        Assert.False(FrameHeader.TryRead(header, Limits with { Direction = FrameDirection.FromReplica }, out _, out _, out _, out FrameFault fault));
        Assert.Equal(FrameFault.WrongDirection, fault);
        Assert.True(FrameHeader.TryRead(header, Limits with { Direction = FrameDirection.FromPrimary }, out _, out _, out _, out _));
        header[4] = 2;
        Assert.False(FrameHeader.TryRead(header, Limits, out _, out _, out _, out fault));
        Assert.Equal(FrameFault.OtherVersion, fault);
    }

    [Fact]
    public void AFrameThatTheOtherSideWouldRefuseIsNotWritten()
    {
        var frame = new Frame { Kind = FrameKind.Write, Attachment = 1, Epoch = 1, Seq = 1, LengthBytes = 512 };
        InvariantViolationException failure = Assert.Throws<InvariantViolationException>(() => FrameHeader.Write(Guid.Empty, frame, 0, new byte[FrameHeader.Bytes]));
        Assert.Contains("followed by 0 bytes", failure.Message, StringComparison.Ordinal);
    }

    // Whatever the table lets pass comes back field by field.
    [Fact]
    public void WhatIsWrittenIsRead() =>
        Gen.Select(Gen.Int[1, 34], Gen.Byte, Gen.Long.Array[8], Gen.Int[0, 1 << 20]).Sample(
            (kind, flags, numbers, bytes) =>
            {
                FrameRule rule = FrameTable.RuleOf((FrameKind)kind);
                var frame = new Frame
                {
                    Kind = (FrameKind)kind,
                    Flags = (FrameFlags)flags & rule.Flags,
                    Attachment = numbers[0],
                    Epoch = numbers[1] >> 1 & long.MaxValue,
                    Seq = numbers[2] & (rule.Fields.HasFlag(FrameFields.Seq) || rule.Fields.HasFlag(FrameFields.SeqNeeded) ? long.MaxValue : 0),
                    Stable = numbers[3] & long.MaxValue,
                    Mark = numbers[4] & long.MaxValue,
                    OffsetBytes = rule.Fields.HasFlag(FrameFields.LengthOfContent) ? 0 : numbers[5] >> 12 & -512,
                    LengthBytes = rule.Fields.HasFlag(FrameFields.LengthOfContent) ? bytes : rule.Content == FrameContent.Data ? bytes & -512 : numbers[6] >> 12 & -512,
                    Argument = numbers[7],
                };
                frame.DataBytes = rule.Content == FrameContent.Data ? (int)frame.LengthBytes : bytes;
                if (FrameHeader.Check(frame, Limits) != FrameFault.None)
                {
                    return;
                }

                var header = new byte[FrameHeader.Bytes];
                uint checksum = frame.DataBytes == 0 ? 0 : (uint)numbers[0];
                FrameHeader.Write(WireSamples.VolumeId, frame, checksum, header);
                Assert.True(FrameHeader.TryRead(header, Limits, out _, out Frame read, out uint readChecksum, out _));
                Assert.Equal((frame, checksum), (read, readChecksum));
            },
            iter: 20_000);

    [Fact]
    public void NothingIsAllocated()
    {
        (Frame frame, byte[] content) = WireSamples.Known(FrameKind.Write);
        var header = new byte[FrameHeader.Bytes];
        var allocation = new SteadyAllocation(1000);
        for (int i = 0; i < 10_000; i++)
        {
            FrameHeader.Write(WireSamples.VolumeId, frame, content, header);
            Assert.True(FrameHeader.TryRead(header, Limits, out _, out _, out _, out _));
            allocation.Step();
        }

        Assert.Equal(0, allocation.LeastBytes);
    }

    private static FrameFault Changed(byte[] header, int at, byte value)
    {
        header[at] = value;

        // Of numbers of eight bytes the lowest alone says that they are zero.
        if (at is 24 or 32 or 40 or 80 && value == 0)
        {
            header.AsSpan(at, 8).Clear();
        }

        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(FrameHeader.Bytes - 4), Crc32C.Compute(header.AsSpan(0, FrameHeader.Bytes - 4)));
        Assert.False(FrameHeader.TryRead(header, Limits, out _, out Frame frame, out _, out FrameFault fault));
        Assert.EndsWith(".", FrameFaults.Describe(fault, frame), StringComparison.Ordinal);
        return fault;
    }
}
