using System.Buffers.Binary;
using System.Text;
using ActorSan.Storage;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Storage.Metadata;

/// <summary>What opening refuses, with which fault and which word to the reader, and what it accepts in spite of damage.</summary>
public sealed class OpeningTests
{
    [Fact]
    public void AVolumeComesBackAsItWasFormatted()
    {
        VolumeMetadata loaded = Known.TryLoad(Known.Formatted()).Loaded!;
        Assert.Equal(new VolumeGeometry(Known.VolumeBytes, 512, 4096, 0), loaded.Superblock.Geometry);
        Assert.Equal((true, 1ul), (loaded.Report.WasClean, loaded.Report.OpenCount));
        Assert.Empty(loaded.Report.Notes);
        Assert.Empty(loaded.Report.Replayed);
    }

    [Fact]
    public void WithSectorsOf4096BytesToo()
    {
        var medium = new Medium(Known.StoreBytes, sectorBytes: 4096);
        VolumeFormat.Format(medium.Open(), Known.Encrypted with { LogicalBlockBytes = 4096 });
        IVolumeMetadata metadata = Known.Attached(medium, out _, Known.NodeKey);
        PowerLossTests.Run(metadata.MarkDirty);
        PowerLossTests.Set(metadata, VolumeAttribute.Reservations, PowerLossTests.Bytes(5000, 1));
        using var redo = new TestRequest(PowerLossTests.Bytes(8192, 2)) { Slot = 3, OffsetBytes = 4096 };
        metadata.WriteRedo(redo);
        PowerLossTests.Run(metadata.ReplaceDataKey);
        LoadReport report = Known.TryLoad(medium, Known.NodeKey).Loaded!.Report;
        Assert.Equal([new ReplayedWrite(3, 4096, 8192)], report.Replayed);
        Assert.False(report.WasClean);
    }

    [Theory]
    [InlineData("XFSB", 0, "XFS")]
    [InlineData("\x53\xEF", 0x438, "ext4")]
    [InlineData("LABELONE", 512, "LVM")]
    [InlineData("\x55\xAA", 510, "partition table")]
    [InlineData("EFI PART", 512, "GPT")]
    [InlineData("something else", 70_000, "does not know")]
    public void AForeignStoreIsNamedAndLeftAlone(string bytes, int offset, string name)
    {
        var medium = new Medium(Known.StoreBytes);
        Encoding.Latin1.GetBytes(bytes).CopyTo(medium.Bytes, offset);
        Refused(medium, StoreFault.Foreign, name);

        StoreException format = Assert.Throws<StoreException>(() => VolumeFormat.Format(medium.Open(), Known.Request));
        Assert.Equal(StoreFault.NotEmpty, format.Fault);
        Assert.Contains("--force /stores/disk0.store", format.Message, StringComparison.Ordinal);
        Assert.Equal(0, medium.Writes);
        VolumeFormat.Format(medium.Open(), Known.Request with { Force = true });
        Assert.NotNull(Known.TryLoad(medium).Loaded);
        Assert.True(medium.Open().IsZero(2 << 20, Known.VolumeBytes));
    }

    [Fact]
    public void AVolumeIsNotFormattedOver()
    {
        Medium medium = Known.Formatted();
        int writes = medium.Writes;
        StoreException fault = Assert.Throws<StoreException>(() => VolumeFormat.Format(medium.Open(), Known.Request));
        Assert.Equal(StoreFault.NotEmpty, fault.Fault);
        Assert.Contains($"ActorSan volume {Known.VolumeId} of 64 KiB", fault.Message, StringComparison.Ordinal);
        Assert.Equal(writes, medium.Writes);
    }

    // What a device has at its end counts too: GPT's copy, old RAID.
    [Fact]
    public void TheEndOfADeviceIsLookedAt()
    {
        var medium = new Medium(18 << 20);
        medium.Bytes[(18 << 20) - 512] = 1;
        Assert.Equal(StoreFault.NotEmpty, Assert.Throws<StoreException>(() => VolumeFormat.Format(medium.Open(), Known.Request)).Fault);
    }

    [Fact]
    public void EmptyIsUnformatted()
    {
        Refused(new Medium(0, file: true), StoreFault.Unformatted, "is empty");
        Refused(new Medium(100 << 10), StoreFault.Unformatted, "format = if-missing");
    }

    [Fact]
    public void AFileThatWasCutShort()
    {
        foreach (int length in (int[])[Known.StoreBytes - 512, 2 << 20, 1 << 20, 8192, 4096])
        {
            Medium medium = Medium.Holding(Known.Formatted().Bytes[..length]);
            Refused(medium, StoreFault.Damaged, "cut short");
        }
    }

    [Fact]
    public void ALargerDeviceIsNoFaultButTold()
    {
        byte[] larger = [.. Known.Formatted().Bytes, .. new byte[1 << 20]];
        Assert.Contains("1 MiB behind", Assert.Single(Known.TryLoad(Medium.Holding(larger)).Loaded!.Report.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatTheConfigurationSaysMustBeSo()
    {
        Medium medium = Known.Formatted();
        Differs(new VolumeExpectation { SizeBytes = 1 << 30 }, "size 64 KiB, but the configuration says 1 GiB");
        Differs(new VolumeExpectation { LogicalBlockBytes = 4096 }, "logical-block");
        Differs(new VolumeExpectation { PhysicalBlockBytes = 512 }, "physical-block");
        Differs(new VolumeExpectation { AlignmentOffsetBytes = 512 }, "alignment");
        Differs(new VolumeExpectation { VolumeId = Guid.Empty }, Known.VolumeId.ToString());
        Differs(new VolumeExpectation { Encrypted = true }, "not encrypted");
        var right = new VolumeExpectation { SizeBytes = 65536, LogicalBlockBytes = 512, PhysicalBlockBytes = 4096, AlignmentOffsetBytes = 0, VolumeId = Known.VolumeId, Encrypted = false };
        Assert.NotNull(Known.TryLoad(medium, null, right).Loaded);

        void Differs(VolumeExpectation expectation, string word)
        {
            int writes = medium.Writes;
            StoreException? fault = Known.TryLoad(medium, null, expectation).Fault;
            Assert.Equal(StoreFault.Mismatch, fault?.Fault);
            Assert.Contains(word, fault!.Message, StringComparison.Ordinal);
            Assert.Equal(writes, medium.Writes);
        }
    }

    [Theory]
    [InlineData(8, 2)]
    [InlineData(28, 1)]
    public void ALaterVersionOrAnUnknownIncompatibleFeatureIsTooNew(int at, byte value)
    {
        Medium medium = Known.Formatted();
        ForgeSuperblock(medium, 0, slot => slot[at] = value);
        ForgeSuperblock(medium, 1, slot => slot[at] = value);
        Refused(medium, StoreFault.TooNew, "later version");
        Assert.Contains("later version", StoreInspection.Read(medium.Open()).Fault, StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnknownCompatibleFeatureIsOfNoConcern()
    {
        Medium medium = Known.Formatted();
        ForgeSuperblock(medium, 0, slot => slot[24] = 0x80);
        ForgeSuperblock(medium, 1, slot => slot[24] = 0x80);
        Assert.Equal(0x80u, Known.TryLoad(medium).Loaded!.Superblock.CompatibleFeatures);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void OneDamagedSuperblockSlotIsRepairedFromTheOther(int slot)
    {
        Medium medium = Known.Formatted();
        byte[] good = (byte[])medium.Bytes.Clone();
        medium.Bytes[(slot * 4096) + 57] ^= 1;
        Assert.True(Known.TryLoad(medium).Loaded!.Report.SuperblockRepaired);
        Assert.Equal(good[..8192], medium.Bytes[..8192]);
        Assert.False(Known.TryLoad(medium).Loaded!.Report.SuperblockRepaired);
    }

    [Fact]
    public void BothSuperblockSlotsDamagedIsRefused()
    {
        Medium medium = Known.Formatted();
        medium.Bytes[57] ^= 1;
        medium.Bytes[4096 + 57] ^= 1;
        Refused(medium, StoreFault.Damaged, "both slots of its superblock");

        // Wiped altogether it is still no empty store: the pages behind it are ours.
        medium.Bytes.AsSpan(0, 8192).Clear();
        Refused(medium, StoreFault.Damaged, "superblock");
        Assert.Equal(StoreFault.NotEmpty, Assert.Throws<StoreException>(() => VolumeFormat.Format(medium.Open(), Known.Request)).Fault);
    }

    public static TheoryData<int> AllPages() => [1, 2, 3, 257, 258, 259, 260];

    [Theory]
    [MemberData(nameof(AllPages))]
    public void APageWithOneDamagedSlotIsUsedButNotTrusted(int number)
    {
        var page = (MetadataPage)number;
        for (int slot = 0; slot < 2; slot++)
        {
            foreach (bool unreadable in (bool[])[false, true])
            {
                Medium medium = WithHistory();
                int offset = SlotAt(medium, page, slot);
                if (unreadable)
                {
                    medium.BadSectors.Add(offset / 512);
                }
                else
                {
                    medium.Bytes[offset + 30] ^= 4;
                }

                InspectedPage inspected = StoreInspection.Read(medium.Open()).Pages.Single(found => found.First.OffsetBytes == SlotAt(medium, page, 0));
                Assert.True(inspected is { Suspect: true, Damaged: false });
                Assert.Equal(unreadable ? SlotState.Unreadable : SlotState.Damaged, (slot == 0 ? inspected.First : inspected.Second).State);
                VolumeMetadata loaded = Known.TryLoad(medium, Known.NodeKey).Loaded!;
                Assert.Equal([page], loaded.Report.SuspectPages);
                Assert.Equal(page != MetadataPage.State, loaded.Report.WasClean);
                if (page == MetadataPage.FirstAttribute)
                {
                    byte[] found = loaded.Attach(new MediumStore(medium)).GetAttribute(VolumeAttribute.Reservations).ToArray();
                    Assert.Equal(slot == 0 ? PowerLossTests.Bytes(6000, 2) : PowerLossTests.Bytes(5000, 1), found);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllPages))]
    public void APageWithBothSlotsDamagedIsRefusedAndNothingIsWritten(int number)
    {
        var page = (MetadataPage)number;
        Medium medium = WithHistory();
        medium.Bytes[SlotAt(medium, page, 0) + 9] ^= 1;
        medium.Bytes[SlotAt(medium, page, 1) + 20] ^= 0x80;
        Refused(medium, StoreFault.Damaged, "both slots", Known.NodeKey);
        StoreInspection inspection = StoreInspection.Read(medium.Open());
        Assert.Single(inspection.Pages, found => found.Damaged);
        Assert.NotNull(inspection.Fault);
    }

    [Fact]
    public void ReadingOnlyReplaysNothing()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        medium.ReadOnly = true;
        Assert.Equal(1ul, Known.TryLoad(medium).Loaded!.Report.OpenCount);
        medium.ReadOnly = false;
        using var redo = new TestRequest(new byte[512]) { Slot = 0 };
        metadata.WriteRedo(redo);
        medium.ReadOnly = true;
        Refused(medium, StoreFault.Refused, "read-only = off");
    }

    [Fact]
    public void OnAReadOnlyStoreNothingIsSet()
    {
        Medium medium = Known.Formatted();
        medium.ReadOnly = true;
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        using var request = new TestRequest([1]) { Attribute = VolumeAttribute.Sanitize };
        foreach (Action<MetadataRequest> operation in (Action<MetadataRequest>[])[metadata.SetAttribute, metadata.WriteRedo, metadata.ClearRedo, metadata.MarkDirty, metadata.MarkClean])
        {
            operation(request);
            Assert.Equal(StoreStatus.ReadOnly, request.Status);
        }

        Assert.Equal(5, request.Ended);
    }

    [Fact]
    public void TheWrongNodeKey()
    {
        Medium medium = Known.Formatted(Known.Encrypted);
        Refused(medium, StoreFault.WrongKey, $"fingerprint is {Known.NodeKey.Fingerprint:x16}, that of the given key {Known.OtherKey.Fingerprint:x16}", Known.OtherKey);
        Refused(medium, StoreFault.WrongKey, "no node key was given");
        Assert.Contains("encryption.mode = none", Known.TryLoad(medium, null, new VolumeExpectation { Encrypted = false }).Fault!.Message, StringComparison.Ordinal);
    }

    // Random bytes anywhere in the area: refused, or what is told is what was there; an older value only of a page that is called suspect.
    [Fact]
    public void NoDamageIsTakenForATruth()
    {
        byte[] image = WithHistory().Bytes;
        VolumeMetadata truth = Known.TryLoad(Medium.Holding((byte[])image.Clone()), Known.NodeKey).Loaded!;
        int[] interesting = [.. Enumerable.Range(0, 5).Select(i => i * 8192), 139264, 139264 + 135168, 1220608, 1220608 + 4096, 1220608 + 135168];
        Gen<(int At, byte Value)> anywhere = Gen.Select(Gen.Int[0, (2 << 20) - 1], Gen.Byte);
        Gen<(int At, byte Value)> aimed = Gen.Select(Gen.Int[0, interesting.Length - 1], Gen.Int[0, 200], Gen.Int[0, 1], Gen.Byte)
            .Select(aim => (interesting[aim.Item1] + aim.Item2 + (aim.Item3 * 4096), aim.Item4));
        Gen.OneOf(anywhere, aimed).Array[1, 40].Sample(damage =>
        {
            byte[] bytes = (byte[])image.Clone();
            foreach ((int at, byte value) in damage)
            {
                bytes[at] = value;
            }

            Medium medium = Medium.Holding(bytes);
            StoreInspection inspection = StoreInspection.Read(medium.Open());
            inspection.Describe(TextWriter.Null);
            (VolumeMetadata? loaded, StoreException? fault) = Known.TryLoad(medium, Known.NodeKey);
            Assert.Equal(fault?.Message, inspection.Fault);
            if (loaded is null)
            {
                Assert.Equal(StoreFault.Damaged, fault!.Fault);
                return;
            }

            IVolumeMetadata metadata = loaded.Attach(new MediumStore(medium));
            Assert.Equal(truth.Superblock with { Regions = loaded.Superblock.Regions }, loaded.Superblock);
            Assert.Equal(truth.Superblock.Regions, loaded.Superblock.Regions);
            Assert.Equal((truth.Incarnation, truth.Label), (loaded.Incarnation, loaded.Label));
            Assert.True(metadata.DataKey.SequenceEqual(truth.Attach(new MediumStore(medium)).DataKey));
            bool suspect = loaded.Report.SuspectPages.Contains(MetadataPage.FirstAttribute);
            byte[] attribute = metadata.GetAttribute(VolumeAttribute.Reservations).ToArray();
            Assert.True(attribute.AsSpan().SequenceEqual(PowerLossTests.Bytes(6000, 2)) || (suspect && attribute.AsSpan().SequenceEqual(PowerLossTests.Bytes(5000, 1))));
            Assert.True(loaded.Report.WasClean || loaded.Report.SuspectPages.Contains(MetadataPage.State));
            Assert.True(loaded.Report.Replayed.Count == 0);
        }, iter: 400);
    }

    /// <summary>An encrypted volume whose pages have all been written: the attribute twice, so that its slots differ.</summary>
    private static Medium WithHistory()
    {
        Medium medium = Known.Formatted(Known.Encrypted);
        IVolumeMetadata metadata = Known.Attached(medium, out _, Known.NodeKey);
        PowerLossTests.Set(metadata, VolumeAttribute.Reservations, PowerLossTests.Bytes(5000, 1));
        PowerLossTests.Set(metadata, VolumeAttribute.Reservations, PowerLossTests.Bytes(6000, 2));
        PowerLossTests.Run(metadata.MarkDirty);
        PowerLossTests.Run(metadata.MarkClean);
        return medium;
    }

    private static int SlotAt(Medium medium, MetadataPage page, int slot)
    {
        Assert.Equal(SlotState.Valid, Superblock.TryRead(medium.Bytes.AsSpan(0, 4096), out Superblock? superblock, out _));
        return (int)(AreaReader.PageOffset(superblock!, page, out long slotBytes) + (slot * slotBytes));
    }

    private static void ForgeSuperblock(Medium medium, int number, Action<byte[]> change)
    {
        byte[] slot = medium.Bytes.AsSpan(number * 4096, 4096).ToArray();
        change(slot);
        slot.AsSpan(12, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(slot.AsSpan(12), Crc32C.Compute(slot));
        slot.CopyTo(medium.Bytes, number * 4096);
    }

    private static void Refused(Medium medium, StoreFault fault, string word, NodeKey? key = null)
    {
        int writes = medium.Writes;
        StoreException? thrown = Known.TryLoad(medium, key).Fault;
        Assert.NotNull(thrown);
        Assert.True(fault == thrown.Fault, $"{thrown.Fault}: {thrown.Message}");
        Assert.Contains(word, thrown.Message, StringComparison.Ordinal);
        Assert.Contains("/stores/disk0.store", thrown.Message, StringComparison.Ordinal);
        Assert.Equal(writes, medium.Writes);
    }
}
