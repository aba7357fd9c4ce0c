using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ActorSan.Fuzz.Engine;
using ActorSan.Scsi;
using ActorSan.Tests.Shared;

namespace ActorSan.Fuzz.Targets;

/// <summary>
/// What the device server makes of CDBs and their data. An input is a list of commands: flags (1 byte: bit 0 the nexus, bits 1 to 3 the task attribute, bit 4 all the room
/// that the command wants, else the length that follows), 16 bytes of CDB, length of the data (2 bytes, big-endian), data. Each command ends once, within its room.
/// </summary>
internal sealed unsafe class CdbTarget : FuzzTarget
{
    private const int HeaderBytes = 19;
    private const int MaxCommands = 8;
    private const int RoomBytes = 8 << 20;
    private const int GuardBytes = 64;
    private const byte Guard = 0xA5;

    private readonly SimulatedThread _thread = new();
    private readonly byte* _in = (byte*)NativeMemory.AllocZeroed(RoomBytes + GuardBytes);
    private readonly byte* _out = (byte*)NativeMemory.AlignedAlloc(64 << 10, 4096);
    private readonly Command[] _commands = [.. Enumerable.Range(0, MaxCommands).Select(_ => new Command())];

    internal override string Name => "cdb";

    internal override int MaxInputBytes => 16 << 10;

    internal override IEnumerable<byte[]> Seeds()
    {
        // Every opcode that a direct access device may know, once with zeroes and once with a plausible range, with and without data.
        for (int opcode = 0; opcode < 256; opcode++)
        {
            yield return One((byte)opcode, [], 0);
            yield return One((byte)opcode, [0, 0, 0, 0, 8, 0, 0, 4, 0], 2048);
            yield return One((byte)opcode, [0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 4], 2048);
        }

        foreach (byte opcode in (byte[])[0x5E, 0x5F, 0x9E, 0xA3, 0xA4, 0x83, 0x84, 0x48, 0x7F])
        {
            for (byte action = 0; action < 32; action++)
            {
                yield return One(opcode, [action, 0, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0, 24], 24);
                yield return One(opcode, [action, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], 256);
            }
        }

        byte[] register = [0, .. Cdb(0x5F, 0, 0, 0, 0, 0, 0, 0, 24), 0, 24, .. new byte[8], 1, 2, 3, 4, 5, 6, 7, 8, .. new byte[8]];
        byte[] reserve = [0, .. Cdb(0x5F, 1, 5, 0, 0, 0, 0, 0, 24), 0, 24, 1, 2, 3, 4, 5, 6, 7, 8, .. new byte[16]];
        byte[] conflict = [1, .. Cdb(0x2A, 0, 0, 0, 0, 0, 0, 0, 1), 2, 0, .. new byte[512]];
        byte[] keys = [16, .. Cdb(0x5E, 3, 0, 0, 0, 0, 0, 1, 0), 0, 0];
        yield return [.. register, .. reserve, .. conflict, .. keys];
    }

    internal override void Run(ReadOnlySpan<byte> input, Features features)
    {
        using var volume = new MemoryVolume(_thread);
        var unit = new BlockDevice(volume, new LogicalUnitSettings { MaxTasks = MaxCommands, Removable = true, MaxTransferBytes = 1 << 20, MaxRegistrations = 8 });
        unit.Open();
        LunNexus[] nexuses = [Attach(unit, 1), Attach(unit, 2)];
        foreach (LunNexus nexus in nexuses)
        {
            ForgetAttentions(unit, nexus);
        }

        int count = 0;
        for (; input.Length >= HeaderBytes && count < MaxCommands; count++)
        {
            int bytes = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(input[17..]), input.Length - HeaderBytes);
            Submit(unit, _commands[count], nexuses[input[0] & 1], input[..(HeaderBytes + bytes)]);
            input = input[(HeaderBytes + bytes)..];
            Settle(_commands.AsSpan(0, count + 1));
            Check(_commands[count], features);
        }

        foreach (LunNexus nexus in nexuses)
        {
            unit.Detach(nexus, null);
        }

        Settle([]);
        unit.Close();
        if (_thread.Buffers.InUseBytes != 0)
        {
            throw new FindingException($"{_thread.Buffers.InUseBytes} bytes of buffers were not given back");
        }
    }

    internal override void FindParts(ReadOnlySpan<byte> input, List<int> starts)
    {
        for (int at = 0; at + HeaderBytes <= input.Length; at += HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(input[(at + 17)..]))
        {
            starts.Add(at);
        }
    }

    /// <summary>Most starting blocks and lengths that chance makes lie beyond the volume; bring one command's back into it.</summary>
    internal override void Repair(Span<byte> input, Random random)
    {
        if (input.Length < HeaderBytes || random.Next(2) == 0)
        {
            return;
        }

        Span<byte> cdb = input.Slice(1, 16);
        switch (cdb[0] >> 5)
        {
            case 1 or 2:
                BinaryPrimitives.WriteUInt32BigEndian(cdb[2..], (uint)random.Next(260));
                break;
            case 4:
                BinaryPrimitives.WriteUInt64BigEndian(cdb[2..], (ulong)random.Next(260));
                BinaryPrimitives.WriteUInt32BigEndian(cdb[10..], (uint)random.Next(20));
                break;
            case 5:
                BinaryPrimitives.WriteUInt32BigEndian(cdb[2..], (uint)random.Next(260));
                BinaryPrimitives.WriteUInt32BigEndian(cdb[6..], (uint)random.Next(2048));
                break;
            default:
                break;
        }
    }

    private static byte[] One(byte opcode, ReadOnlySpan<byte> rest, int bytes) => [16, .. Cdb([opcode, .. rest]), (byte)(bytes >> 8), (byte)bytes, .. new byte[bytes]];

    private static byte[] Cdb(params ReadOnlySpan<byte> bytes)
    {
        byte[] cdb = new byte[16];
        bytes.CopyTo(cdb);
        return cdb;
    }

    private static LunNexus Attach(BlockDevice unit, ulong isid)
    {
        var nexus = new ScsiNexus { InitiatorName = "iqn.2026-01.fuzz:initiator", Isid = isid, TargetName = "iqn.2026-01.fuzz:target", PortalGroupTag = 1, RelativePortId = 1, PortGroupId = 1 };
        var view = new LunView(nexus, [new KeyValuePair<ulong, LogicalUnit>(0, unit)], new NoSuchUnit(), new ReportLunsUnit());
        LunNexus lunNexus = view.Find(0);
        unit.Attach(lunNexus);
        return lunNexus;
    }

    private void ForgetAttentions(BlockDevice unit, LunNexus nexus)
    {
        byte[] testUnitReady = new byte[HeaderBytes];
        for (int i = 0; i < 8; i++)
        {
            Submit(unit, _commands[0], nexus, testUnitReady);
            Settle(_commands.AsSpan(0, 1));
            if (_commands[0].Status == ScsiStatus.Good)
            {
                return;
            }
        }

        throw new FindingException("TEST UNIT READY never ends well on a new unit");
    }

    private void Submit(BlockDevice unit, Command command, LunNexus nexus, ReadOnlySpan<byte> bytes)
    {
        byte flags = bytes[0];
        ReadOnlySpan<byte> data = bytes[HeaderBytes..];
        command.Reset(nexus, (TaskAttribute)(((flags >> 1) & 7) % 4), bytes.Slice(1, 16));
        CdbDemand demand = unit.Measure(bytes.Slice(1, 16));
        if (demand.DataOutBytes < 0 || demand.DataInBytes < 0)
        {
            throw new FindingException($"a CDB wants {demand}");
        }

        data.CopyTo(new Span<byte>(_out, 64 << 10));
        command.DataOut = demand.DataOutBytes > 0 && data.Length > 0 ? _out : null;
        command.ExpectedDataOutLength = data.Length;
        command.DataOutLength = (int)Math.Min(demand.DataOutBytes, data.Length);
        long wanted = (flags & 0x10) != 0 ? RoomBytes : BinaryPrimitives.ReadUInt16BigEndian(bytes[17..]);
        command.DataInCapacity = (int)Math.Min(Math.Min(demand.DataInBytes, wanted), RoomBytes);
        command.DataIn = command.DataInCapacity > 0 ? _in : null;
        new Span<byte>(_in + command.DataInCapacity, GuardBytes).Fill(Guard);
        unit.Submit(command);
    }

    /// <summary>Runs the thread until all commands have ended; what goes on in the background (a sanitize, a copy) may take its timers' time.</summary>
    private void Settle(ReadOnlySpan<Command> commands)
    {
        for (int timers = 0; timers < 10_000; timers++)
        {
            if (!_thread.RunToIdle(100_000))
            {
                throw new FindingException("a command keeps the thread busy for ever");
            }

            bool all = true;
            foreach (Command command in commands)
            {
                all &= command.Completions > 0;
            }

            if (all)
            {
                return;
            }

            if (!_thread.FireNextTimer())
            {
                throw new FindingException("a command never ends: nothing is left to wait for");
            }
        }

        throw new FindingException("a command did not end in 10,000 timers");
    }

    private void Check(Command command, Features features)
    {
        if (command.Completions != 1)
        {
            throw new FindingException($"a command was completed {command.Completions} times");
        }

        if (command.DataInLength < 0 || command.DataInLength > command.DataInCapacity || command.SenseLength is < 0 or > SenseBuffer.MaxLength)
        {
            throw new FindingException($"{command.DataInLength} bytes in a room of {command.DataInCapacity}, {command.SenseLength} bytes of sense");
        }

        if (new ReadOnlySpan<byte>(_in + command.DataInCapacity, GuardBytes).ContainsAnyExcept(Guard))
        {
            throw new FindingException($"command {command.Cdb[0]:x2} wrote behind its room of {command.DataInCapacity} bytes");
        }

        bool check = command.Status == ScsiStatus.CheckCondition;
        if (check && (command.SenseLength < 8 || (command.Sense[0] & 0x7F) is < 0x70 or > 0x73))
        {
            throw new FindingException($"command {command.Cdb[0]:x2} ended with CHECK CONDITION and {command.SenseLength} bytes of sense beginning with {command.Sense[0]:x2}");
        }

        ulong sense = check ? (ulong)(command.Sense[2] << 16 | command.Sense[12] << 8 | command.Sense[13]) : 0;
        features.Add(1, (ulong)command.Cdb[0] << 48 | (ulong)command.Status << 32 | sense);
        features.AddDetail(2, (ulong)command.Cdb[0] << 48 | (ulong)(command.Cdb[1] & 0x1F) << 40 | (ulong)command.Status << 32 | sense);
        features.AddDetail(3, (ulong)command.Cdb[0] << 32 | (ulong)ulong.Log2((ulong)command.DataInLength + 1));
    }

    private sealed class Command : ScsiTask
    {
        internal int Completions { get; private set; }

        internal void Reset(LunNexus nexus, TaskAttribute attribute, ReadOnlySpan<byte> cdb)
        {
            Completions = 0;
            LunNexus = nexus;
            Tag++;
            Attribute = attribute;
            Cdb = default;
            cdb.CopyTo(Cdb);
            CdbLength = cdb.Length;
            Status = ScsiStatus.Good;
            Aborted = false;
            DataInLength = 0;
            TransferBytes = 0;
            SenseLength = 0;
        }

        protected internal override void OnCompleted() => Completions++;
    }
}
