using System.Buffers.Binary;

namespace ActorSan.Fuzz.Iscsi;

/// <summary>Makes inputs for <see cref="PduStreamFuzz"/> that are nearly right: PDUs of every kind with plausible numbers, tags and lengths, and now and then a wrong one.</summary>
public static class PduStreamMaker
{
    private static readonly byte[] Opcodes = [0x00, 0x40, 0x01, 0x01, 0x01, 0x01, 0x41, 0x02, 0x42, 0x42, 0x04, 0x05, 0x05, 0x05, 0x05, 0x06, 0x10, 0x03, 0x1F];

    public static byte[] Make(Random random)
    {
        var stream = new MemoryStream();
        byte mode = (byte)random.Next(256);
        stream.WriteByte(mode);
        stream.WriteByte((byte)random.Next(256));
        bool digests = (mode & 3) == 2;
        uint cmdSN = 1;
        int count = random.Next(1, 24);
        for (int i = 0; i < count; i++)
        {
            AddPdu(stream, random, ref cmdSN, digests);
        }

        byte[] bytes = stream.ToArray();
        if (random.Next(4) == 0)
        {
            bytes[random.Next(2, bytes.Length)] ^= (byte)(1 << random.Next(8));
        }

        return random.Next(8) == 0 ? bytes[..random.Next(2, bytes.Length)] : bytes;
    }

    private static void AddPdu(MemoryStream stream, Random random, ref uint cmdSN, bool digests)
    {
        byte[] header = new byte[48];
        byte opcode = Opcodes[random.Next(Opcodes.Length)];
        header[0] = opcode;
        header[1] = (byte)(random.Next(256) | (random.Next(4) == 0 ? 0 : 0x80));
        header[9] = (byte)random.Next(3);
        uint tag = (uint)random.Next(6);
        Put(header, 16, tag);
        int data = opcode is 0x02 or 0x42 or 0x06 or 0x10 ? 0 : random.Next(3) switch { 0 => 0, 1 => random.Next(600), _ => 512 * random.Next(1, 9) };
        switch (opcode & 0x3F)
        {
            case 0x01:
                Put(header, 20, (uint)(512 * random.Next(0, 40)));
                header[32] = random.Next(8) == 0 ? (byte)0xF0 : (byte)(0x28 + random.Next(2));
                Put(header, 38, (uint)(512 * random.Next(0, 40)));
                data = (header[32] & 1) == 0 && random.Next(8) != 0 ? 0 : data;
                break;
            case 0x02:
                header[1] = (byte)(0x80 | random.Next(10));
                Put(header, 20, (uint)random.Next(6));
                Put(header, 32, cmdSN - 1 + (uint)random.Next(3));
                break;
            case 0x05:
                Put(header, 20, random.Next(2) == 0 ? 0xFFFF_FFFF : (uint)((random.Next(4) << 20) | random.Next(3)));
                Put(header, 36, (uint)random.Next(3));
                Put(header, 40, (uint)(512 * random.Next(0, 20)));
                break;
            default:
                Put(header, 20, random.Next(3) == 0 ? (uint)random.Next(4) : 0xFFFF_FFFF);
                break;
        }

        if ((opcode & 0x3F) != 0x05)
        {
            Put(header, 24, random.Next(12) == 0 ? cmdSN + (uint)random.Next(-2, 20) : cmdSN);
            cmdSN += (opcode & 0x40) == 0 ? 1u : 0;
        }

        header[5] = (byte)(data >> 16);
        header[6] = (byte)(data >> 8);
        header[7] = (byte)data;
        stream.Write(header);
        stream.Write(new byte[digests ? 4 : 0]);
        byte[] body = new byte[(data + 3) & ~3];
        if ((opcode & 0x3F) == 0x04)
        {
            "SendTargets=All\0MaxRecvDataSegmentLength=4096\0X-odd=1\0"u8[..Math.Min(data, 54)].CopyTo(body);
        }

        stream.Write(body);
        stream.Write(new byte[digests && data > 0 ? 4 : 0]);
    }

    private static void Put(byte[] header, int offset, uint value) => BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(offset), value);
}
