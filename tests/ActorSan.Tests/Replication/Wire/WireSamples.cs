using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Wire;
using CsCheck;

namespace ActorSan.Tests.Replication.Wire;

/// <summary>Frames and bodies whose every byte is known, and such as chance makes.</summary>
internal static class WireSamples
{
    public static readonly Guid VolumeId = new("6d2c1b5a-0f3e-4a7b-9c8d-112233445566");

    public static readonly FrameKind[] BodyKinds = [FrameKind.Attach, FrameKind.Attached, FrameKind.Refused, FrameKind.Config, FrameKind.Stable, FrameKind.SetRanges];

    private static readonly Gen<string> Name = Gen.OneOf(Gen.Char['a', 'z'].Array[1, 12].Select(letters => new string(letters)), Gen.Const("knöt"), Gen.Const(new string('n', 255)));
    private static readonly Gen<long> Number = Gen.OneOf(Gen.Long[0, 9], Gen.Long[0, long.MaxValue]);

    public static Gen<ByteRange> Range { get; } =
        Gen.Select(Gen.Long[0, 1L << 40], Gen.Long[0, 1L << 30]).Select(pair => new ByteRange(pair.Item1, pair.Item2));

    public static Gen<HeardMark> Mark { get; } = Gen.Select(Gen.Guid, Number, (id, mark) => new HeardMark(id, mark));

    public static Gen<Configuration> Configuration { get; } =
        from ids in Gen.Guid.Array[2]
        from numbers in Number.Array[4]
        from flags in Gen.Int[0, 31]
        from names in Name.Array[2]
        from parents in Gen.Guid.Array[0, 3]
        from members in Gen.Select(Name, Gen.Guid, Gen.Guid, (node, store, session) => new Member(node, store, session)).Array[1, 3]
        from replicas in Gen.Select(Name, Gen.Guid, Gen.Int[0, 2], Number, Number, Gen.Bool, Gen.Bool).Array[0, 4]
        from voters in Gen.Select(Name, Gen.Guid, (node, id) => new VoterId(node, id)).Array[1, 6]
        select new Configuration
        {
            VolumeId = ids[0],
            Lineage = ids[1],
            Version = numbers[0],
            Epoch = Math.Max(numbers[1], numbers[2]),
            Reign = Math.Min(numbers[1], numbers[2]),
            SizeBytes = numbers[3] % (1L << 56),
            Deleted = (flags & 1) != 0,
            Primary = (flags & 2) != 0 ? new PrimaryId(names[0], ids[0]) : null,
            Parents = [.. parents],
            InSync = (flags & 1) != 0 ? default : [.. members],
            Replicas = [.. replicas.Select(each => new ReplicaEntry(each.Item1, each.Item2, (ReplicationProtocol)each.Item3, each.Item4, each.Item6 ? each.Item5 : null, each.Item7))],
            Voters = [voters[0]],
            OldVoters = [.. voters[1..]],
            Settings = new VolumeSettings
            {
                OnNoQuorum = (flags & 4) != 0 ? NoQuorumPolicy.Fail : NoQuorumPolicy.Suspend,
                ConfirmReads = (flags & 8) != 0,
                PreferredPrimary = (flags & 16) != 0 ? names[1] : null,
            },
        };

    public static Gen<AttachBody> Attach { get; } =
        from ids in Gen.Guid.Array[3]
        from reign in Number
        from node in Name
        from configuration in Configuration
        from settled in Gen.Bool
        from marks in Mark.Array[0, 4]
        select new AttachBody(ids[0], ids[1], reign, new PrimaryId(node, ids[2]), configuration, settled, [.. marks]);

    public static Gen<AttachedBody> Attached { get; } =
        from ids in Gen.Guid.Array[3]
        from coarse in Gen.Bool
        from marks in Mark.Array[0, 4]
        from unsettled in Gen.Select(Number, Number, Range, Gen.Bool, Gen.Byte, (reign, seq, range, atomic, attribute) => new UnsettledEntry(reign, seq, range, atomic, attribute)).Array[0, 9]
        from intents in Range.Array[0, 9]
        from size in Gen.Long[0, 1L << 56]
        select new AttachedBody(ids[0], ids[1], ids[2], coarse, [.. marks], [.. unsettled], [.. intents], size);

    public static Gen<RefusedBody> Refused { get; } =
        Gen.Select(Gen.Int[0, 9], Gen.Guid, Gen.Guid, Number, (reason, store, lineage, mark) => new RefusedBody((RefusalReason)reason, store, lineage, mark));

    public static Gen<SetBody> Set { get; } = Gen.Select(
        Name, Gen.Guid, Gen.Bool, Gen.Bool, Range.Array[0, 9], (node, id, wholly, goesOn, ranges) => new SetBody(node, id, wholly, goesOn, wholly ? default : [.. ranges]));

    public static Configuration KnownConfiguration { get; } = new()
    {
        VolumeId = VolumeId,
        Lineage = Id(1),
        Version = 7,
        Epoch = 5,
        Reign = 4,
        SizeBytes = 1L << 30,
        Primary = new PrimaryId("alpha", Id(2)),
        Parents = [Id(3)],
        InSync = [new Member("alpha", Id(4), Id(5)), new Member("beta", Id(6), Id(7))],
        Replicas = [new ReplicaEntry("alpha", Id(4), HighestMark: 12), new ReplicaEntry("beta", Id(6)), new ReplicaEntry("gamma", Id(8), ReplicationProtocol.A, 3, 2)],
        Voters = [new VoterId("alpha", Id(9)), new VoterId("beta", Id(10)), new VoterId("witness", Id(11))],
        OldVoters = [new VoterId("alpha", Id(9))],
        Settings = new VolumeSettings { OnNoQuorum = NoQuorumPolicy.Fail, ConfirmReads = true, PreferredPrimary = "beta" },
    };

    public static AttachBody KnownAttach { get; } = new(VolumeId, Id(1), 4, new PrimaryId("alpha", Id(2)), KnownConfiguration, true, [new HeardMark(Id(6), 44)]);

    public static AttachedBody KnownAttached { get; } = new(
        Id(12), Id(6), Id(7), true, [new HeardMark(Id(4), 45)], [new UnsettledEntry(4, 100, new ByteRange(4096, 8192), true, 0), new UnsettledEntry(4, 101, default, false, 2)], [new ByteRange(0, 4 << 20)], 1L << 30);

    public static RefusedBody KnownRefused { get; } = new(RefusalReason.OtherIncarnation, Id(6), Id(1), 46);

    public static MarksBody KnownMarks { get; } = new([new HeardMark(Id(4), 47), new HeardMark(Id(6), 48)]);

    public static SetBody KnownSet { get; } = new("gamma", Id(8), false, false, [new ByteRange(65536, 131072)]);

    public static Guid Id(byte number) => new(number, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, number);

    /// <summary>One of each kind, with all that it may have, and the bytes behind it.</summary>
    public static (Frame Frame, byte[] Content) Known(FrameKind kind)
    {
        FrameRule rule = FrameTable.RuleOf(kind);
        bool Has(FrameFields fields) => (rule.Fields & fields) != 0;
        bool range = Has(FrameFields.Range | FrameFields.RangeOrNone);
        var frame = new Frame
        {
            Kind = kind,
            Flags = rule.Flags,
            Attachment = 0x1122,
            Epoch = 5,
            Seq = Has(FrameFields.Seq | FrameFields.SeqNeeded) ? 0x0102 : 0,
            Stable = 0x0101,
            Mark = 44,
            OffsetBytes = range ? 4096 : 0,
            LengthBytes = range ? 512 : Has(FrameFields.Size) ? 1L << 30 : 0,
            Argument = Has(FrameFields.Argument) ? 3 : 0,
        };
        byte[] content = kind switch
        {
            FrameKind.Attach => Bytes(KnownAttach),
            FrameKind.Attached => Bytes(KnownAttached),
            FrameKind.Refused => Bytes(KnownRefused),
            FrameKind.Config => Bytes(new ConfigBody(KnownConfiguration)),
            FrameKind.Stable => Bytes(KnownMarks),
            FrameKind.SetRanges => Bytes(KnownSet),
            _ when rule.Content == FrameContent.Data => [.. Enumerable.Range(0, 512).Select(i => (byte)i)],
            _ when rule.Content == FrameContent.Bytes => [.. Enumerable.Range(0, 32).Select(i => (byte)i)],
            _ => [],
        };
        frame.DataBytes = content.Length;
        frame.LengthBytes = Has(FrameFields.LengthOfContent) ? content.Length : frame.LengthBytes;
        return (frame, content);
    }

    public static byte[] Header(in Frame frame, byte[] content)
    {
        var header = new byte[FrameHeader.Bytes];
        FrameHeader.Write(VolumeId, frame, content, header);
        return header;
    }

    public static byte[] Bytes(object body)
    {
        var writer = new ContentWriter();
        switch (body)
        {
            case AttachBody attach:
                BodyCodec.Write(writer, attach);
                break;
            case AttachedBody attached:
                BodyCodec.Write(writer, attached);
                break;
            case RefusedBody refused:
                BodyCodec.Write(writer, refused);
                break;
            case ConfigBody config:
                BodyCodec.Write(writer, config);
                break;
            case MarksBody marks:
                BodyCodec.Write(writer, marks);
                break;
            case SetBody set:
                BodyCodec.Write(writer, set);
                break;
            default:
                throw new ArgumentException("no body", nameof(body));
        }

        return writer.Written.ToArray();
    }

    /// <summary>The body, or null and the fault.</summary>
    public static object? Read(FrameKind kind, ReadOnlySpan<byte> bytes, out ContentFault fault)
    {
        switch (kind)
        {
            case FrameKind.Attach:
                return BodyCodec.TryRead(bytes, out AttachBody? attach, out fault) ? attach : null;
            case FrameKind.Attached:
                return BodyCodec.TryRead(bytes, out AttachedBody? attached, out fault) ? attached : null;
            case FrameKind.Refused:
                return BodyCodec.TryRead(bytes, out RefusedBody? refused, out fault) ? refused : null;
            case FrameKind.Config:
                return BodyCodec.TryRead(bytes, out ConfigBody? config, out fault) ? config : null;
            case FrameKind.Stable:
                return BodyCodec.TryRead(bytes, out MarksBody? marks, out fault) ? marks : null;
            case FrameKind.SetRanges:
                return BodyCodec.TryRead(bytes, out SetBody? set, out fault) ? set : null;
            default:
                throw new ArgumentException("no body", nameof(kind));
        }
    }
}
