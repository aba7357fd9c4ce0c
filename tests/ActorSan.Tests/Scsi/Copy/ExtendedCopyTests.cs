using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Scsi.Harness;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Tests.Scsi.Copy;

public sealed class ExtendedCopyTests
{
    private const int MiB = 1 << 20;

    private static readonly MemoryVolumeOptions Big = new() { Blocks = 16384 };

    private static MemoryVolumeOptions Other(int blocks = 16384, int blockBytes = 512) =>
        new() { Blocks = blocks, BlockBytes = blockBytes, Id = new Guid("11111111-2222-4333-8444-555555555555") };

    private static TestTask Copy(ScsiFixture scsi, CopyList list) => Copy(scsi, scsi.First, list.Build());

    private static TestTask Copy(ScsiFixture scsi, LunNexus nexus, byte[] list) => scsi.Send(nexus, CopyList.Cdb(list.Length), list);

    [Theory]
    [InlineData(0UL, 8192UL, 8192)] // apart, four pieces at once
    [InlineData(8192UL, 0UL, 8192)]
    [InlineData(100UL, 101UL, 6000)] // overlapping, the destination behind by one block
    [InlineData(101UL, 100UL, 6000)] // before by one block
    [InlineData(0UL, 2048UL, 9000)] // behind by exactly one piece
    [InlineData(0UL, 3000UL, 5001)] // behind by more than one piece, with a rest
    [InlineData(3000UL, 0UL, 5001)]
    [InlineData(7UL, 7UL, 4096)] // onto itself
    [InlineData(16383UL, 0UL, 1)]
    public void WithinAUnitTheDestinationIsWhatTheSourceWas(ulong from, ulong to, int blocks)
    {
        using var scsi = new ScsiFixture(Big);
        Bytes.Pattern(16384 * 512).CopyTo(scsi.Volume.Bytes);
        byte[] expected = scsi.Volume.Bytes.ToArray();
        scsi.Volume.Bytes.Slice((int)from * 512, blocks * 512).CopyTo(expected.AsSpan((int)to * 512));

        TestTask task = Copy(scsi, new CopyList().Target(scsi.Unit).Segment(0, 0, from, to, (ushort)blocks));

        Assert.Equal("good", task.Outcome);
        Assert.True(scsi.Volume.Bytes.SequenceEqual(expected));
        Assert.All(scsi.Volume.Log, entry => Assert.InRange(entry.LengthBytes, 1, MiB));
    }

    [Theory]
    [InlineData(0UL, 1000UL, 5000)]
    [InlineData(1000UL, 0UL, 5000)]
    [InlineData(0UL, 4096UL, 4096)]
    public void WithTheVolumeAnsweringLateItIsTheSame(ulong from, ulong to, int blocks)
    {
        using var scsi = new ScsiFixture(Big);
        Bytes.Pattern(16384 * 512).CopyTo(scsi.Volume.Bytes);
        byte[] expected = scsi.Volume.Bytes.ToArray();
        scsi.Volume.Bytes.Slice((int)from * 512, blocks * 512).CopyTo(expected.AsSpan((int)to * 512));
        scsi.Volume.Holds = true;

        TestTask task = Copy(scsi, new CopyList().Target(scsi.Unit).Segment(0, 0, from, to, (ushort)blocks));
        int most = 0;
        while (scsi.Volume.HeldCount > 0)
        {
            most = Math.Max(most, scsi.Volume.HeldCount);
            Assert.Equal("pending", task.Outcome);
            scsi.Release(scsi.Volume, 1);
        }

        Assert.Equal("good", task.Outcome);
        Assert.InRange(most, 2, 4);
        Assert.True(scsi.Volume.Bytes.SequenceEqual(expected));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BetweenUnitsInEitherDirectionFromEitherUnit(bool otherThread)
    {
        using var scsi = new ScsiFixture([Big, Other()], lastOnOtherThread: otherThread);
        byte[] pattern = Bytes.Pattern(16384 * 512);
        pattern.CopyTo(scsi.Volumes[0].Bytes);
        LunNexus second = ScsiFixture.Lun(scsi.First, 1);

        // Asked of the source, of the destination, and a copy back in the same list.
        foreach (LunNexus asked in (LunNexus[])[scsi.First, second])
        {
            scsi.Volumes[1].Bytes.Clear();
            byte[] list = new CopyList().Target(scsi.Units[0]).Target(scsi.Units[1]).Segment(0, 1, 10, 20, 8000).Segment(1, 0, 20, 9000, 3000).Build();
            TestTask task = Copy(scsi, asked, list);
            Assert.Equal("good", task.Outcome);
            Assert.True(scsi.Volumes[1].Bytes.Slice(20 * 512, 8000 * 512).SequenceEqual(pattern.AsSpan(10 * 512, 8000 * 512)));
            Assert.True(scsi.Volumes[0].Bytes.Slice(9000 * 512, 3000 * 512).SequenceEqual(pattern.AsSpan(10 * 512, 3000 * 512)));
            Assert.False(scsi.Volumes[1].Bytes[..(20 * 512)].ContainsAnyExcept((byte)0));
            pattern = scsi.Volumes[0].Bytes.ToArray();
        }
    }

    [Fact]
    public void ZeroesBecomeHolesOfAThinDestination()
    {
        using var scsi = new ScsiFixture([Big, Other()]);
        scsi.Volumes[0].Bytes[0] = 1;
        scsi.Volumes[1].Bytes.Fill(0xEE);
        TestTask task = Copy(scsi, new CopyList().Target(scsi.Units[0]).Target(scsi.Units[1]).Segment(0, 1, 0, 0, 4096));
        Assert.Equal("good", task.Outcome);
        Assert.Equal(1, scsi.Volumes[1].Bytes[0]);
        Assert.False(scsi.Volumes[1].Bytes[1..(2 * MiB)].ContainsAnyExcept((byte)0));
        Assert.Equal((VolumeOperationKind.WriteZeroes, MiB, MiB, false), Assert.Single(scsi.Volumes[1].Log, entry => entry.Kind == VolumeOperationKind.WriteZeroes));
    }

    public static TheoryData<string, string> Lists() => new()
    {
        { "empty", "good" },
        { "no segments", "good" },
        { "no blocks", "good" },
        { "fifteen bytes", "5/1a00 c10" },
        { "target cut", "5/1a00 c10" },
        { "segment cut", "5/1a00 c10" },
        { "longer than the limit", "5/1a00 c10" },
        { "17 targets", "5/2606 p2" },
        { "33 segments", "5/2608 p8" },
        { "16 targets and 32 segments", "good" },
        { "target type E0", "5/2607 p16" },
        { "segment type 03", "5/2609 p48" },
        { "segment length", "5/2600 p50" },
        { "inline data", "5/260b p12" },
        { "usage 01b", "5/2600 p1.4" },
        { "id without use", "5/2600 p0" },
        { "source index", "a/0d02 s4 i1" },
        { "destination index", "a/0d02 s6 i0" },
        { "null device", "a/0d02 p17.5 i0" },
        { "tape", "a/0d03 p17.4 i0" },
        { "unknown unit", "a/0d02 p24 i0" },
        { "naa of a port", "a/0d02 p24 i0" },
        { "block length", "a/2600 p45 i0" },
        { "source beyond the end", "a/0000 s12 i0" },
        { "destination beyond the end", "a/0000 s20 i1" },
        { "segment too long", "5/2600 p58" },
        { "reserved LU ID TYPE", "good" },
        { "t10", "a/0d02 p24 i0" },
        { "uuid", "good" },
    };

    [Theory]
    [MemberData(nameof(Lists))]
    public void ListsAreWhollyCheckedBeforeAnythingIsWritten(string what, string outcome)
    {
        using var scsi = new ScsiFixture(new MemoryVolumeOptions { Blocks = 4096 }, new LogicalUnitSettings { MaxCopySegmentBytes = MiB });
        Bytes.Pattern(4096 * 512).CopyTo(scsi.Volume.Bytes);
        byte[] before = scsi.Volume.Bytes.ToArray();
        TestTask task = Copy(scsi, scsi.First, Make(what, scsi.Unit));
        Assert.Equal(outcome, task.Outcome);
        Assert.Equal(outcome == "good", !scsi.Volume.Bytes.SequenceEqual(before) || what is "empty" or "no segments" or "no blocks");
    }

    private static byte[] Make(string what, BlockDevice unit)
    {
        CopyList one = new CopyList().Target(unit);
        byte[] good = new CopyList().Target(unit).Segment(0, 0, 0, 100, 10).Build();
        ReadOnlySpan<byte> naa = unit.Identity.Naa.Span;
        switch (what)
        {
            case "empty": return [];
            case "no segments": return one.Build();
            case "no blocks": return one.Segment(0, 0, 0, 100, 0).Build();
            case "fifteen bytes": return good[..15];
            case "target cut": return good[..47];
            case "segment cut": return good[..^1];
            case "longer than the limit": return [.. good, .. new byte[1500]];
            case "17 targets": return Repeat(one, 16, list => list.Target(unit)).Segment(0, 0, 0, 100, 10).Build();
            case "33 segments": return Repeat(one, 33, list => list.Segment(0, 0, 0, 100, 10)).Build();
            case "16 targets and 32 segments": return Repeat(Repeat(one, 15, list => list.Target(unit)), 32, list => list.Segment(15, 0, 0, 100, 10)).Build();
            case "target type E0": return new CopyList().Target(1, 3, naa, descriptorType: 0xE0).Segment(0, 0, 0, 100, 10).Build();
            case "segment type 03": return one.Segment(0, 0, 0, 100, 10, type: 3).Build();
            case "segment length": good[51]++; return good;
            case "inline data": return new CopyList { InlineBytes = 4 }.Target(unit).Segment(0, 0, 0, 100, 10).Build();
            case "usage 01b": return new CopyList { Usage = 1 }.Target(unit).Segment(0, 0, 0, 100, 10).Build();
            case "id without use": return new CopyList { ListId = 1 }.Target(unit).Segment(0, 0, 0, 100, 10).Build();
            case "source index": return one.Segment(0, 0, 0, 100, 10).Segment(1, 0, 0, 100, 10).Build();
            case "destination index": return one.Segment(0, 1, 0, 100, 10).Build();
            case "null device": return new CopyList().Target(1, 3, naa, flags: 0x20).Segment(0, 0, 0, 100, 10).Build();
            case "tape": return new CopyList().Target(1, 3, naa, flags: 0x01).Segment(0, 0, 0, 100, 10).Build();
            case "unknown unit": return new CopyList().Target(1, 3, [0x31, 2, 3, 4, 5, 6, 7, 8]).Segment(0, 0, 0, 100, 10).Build();
            case "naa of a port": return new CopyList().Target(1, 0x13, naa).Segment(0, 0, 0, 100, 10).Build();
            case "block length": return new CopyList().Target(1, 3, naa, blockBytes: 4096).Segment(0, 0, 0, 100, 10).Build();
            case "source beyond the end": return one.Segment(0, 0, 4095, 0, 2).Build();
            case "destination beyond the end": return one.Segment(0, 0, 0, 100, 10).Segment(0, 0, 0, ulong.MaxValue, 1).Build();
            case "segment too long": return one.Segment(0, 0, 0, 2048, 2049).Build();
            case "reserved LU ID TYPE": return new CopyList().Target(1, 3, naa, flags: 0xC0).Segment(0, 0, 0, 100, 10).Build();
            // It does not fit the descriptor, and a part of it could be another unit's too.
            case "t10": return new CopyList().Target(2, 1, unit.Identity.T10.Span[..20]).Segment(0, 0, 0, 100, 10).Build();
            case "uuid": return new CopyList().Target(1, 0xA, [0x10, 0, .. unit.Identity.Uuid.Span]).Segment(0, 0, 0, 100, 10).Build();
            default: throw new ArgumentOutOfRangeException(nameof(what), what, "no such list");
        }
    }

    private static CopyList Repeat(CopyList list, int times, Func<CopyList, CopyList> add)
    {
        for (int i = 0; i < times; i++)
        {
            list = add(list);
        }

        return list;
    }

    [Theory]
    [InlineData(8, 0, false, false, "good")] // 8 × 512 = one block of 4096
    [InlineData(9, 0, false, false, "a/260a s10 i0")]
    [InlineData(9, 0, false, true, "good")]
    [InlineData(9, 1, false, true, "a/260a s10 i0")] // CAT: nothing is carried over
    public void BlocksOfAnotherLengthAreFilledUpWherePadSaysSo(int blocks, byte flags, bool sourcePad, bool destinationPad, string outcome)
    {
        using var scsi = new ScsiFixture([Big, Other(1024, 4096)]);
        byte[] pattern = Bytes.Pattern(16384 * 512);
        pattern.CopyTo(scsi.Volumes[0].Bytes);
        scsi.Volumes[1].Bytes.Fill(0xEE);
        TestTask task = Copy(scsi, new CopyList().Target(scsi.Units[0], sourcePad).Target(scsi.Units[1], destinationPad).Segment(0, 1, 3, 5, (ushort)blocks, flags));
        Assert.Equal(outcome, task.Outcome);
        if (outcome != "good")
        {
            Assert.False(scsi.Volumes[1].Bytes.ContainsAnyExcept((byte)0xEE));
            return;
        }

        int room = (blocks * 512 + 4095) / 4096 * 4096;
        Assert.True(scsi.Volumes[1].Bytes.Slice(5 * 4096, blocks * 512).SequenceEqual(pattern.AsSpan(3 * 512, blocks * 512)));
        Assert.False(scsi.Volumes[1].Bytes[((5 * 4096) + (blocks * 512))..((5 * 4096) + room)].ContainsAnyExcept((byte)0));
        Assert.False(scsi.Volumes[1].Bytes[((5 * 4096) + room)..].ContainsAnyExcept((byte)0xEE));
    }

    [Fact]
    public void DcCountsBlocksOfTheDestination()
    {
        using var scsi = new ScsiFixture([Big, Other(1024, 4096)]);
        byte[] pattern = Bytes.Pattern(1024 * 4096);
        pattern.CopyTo(scsi.Volumes[1].Bytes);

        // 9 × 512 bytes from blocks of 4096: the rest of the second is dropped.
        TestTask task = Copy(scsi, new CopyList().Target(scsi.Units[1], pad: true).Target(scsi.Units[0]).Segment(0, 1, 2, 7, 9, flags: 0x02));
        Assert.Equal("good", task.Outcome);
        Assert.True(scsi.Volumes[0].Bytes.Slice(7 * 512, 9 * 512).SequenceEqual(pattern.AsSpan(2 * 4096, 9 * 512)));
        Assert.False(scsi.Volumes[0].Bytes[(16 * 512)..].ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void AReservationOfAnotherAtTheDestinationStopsTheCopyAndSaysWho()
    {
        using var scsi = new ScsiFixture([Big, Other()], lastOnOtherThread: true);
        scsi.Volumes[0].Bytes.Fill(0x11);
        LunNexus rival = ScsiFixture.Lun(scsi.Second, 1);
        Assert.Equal("good", scsi.Run(rival, Bytes.Hex("5F00 0000 0000 0000 1800"), Bytes.Hex("0000000000000000 0000000000000001 0000000000000000")).Outcome);
        Assert.Equal("good", scsi.Run(rival, Bytes.Hex("5F01 0100 0000 0000 1800"), Bytes.Hex("0000000000000001 0000000000000000 0000000000000000")).Outcome);

        TestTask task = Copy(scsi, new CopyList().Target(scsi.Units[0]).Target(scsi.Units[1]).Segment(0, 1, 0, 0, 8192));

        // COPY ABORTED, THIRD PARTY DEVICE FAILURE, segment 0; the destination's status, RESERVATION CONFLICT, stands at byte 18.
        Assert.Equal("F0000A000000000B001200000D010000000018", Convert.ToHexString(task.SenseBytes));
        Assert.False(scsi.Volumes[1].Bytes.ContainsAnyExcept((byte)0));

        // Write exclusive lets others read: the copy in the other direction goes on.
        Assert.Equal("good", Copy(scsi, new CopyList().Target(scsi.Units[1]).Target(scsi.Units[0]).Segment(0, 1, 0, 0, 16)).Outcome);
    }

    [Fact]
    public void AFailedReadIsToldWithTheSourcesSense()
    {
        using var scsi = new ScsiFixture([Big, Other()], lastOnOtherThread: true);
        scsi.Volumes[1].FailNext(VolumeOperationKind.Read, VolumeStatus.ReadError);
        TestTask task = Copy(scsi, new CopyList { Usage = 0, ListId = 9 }.Target(scsi.Units[0]).Target(scsi.Units[1]).Segment(0, 1, 0, 0, 16).Segment(1, 0, 0, 0, 16));
        Assert.Equal("a/0d01 i1", task.Outcome);
        Assert.Equal("12000000", Convert.ToHexString(task.SenseBytes[8..12]));
        Assert.Equal(0x02, task.SenseBytes[18]);
        Assert.Equal("3/1100 i0", TestTask.DescribeSense(task.SenseBytes.AsSpan(19)));

        // Failed, one segment and 8 KiB done.
        Assert.Equal("00000008 02 0001 00 00002000".Replace(" ", "", StringComparison.Ordinal), scsi.Run(CopyList.Receive(0, 9)).Hex);
        byte[] details = scsi.Run(CopyList.Receive(4, 9)).Data;
        Assert.Equal(60 + task.SenseBytes.Length, details.Length);
        Assert.Equal(0x02, details[56]);
        Assert.Equal(task.SenseBytes, details[60..]);
        Assert.Equal("00000000", scsi.Run(CopyList.Receive(4, 9)).Hex);
    }

    [Fact]
    public void AnAbortedCopyBeginsNoFurtherPieceAndEndsWithTheOnesInFlight()
    {
        using var scsi = new ScsiFixture(Big);
        scsi.Volume.Bytes.Fill(0x77);
        scsi.Volume.Holds = true;
        TestTask task = Copy(scsi, new CopyList { Usage = 0, ListId = 1 }.Target(scsi.Unit).Segment(0, 0, 0, 8192, 8192));
        scsi.Release(scsi.Volume, 1);
        TestFunction abort = scsi.Manage(scsi.First, TaskManagementFunction.AbortTask, task.Tag);
        Assert.Equal(0, abort.Completions);
        while (scsi.Volume.HeldCount > 0)
        {
            scsi.Release(scsi.Volume, 1);
        }

        Assert.Equal("aborted", task.Outcome);
        Assert.Equal((1, TaskManagementResponse.Complete), (abort.Completions, abort.Response));
        Assert.InRange(scsi.Volume.Log.Count, 4, 5);
        scsi.Volume.Holds = false;
        Assert.Equal(0x02, scsi.Run(CopyList.Receive(0, 1)).Data[4]);
    }

    [Fact]
    public void AResetOfTheDestinationUnitEndsTheCopy()
    {
        using var scsi = new ScsiFixture([Big, Other()], lastOnOtherThread: true);
        scsi.Volumes[0].Bytes.Fill(0x77);
        scsi.Volumes[1].Holds = true;
        TestTask task = Copy(scsi, new CopyList().Target(scsi.Units[0]).Target(scsi.Units[1]).Segment(0, 1, 0, 0, 16384));
        TestFunction reset = scsi.Manage(ScsiFixture.Lun(scsi.Second, 1), TaskManagementFunction.LogicalUnitReset);
        Assert.Equal(0, reset.Completions);
        scsi.Release(scsi.Volumes[1]);
        Assert.Equal(1, reset.Completions);
        Assert.Equal("a/0d01 i0", task.Outcome);
        Assert.InRange(scsi.Volumes[1].Log.Count, 1, 4);
    }

    [Fact]
    public void TheLossOfTheNexusAwaitsThePieces()
    {
        using var scsi = new ScsiFixture([Big, Other()], lastOnOtherThread: true);
        scsi.Volumes[0].Bytes.Fill(0x77);
        scsi.Volumes[1].Holds = true;
        TestTask task = Copy(scsi, new CopyList().Target(scsi.Units[0]).Target(scsi.Units[1]).Segment(0, 1, 0, 0, 16384));
        var gone = new Gone();
        scsi.On(scsi.First, () => scsi.Unit.Detach(scsi.First, gone));
        Assert.False(gone.Ran);
        LunNexus far = ScsiFixture.Lun(scsi.First, 1);
        var farGone = new Gone();
        scsi.On(far, () => scsi.Units[1].Detach(far, farGone));
        scsi.Volumes[1].Holds = false;
        scsi.Release(scsi.Volumes[1]);
        Assert.True(gone.Ran && farGone.Ran);
        Assert.Equal("aborted", task.Outcome);
    }

    [Fact]
    public void APreemptionDoesNotWaitForTheCopyThatItStops()
    {
        using var scsi = new ScsiFixture(Big);
        scsi.Volume.Bytes.Fill(0x55);
        foreach (LunNexus nexus in (LunNexus[])[scsi.First, scsi.Second])
        {
            byte key = ReferenceEquals(nexus, scsi.First) ? (byte)1 : (byte)2;
            Assert.Equal("good", scsi.Run(nexus, Bytes.Hex("5F00 0000 0000 0000 1800"), [.. new byte[15], key, .. new byte[8]]).Outcome);
        }

        Assert.Equal("good", scsi.Run(Bytes.Hex("5F01 0100 0000 0000 1800"), [.. new byte[7], 1, .. new byte[16]]).Outcome);
        scsi.Volume.Holds = true;
        TestTask copy = Copy(scsi, new CopyList().Target(scsi.Unit).Segment(0, 0, 0, 8192, 8192));
        TestTask preempt = scsi.Send(scsi.Second, Bytes.Hex("5F04 0100 0000 0000 1800"), [.. new byte[7], 2, .. new byte[7], 1, .. new byte[8]]);
        Assert.Equal("pending", preempt.Outcome);
        while (scsi.Volume.HeldCount > 0)
        {
            scsi.Release(scsi.Volume, 1);
        }

        Assert.Equal("good", preempt.Outcome);
        Assert.Equal("a/0d01 i0", copy.Outcome);
        Assert.InRange(scsi.Volume.Log.Count(entry => entry.Kind == VolumeOperationKind.Write), 0, 4);
    }

    [Fact]
    public void MoreThanTheBoundWaitTheirTurnAndCanBeAbortedThere()
    {
        using var scsi = new ScsiFixture(Big, new LogicalUnitSettings { MaxConcurrentCopies = 1 });
        scsi.Volume.Bytes.Fill(0x55);
        scsi.Volume.Holds = true;
        TestTask[] tasks = [.. Enumerable.Range(0, 4).Select(i => Copy(scsi, new CopyList { Usage = 2, ListId = (byte)i }.Target(scsi.Unit).Segment(0, 0, 0, 8192, 16)))];
        Assert.Equal(1, scsi.Volume.HeldCount);
        Assert.Equal(1, scsi.Manage(scsi.First, TaskManagementFunction.AbortTask, tasks[2].Tag).Completions);
        Assert.Equal("aborted", tasks[2].Outcome);
        scsi.Volume.Holds = false;
        scsi.Release(scsi.Volume);
        Assert.All((TestTask[])[tasks[0], tasks[1], tasks[3]], task => Assert.Equal("good", task.Outcome));
    }

    [Fact]
    public void AnOrderedCommandBehindACopyWaitsForIt()
    {
        using var scsi = new ScsiFixture(Big);
        scsi.Volume.Bytes.Fill(0x55);
        scsi.Volume.Holds = true;
        TestTask copy = Copy(scsi, new CopyList().Target(scsi.Unit).Segment(0, 0, 0, 8192, 8192));
        TestTask ordered = scsi.Send(scsi.First, Bytes.Hex("000000000000"), attribute: TaskAttribute.Ordered);
        while (scsi.Volume.HeldCount > 0)
        {
            Assert.Equal("pending", ordered.Outcome);
            scsi.Release(scsi.Volume, 1);
        }

        Assert.Equal(("good", "good"), (copy.Outcome, ordered.Outcome));
    }

    [Fact]
    public void AnIdentifierInUseIsRefusedAndAnEndedOneIsReplaced()
    {
        using var scsi = new ScsiFixture(Big);
        scsi.Volume.Bytes.Fill(0x55);
        Assert.Equal("5/2400 c2", scsi.Run(CopyList.Receive(0, 7)).Outcome);
        scsi.Volume.Holds = true;
        byte[] list = new CopyList { Usage = 0, ListId = 7 }.Target(scsi.Unit).Segment(0, 0, 0, 8192, 4096).Build();
        TestTask first = Copy(scsi, scsi.First, list);
        Assert.Equal("5/0016", Copy(scsi, scsi.First, list).Outcome);
        Assert.Equal("pending", Copy(scsi, scsi.Second, list).Outcome);
        Assert.Equal("000000080000000000000000", scsi.Run(CopyList.Receive(0, 7)).Hex);
        Assert.Equal("5/2400 c2", scsi.Run(CopyList.Receive(1, 7)).Outcome);
        scsi.Volume.Holds = false;
        scsi.Release(scsi.Volume);
        Assert.Equal("good", first.Outcome);
        Assert.Equal("000000080100010000200000", scsi.Run(CopyList.Receive(0, 7)).Hex);
        Assert.Equal("00000000", scsi.Run(CopyList.Receive(1, 7)).Hex);
        Assert.Equal("good", Copy(scsi, scsi.First, list).Outcome);

        // Discarded at once where the initiator said so, and all at a reset.
        Assert.Equal("good", Copy(scsi, new CopyList { Usage = 2, ListId = 8 }.Target(scsi.Unit).Segment(0, 0, 0, 100, 1)).Outcome);
        Assert.Equal("5/2400 c2", scsi.Run(CopyList.Receive(0, 8)).Outcome);
        scsi.Manage(scsi.First, TaskManagementFunction.LogicalUnitReset);
        scsi.ForgetAttentions();
        Assert.Equal("5/2400 c2", scsi.Run(CopyList.Receive(0, 7)).Outcome);
    }

    [Fact]
    public void TheOldestResultMakesRoom()
    {
        using var scsi = new ScsiFixture(Big);
        for (byte id = 0; id < 18; id++)
        {
            Assert.Equal("good", Copy(scsi, new CopyList { Usage = 0, ListId = id }.Target(scsi.Unit).Segment(0, 0, 0, 100, 1)).Outcome);
        }

        Assert.Equal("5/2400 c2", scsi.Run(CopyList.Receive(0, 1)).Outcome);
        Assert.Equal("good", scsi.Run(CopyList.Receive(0, 2)).Outcome);
    }

    [Fact]
    public void OperatingParametersAndPage8FSayTheSame()
    {
        using var scsi = new ScsiFixture(Big);
        Assert.Equal(
            "0000002A 01 000000 0010 0020 00000580 10000000 00000000 00000000 00000000 0000 0004 04 09 00 00 000000 02 02E4".Replace(" ", "", StringComparison.Ordinal),
            scsi.Run(CopyList.Receive(3, 0)).Hex);
        Assert.Equal(
            ("008F 007C"
            + " 0001 000C 09 83 01 00 84 04 00 01 03 04 0000"
            + " 0004 001C 00000000 0010 0020 00000580 00000000 000000000000000000000000"
            + " 0008 0004 02 02 E4 00"
            + " 8001 0020 00000004 00000004 10000000 09 00 000000000000000000000000000000000000"
            + " C001 001C 00000000 00 0000000000000000000000000000000000000000000000").Replace(" ", "", StringComparison.Ordinal),
            scsi.Run(Bytes.Hex("12018F040000")).Hex);
        Assert.Equal(0x08, scsi.Run(Bytes.Hex("120000006000")).Data[5] & 0x08);
    }

    private sealed class Gone : IoMessage
    {
        internal bool Ran { get; private set; }

        protected internal override void Run() => Ran = true;
    }
}
