using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ActorSan.Iscsi.Pdus;
using Xunit;

namespace ActorSan.Tests.Iscsi.Harness;

/// <summary>One PDU as it was received: header and data, digests checked and taken off.</summary>
internal sealed record ReceivedPdu(byte[] Header, byte[] Data)
{
    public IscsiOpcode Opcode => (IscsiOpcode)(Header[0] & 0x3F);

    public byte Flags => Header[1];

    public uint Tag => Word(16);

    public string Text => Encoding.UTF8.GetString(Data);

    public uint Word(int offset) => BinaryPrimitives.ReadUInt32BigEndian(Header.AsSpan(offset));
}

/// <summary>A hand-made initiator that says exactly what a test wants it to say, wrong things included.</summary>
internal sealed class RawInitiator : IDisposable
{
    public const string Name = "iqn.2026-01.test:initiator";

    private readonly TcpClient _client = new();
    private NetworkStream _stream = null!;
    private bool _digests;

    public uint CmdSN { get; set; } = 1;

    public uint ExpStatSN { get; private set; }

    public ushort Tsih { get; set; }

    public ulong Isid { get; set; } = 0x4000_0100_0000;

    public static async Task<RawInitiator> Connect(IPEndPoint portal)
    {
        var initiator = new RawInitiator();
        initiator._client.NoDelay = true;
        await initiator._client.ConnectAsync(portal);
        initiator._stream = initiator._client.GetStream();
        return initiator;
    }

    public static async Task<RawInitiator> LogIn(IPEndPoint portal, string target, string extra = "", ulong isid = 0x4000_0100_0000)
    {
        RawInitiator initiator = await Connect(portal);
        initiator.Isid = isid;
        ReceivedPdu answer = await initiator.Login(
            $"InitiatorName={Name}\0SessionType=Normal\0TargetName={target}\0HeaderDigest=None\0DataDigest=None\0InitialR2T=No\0ImmediateData=Yes\0MaxRecvDataSegmentLength=65536\0{extra}");
        Assert.Equal(0, answer.Header[36]);
        return initiator;
    }

    /// <summary>One request straight to full feature phase.</summary>
    public async Task<ReceivedPdu> Login(string text, byte flags = 0x87, ushort cid = 1)
    {
        byte[] header = new byte[48];
        header[0] = 0x43;
        header[1] = flags;
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(8), (Isid << 16) | Tsih);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(16), 0x1000);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(20), cid);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(24), CmdSN);
        await Send(header, Encoding.UTF8.GetBytes(text));
        ReceivedPdu answer = await Receive();
        Tsih = BinaryPrimitives.ReadUInt16BigEndian(answer.Header.AsSpan(14));
        if ((answer.Flags & 0x83) == 0x83 && answer.Header[36] == 0)
        {
            _digests = text.Contains("HeaderDigest=CRC32C", StringComparison.Ordinal);
        }

        return answer;
    }

    public static byte[] Header(byte opcode, byte flags, uint tag, Action<byte[]>? more = null)
    {
        byte[] header = new byte[48];
        header[0] = opcode;
        header[1] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(16), tag);
        more?.Invoke(header);
        return header;
    }

    public static void Put(byte[] header, int offset, uint value) => BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(offset), value);

    /// <summary>A SCSI Command; takes the next CmdSN.</summary>
    public byte[] Command(uint tag, byte[] cdb, bool read = false, bool write = false, uint expected = 0, bool final = true, byte attribute = 1, byte lun = 0)
    {
        byte[] header = Header(0x01, (byte)((final ? 0x80 : 0) | (read ? 0x40 : 0) | (write ? 0x20 : 0) | attribute), tag);
        header[9] = lun;
        Put(header, 20, expected);
        Put(header, 24, CmdSN++);
        Put(header, 28, ExpStatSN);
        cdb.CopyTo(header, 32);
        return header;
    }

    public static byte[] Read10(uint lba, ushort blocks) => Cdb10(0x28, lba, blocks);

    public static byte[] Write10(uint lba, ushort blocks) => Cdb10(0x2A, lba, blocks);

    public static byte[] DataOut(uint tag, uint transferTag, uint dataSN, uint offset, bool final) => Header(0x05, final ? (byte)0x80 : (byte)0, tag, header =>
    {
        Put(header, 20, transferTag);
        Put(header, 36, dataSN);
        Put(header, 40, offset);
    });

    public async Task Send(byte[] header, byte[]? data = null, bool spoilHeaderDigest = false, bool spoilDataDigest = false)
    {
        data ??= [];
        header[5] = (byte)(data.Length >> 16);
        header[6] = (byte)(data.Length >> 8);
        header[7] = (byte)data.Length;
        var bytes = new MemoryStream();
        bytes.Write(header);
        if (_digests)
        {
            bytes.Write(BitConverter.GetBytes(Crc(header) ^ (spoilHeaderDigest ? 1u : 0)));
        }

        bytes.Write(data);
        byte[] padding = new byte[-data.Length & 3];
        bytes.Write(padding);
        if (_digests && data.Length > 0)
        {
            bytes.Write(BitConverter.GetBytes(Crc([.. data, .. padding]) ^ (spoilDataDigest ? 1u : 0)));
        }

        await _stream.WriteAsync(bytes.ToArray());
    }

    public async Task SendRaw(byte[] bytes) => await _stream.WriteAsync(bytes);

    public async Task<ReceivedPdu> Receive()
    {
        byte[] header = await ReadExactly(48);
        if (_digests)
        {
            Assert.Equal(Crc(header), BitConverter.ToUInt32(await ReadExactly(4)));
        }

        int length = (header[5] << 16) | (header[6] << 8) | header[7];
        byte[] padded = await ReadExactly((length + 3) & ~3);
        Assert.All(padded[length..], value => Assert.Equal(0, value));
        if (_digests && length > 0)
        {
            Assert.Equal(Crc(padded), BitConverter.ToUInt32(await ReadExactly(4)));
        }

        var pdu = new ReceivedPdu(header, padded[..length]);
        ExpStatSN = Math.Max(ExpStatSN, pdu.Word(24) + 1);
        return pdu;
    }

    /// <summary>True when the target closes the connection, whatever it sends before.</summary>
    public async Task<bool> IsClosed()
    {
        byte[] rest = new byte[4096];
        try
        {
            while (await _stream.ReadAsync(rest).AsTask().WaitAsync(TimeSpan.FromSeconds(20)) > 0)
            {
            }

            return true;
        }
        catch (IOException)
        {
            return true;
        }
    }

    public void Dispose() => _client.Dispose();

    private static byte[] Cdb10(byte opcode, uint lba, ushort blocks)
    {
        byte[] cdb = new byte[16];
        cdb[0] = opcode;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(2), lba);
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(7), blocks);
        return cdb;
    }

    private static unsafe uint Crc(byte[] bytes)
    {
        fixed (byte* at = bytes)
        {
            return PduDigest.Append(0, at, bytes.Length);
        }
    }

    private async Task<byte[]> ReadExactly(int length)
    {
        byte[] bytes = new byte[length];
        await _stream.ReadExactlyAsync(bytes).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        return bytes;
    }
}
