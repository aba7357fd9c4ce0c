using System.Buffers.Binary;

namespace ActorSan.Fuzz.Engine;

/// <summary>Makes new inputs from old: bits, bytes and numbers at their limits, and whole parts (PDUs, commands, texts) dropped, doubled, swapped or taken from elsewhere.</summary>
internal sealed class Mutator(Random random, int maxBytes)
{
    private static readonly uint[] s_limits = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 47, 48, 127, 128, 255, 256, 511, 512, 4095, 4096, 65535, 65536, 0xFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF];

    private readonly byte[] _buffer = new byte[maxBytes];
    private readonly byte[] _spare = new byte[maxBytes];
    private readonly List<int> _parts = [];
    private int _length;

    internal Span<byte> Make(FuzzTarget target, byte[] parent, byte[] other)
    {
        _length = Math.Min(parent.Length, maxBytes);
        parent.AsSpan(0, _length).CopyTo(_buffer);
        int rounds = 1 + (int)(-Math.Log(1 - random.NextDouble()) * 2.5);
        for (int i = 0; i < rounds; i++)
        {
            Mutate(target, other);
        }

        Span<byte> mutant = _buffer.AsSpan(0, _length);
        if (random.Next(8) != 0)
        {
            target.Repair(mutant, random);
        }

        return mutant;
    }

    private void Mutate(FuzzTarget target, byte[] other)
    {
        switch (random.Next(10))
        {
            case 0 when _length > 0:
                _buffer[random.Next(_length)] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when _length > 0:
                _buffer[random.Next(_length)] = (byte)random.Next(256);
                break;
            case 2 when _length > 0:
                _buffer[random.Next(_length)] = (byte)s_limits[random.Next(16)];
                break;
            case 3 when _length >= 2:
                BinaryPrimitives.WriteUInt16BigEndian(_buffer.AsSpan(random.Next(_length - 1)), (ushort)s_limits[random.Next(s_limits.Length)]);
                break;
            case 4 when _length >= 4:
                BinaryPrimitives.WriteUInt32BigEndian(_buffer.AsSpan(random.Next(_length - 3)), s_limits[random.Next(s_limits.Length)]);
                break;
            case 5 when _length > 1:
                _length -= Math.Min(_length - 1, random.Next(1, 9));
                break;
            case 6:
                ChangeParts(target);
                break;
            case 7:
                TakeFrom(target, other);
                break;
            case 8 when _length >= 8:
                Copy(random.Next(_length), random.Next(_length), random.Next(1, 17));
                break;
            default:
                InsertBytes(random.Next(_length + 1), random.Next(1, 33));
                break;
        }
    }

    private void ChangeParts(FuzzTarget target)
    {
        (int start, int end) = Part(target, _buffer.AsSpan(0, _length));
        int bytes = end - start;
        if (random.Next(2) == 0 && _length > bytes)
        {
            _buffer.AsSpan(end, _length - end).CopyTo(_buffer.AsSpan(start));
            _length -= bytes;
        }
        else if (_length + bytes <= maxBytes)
        {
            _buffer.AsSpan(start, bytes).CopyTo(_spare);
            Insert(end, _spare.AsSpan(0, bytes));
        }
    }

    private void TakeFrom(FuzzTarget target, byte[] other)
    {
        if (other.Length == 0)
        {
            return;
        }

        (int start, int end) = Part(target, other);
        _ = Part(target, _buffer.AsSpan(0, _length));
        int at = _parts.Count == 0 ? _length : Math.Min(_length, _parts[random.Next(_parts.Count)]);
        Insert(at, other.AsSpan(start, Math.Min(end - start, maxBytes - _length)));
    }

    private (int Start, int End) Part(FuzzTarget target, ReadOnlySpan<byte> input)
    {
        _parts.Clear();
        target.FindParts(input, _parts);
        if (_parts.Count == 0)
        {
            return (0, input.Length);
        }

        int which = random.Next(_parts.Count);
        return (_parts[which], which + 1 < _parts.Count ? _parts[which + 1] : input.Length);
    }

    private void Copy(int from, int to, int bytes)
    {
        bytes = Math.Min(bytes, _length - Math.Max(from, to));
        _buffer.AsSpan(from, bytes).CopyTo(_buffer.AsSpan(to));
    }

    private void InsertBytes(int at, int bytes)
    {
        bytes = Math.Min(bytes, maxBytes - _length);
        random.NextBytes(_spare.AsSpan(0, bytes));
        Insert(at, _spare.AsSpan(0, bytes));
    }

    private void Insert(int at, ReadOnlySpan<byte> bytes)
    {
        _buffer.AsSpan(at, _length - at).CopyTo(_buffer.AsSpan(at + bytes.Length));
        bytes.CopyTo(_buffer.AsSpan(at));
        _length += bytes.Length;
    }
}
