using System.Numerics;
using ActorSan.Storage;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Storage;

public sealed class Crc32CTests
{
    // RFC 3720 appendix B.4 and the check value of the polynomial's catalogue.
    [Fact]
    public void TheStandardsExamples()
    {
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Compute(Enumerable.Repeat((byte)0xFF, 32).ToArray()));
        Assert.Equal(0x46DD794Eu, Crc32C.Compute(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray()));
        Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));
        Assert.Equal(0u, Crc32C.Compute([]));
    }

    [Fact]
    public void AnyLengthInAnyPiecesIsWhatOneByteAfterTheOtherGives() =>
        Gen.Select(Gen.Byte.Array[0, 13_000], Gen.Int[0, 13_000], Gen.Int[0, 7]).Sample((bytes, cut, skip) =>
        {
            ReadOnlySpan<byte> data = bytes.AsSpan(Math.Min(skip, bytes.Length));
            uint expected = uint.MaxValue;
            foreach (byte value in data)
            {
                expected = BitOperations.Crc32C(expected, value);
            }

            int first = Math.Min(cut, data.Length);
            return Crc32C.Compute(data) == ~expected && Crc32C.Append(Crc32C.Compute(data[..first]), data[first..]) == ~expected;
        }, iter: 300);
}
