using System.Buffers.Binary;
using ActorSan.Fuzz.Engine;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Wire;
using ActorSan.Storage;

namespace ActorSan.Fuzz.Targets;

/// <summary>
/// What a node makes of the bytes that a link brings: headers, bodies, and the pages of a metadata area. Byte 0 chooses: 0 a stream of frames, 1 to 6 a body, 7 to 10 a page
/// or a configuration; more is taken modulo. Whatever was read and accepted is written again: the same bytes come out, for each value has one encoding.
/// </summary>
internal sealed class LinkTarget : FuzzTarget
{
    private const int Entrances = 11;
    private const int MaxDataBytes = 16 << 10;

    private static readonly FrameKind[] Bodies = [FrameKind.Attach, FrameKind.Attached, FrameKind.Refused, FrameKind.Config, FrameKind.Stable, FrameKind.SetRanges];

    private readonly ContentWriter _writer = new();
    private readonly HeardMark[] _heard = new HeardMark[WriteIntentPage.MaxHeard];
    private readonly byte[] _page = new byte[WriteIntentPage.Bytes];

    internal override string Name => "link";

    internal override int MaxInputBytes => 32 << 10;

    internal override IEnumerable<byte[]> Seeds()
    {
        var all = new List<byte>();
        foreach (FrameKind kind in Enum.GetValues<FrameKind>().Where(kind => kind != FrameKind.None))
        {
            byte[] frame = FrameOf(kind);
            all.AddRange(frame);
            yield return [0, .. frame];
        }

        yield return [0, .. all];
        for (int i = 0; i < Bodies.Length; i++)
        {
            yield return [(byte)(1 + i), .. ContentOf(Bodies[i])];
        }

        _writer.Clear();
        ConfigurationCodec.Write(_writer, SampleConfiguration());
        yield return [7, .. _writer.Written];
        _writer.Clear();
        new ReplicaState
        {
            VolumeId = Id(1),
            Lineage = Id(2),
            Node = "alpha",
            Incarnation = Id(3),
            Session = Id(4),
            BootId = Id(5),
            Heard = [new HeardMark(Id(6), 7)],
            Places = [new PeerPlace(1, "beta", Id(6), true, 2)],
        }.Write(_writer);
        yield return [8, .. _writer.Written];
        var page = new byte[WriteIntentPage.Bytes];
        WriteIntentPage.WriteHeader(page, new WriteIntentHeader(9, 0, 100, 4 << 20), [new HeardMark(Id(6), 7)]);
        yield return [9, .. page];
        OutOfSyncPage.WriteHeader(page, new OutOfSyncHeader(Id(6), 2, 0, 100, 64 << 10));
        page.AsSpan(OutOfSyncPage.HeaderBytes).Clear();
        yield return [10, .. page];
    }

    internal override void Run(ReadOnlySpan<byte> input, Features features)
    {
        if (input.Length == 0)
        {
            return;
        }

        int entrance = input[0] % Entrances;
        input = input[1..];
        if (entrance == 0)
        {
            RunStream(input, features);
            return;
        }

        _writer.Clear();
        ContentFault fault = entrance <= Bodies.Length ? ReadBody(Bodies[entrance - 1], input, _writer, features) : ReadPage(entrance, input, features);
        Observe(entrance, fault, input, features);
    }

    /// <summary>Checksums that fit, so that inputs reach what lies behind them.</summary>
    internal override void Repair(Span<byte> input, Random random)
    {
        if (input.Length == 0 || input[0] % Entrances != 0)
        {
            return;
        }

        for (Span<byte> left = input[1..]; left.Length >= FrameHeader.Bytes;)
        {
            Span<byte> header = left[..FrameHeader.Bytes];
            "ASLF\u0001\u0068"u8.CopyTo(header);
            int bytes = Math.Clamp(BinaryPrimitives.ReadInt32LittleEndian(header[88..]), 0, left.Length - FrameHeader.Bytes);
            BinaryPrimitives.WriteInt32LittleEndian(header[88..], bytes);
            BinaryPrimitives.WriteUInt32LittleEndian(header[92..], Crc32C.Compute(left.Slice(FrameHeader.Bytes, bytes)));
            BinaryPrimitives.WriteUInt32LittleEndian(header[100..], Crc32C.Compute(header[..100]));
            left = left[(FrameHeader.Bytes + bytes)..];
        }
    }

    internal override void FindParts(ReadOnlySpan<byte> input, List<int> starts)
    {
        starts.Add(0);
        if (input.Length == 0 || input[0] % Entrances != 0)
        {
            return;
        }

        for (long at = 1; at + FrameHeader.Bytes <= input.Length;)
        {
            starts.Add((int)at);
            at += FrameHeader.Bytes + (long)Math.Max(0, BinaryPrimitives.ReadInt32LittleEndian(input[((int)at + 88)..]));
        }
    }

    private static Guid Id(byte number) => new(number, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, number);

    private static Configuration SampleConfiguration() => new()
    {
        VolumeId = Id(1),
        Lineage = Id(2),
        Version = 3,
        Epoch = 2,
        Reign = 1,
        SizeBytes = 1 << 30,
        Primary = new PrimaryId("alpha", Id(7)),
        Parents = [Id(8)],
        InSync = [new Member("alpha", Id(3), Id(4))],
        Replicas = [new ReplicaEntry("alpha", Id(3)), new ReplicaEntry("beta", Id(6), ReplicationProtocol.B, 4, 3)],
        Voters = [new VoterId("alpha", Id(9)), new VoterId("beta", Id(10))],
        OldVoters = [new VoterId("alpha", Id(9))],
        Settings = new VolumeSettings { PreferredPrimary = "beta" },
    };

    private static ContentFault ReadBody(FrameKind kind, ReadOnlySpan<byte> bytes, ContentWriter again, Features features)
    {
        ContentFault fault;
        switch (kind)
        {
            case FrameKind.Attach when BodyCodec.TryRead(bytes, out AttachBody? attach, out fault):
                BodyCodec.Write(again, attach);
                break;
            case FrameKind.Attached when BodyCodec.TryRead(bytes, out AttachedBody? attached, out fault):
                BodyCodec.Write(again, attached);
                break;
            case FrameKind.Refused when BodyCodec.TryRead(bytes, out RefusedBody? refused, out fault):
                BodyCodec.Write(again, refused);
                features.Add(3, (ulong)refused.Reason);
                break;
            case FrameKind.Config when BodyCodec.TryRead(bytes, out ConfigBody? config, out fault):
                BodyCodec.Write(again, config);
                break;
            case FrameKind.Stable when BodyCodec.TryRead(bytes, out MarksBody? marks, out fault):
                BodyCodec.Write(again, marks);
                break;
            case FrameKind.SetRanges when BodyCodec.TryRead(bytes, out SetBody? set, out fault):
                BodyCodec.Write(again, set);
                break;
            default:
                // Refused: read once more for the reason, as the compiler does not know that it was set.
                fault = FaultOf(kind, bytes);
                break;
        }

        return fault;
    }

    private static ContentFault FaultOf(FrameKind kind, ReadOnlySpan<byte> bytes)
    {
        ContentFault fault;
        switch (kind)
        {
            case FrameKind.Attach:
                _ = BodyCodec.TryRead(bytes, out AttachBody? _, out fault);
                break;
            case FrameKind.Attached:
                _ = BodyCodec.TryRead(bytes, out AttachedBody? _, out fault);
                break;
            case FrameKind.Refused:
                _ = BodyCodec.TryRead(bytes, out RefusedBody? _, out fault);
                break;
            case FrameKind.Config:
                _ = BodyCodec.TryRead(bytes, out ConfigBody? _, out fault);
                break;
            case FrameKind.Stable:
                _ = BodyCodec.TryRead(bytes, out MarksBody? _, out fault);
                break;
            default:
                _ = BodyCodec.TryRead(bytes, out SetBody? _, out fault);
                break;
        }

        return fault;
    }

    private void RunStream(ReadOnlySpan<byte> stream, Features features)
    {
        var limits = new FrameLimits(MaxDataBytes);
        var again = new byte[FrameHeader.Bytes];
        while (stream.Length > 0)
        {
            bool good = FrameHeader.TryRead(stream, limits, out Guid volume, out Frame frame, out uint checksum, out FrameFault fault);
            features.Add(1, (ulong)fault);
            features.AddDetail(7, (ulong)frame.Kind << 8 | (ulong)fault);
            if (good != (fault == FrameFault.None) || FrameFaults.Describe(fault, frame).Length == 0)
            {
                throw new FindingException($"accepted and refused at once: {fault}");
            }

            if (!good)
            {
                return;
            }

            if (frame.DataBytes > MaxDataBytes)
            {
                throw new FindingException($"a buffer of {frame.DataBytes} bytes would be taken");
            }

            FrameHeader.Write(volume, frame, checksum, again);
            if (!stream[..FrameHeader.Bytes].SequenceEqual(again))
            {
                throw new FindingException($"a {frame.Kind} header is written otherwise than it was read");
            }

            stream = stream[FrameHeader.Bytes..];
            if (stream.Length < frame.DataBytes || Crc32C.Compute(stream[..frame.DataBytes]) != checksum)
            {
                features.AddDetail(2, (ulong)frame.Kind);
                return;
            }

            if (FrameTable.RuleOf(frame.Kind).Content is FrameContent.Body or FrameContent.BodyOrNothing && frame.DataBytes > 0)
            {
                _writer.Clear();
                int body = Array.IndexOf(Bodies, frame.Kind);
                Observe(1 + body, ReadBody(frame.Kind, stream[..frame.DataBytes], _writer, features), stream[..frame.DataBytes], features);
            }

            stream = stream[frame.DataBytes..];
        }
    }

    private ContentFault ReadPage(int entrance, ReadOnlySpan<byte> bytes, Features features)
    {
        ContentFault fault;
        switch (entrance)
        {
            case 7:
                if (ConfigurationCodec.TryRead(bytes, out Configuration? configuration, out fault))
                {
                    ConfigurationCodec.Write(_writer, configuration!);
                    _ = configuration!.ToString();
                }

                break;
            case 8:
                if (ReplicaState.TryRead(bytes, out ReplicaState? state, out fault))
                {
                    state.Write(_writer);
                }

                break;
            case 9:
                if (WriteIntentPage.TryRead(bytes, 0, _heard, out WriteIntentHeader intent, out int count, out fault))
                {
                    bytes.CopyTo(_page);
                    WriteIntentPage.WriteHeader(_page, intent, _heard.AsSpan(0, count));
                    _page.CopyTo(_writer.Room(_page.Length));
                    features.Add(4, (ulong)count);
                }

                break;
            default:
                if (OutOfSyncPage.TryRead(bytes, 0, out OutOfSyncHeader lacks, out fault))
                {
                    bytes.CopyTo(_page);
                    OutOfSyncPage.WriteHeader(_page, lacks);
                    _page.CopyTo(_writer.Room(_page.Length));
                }

                break;
        }

        return fault;
    }

    private void Observe(int entrance, ContentFault fault, ReadOnlySpan<byte> bytes, Features features)
    {
        features.Add(5, ((ulong)(uint)entrance << 8) | (byte)fault.Reason);
        features.AddDetail(6, ((ulong)(uint)entrance << 32) | (uint)(fault.Sentence?.Length ?? 0));
        if (fault.Reason != ContentFaultReason.None)
        {
            if (string.IsNullOrEmpty(fault.Sentence))
            {
                throw new FindingException($"{fault.Reason} without a sentence");
            }
        }
        else if (!_writer.Written.SequenceEqual(bytes))
        {
            throw new FindingException($"what entrance {entrance} accepted is written otherwise than it was read");
        }
    }

    private byte[] FrameOf(FrameKind kind)
    {
        FrameRule rule = FrameTable.RuleOf(kind);
        bool Has(FrameFields fields) => (rule.Fields & fields) != 0;
        byte[] content = ContentOf(kind);
        bool range = Has(FrameFields.Range | FrameFields.RangeOrNone);
        var frame = new Frame
        {
            Kind = kind,
            Flags = rule.Flags,
            Attachment = 7,
            Epoch = 2,
            Seq = Has(FrameFields.Seq | FrameFields.SeqNeeded) ? 5 : 0,
            Stable = 4,
            Mark = 3,
            OffsetBytes = range ? 4096 : 0,
            LengthBytes = range || Has(FrameFields.Size) ? 512 : Has(FrameFields.LengthOfContent) ? content.Length : 0,
            Argument = Has(FrameFields.Argument) ? 1 : 0,
            DataBytes = content.Length,
        };
        var bytes = new byte[FrameHeader.Bytes + content.Length];
        FrameHeader.Write(Id(1), frame, content, bytes);
        content.CopyTo(bytes, FrameHeader.Bytes);
        return bytes;
    }

    private byte[] ContentOf(FrameKind kind)
    {
        _writer.Clear();
        switch (kind)
        {
            case FrameKind.Attach:
                BodyCodec.Write(_writer, new AttachBody(Id(1), Id(2), 1, new PrimaryId("alpha", Id(7)), SampleConfiguration(), true, [new HeardMark(Id(6), 7)]));
                break;
            case FrameKind.Attached:
                BodyCodec.Write(_writer, new AttachedBody(
                    Id(7), Id(6), Id(4), true, [new HeardMark(Id(3), 7)], [new UnsettledEntry(1, 2, new ByteRange(0, 512), true, 0)], [new ByteRange(0, 4 << 20)], 1 << 30));
                break;
            case FrameKind.Refused:
                BodyCodec.Write(_writer, new RefusedBody(RefusalReason.Busy, Id(6), Id(2), 1));
                break;
            case FrameKind.Config:
                BodyCodec.Write(_writer, new ConfigBody(SampleConfiguration()));
                break;
            case FrameKind.Stable:
                BodyCodec.Write(_writer, new MarksBody([new HeardMark(Id(3), 7), new HeardMark(Id(6), 8)]));
                break;
            case FrameKind.SetRanges:
                BodyCodec.Write(_writer, new SetBody("gamma", Id(11), false, false, [new ByteRange(65536, 65536)]));
                break;
            default:
                return FrameTable.RuleOf(kind).Content switch
                {
                    FrameContent.Data => new byte[512],
                    FrameContent.Bytes => new byte[16],
                    _ => [],
                };
        }

        return _writer.Written.ToArray();
    }
}
