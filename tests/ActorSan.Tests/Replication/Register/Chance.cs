using ActorSan.Replication.Core.Ports;

namespace ActorSan.Tests.Replication.Register;

/// <summary>SplitMix64: the luck of one seed, the same in every process.</summary>
internal sealed class Chance(ulong seed) : IChance
{
    private ulong _state = seed;

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong mixed = _state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }

    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    public int Below(int end) => (int)(Next() % (ulong)end);

    public long Between(long first, long last) => first + (long)(Next() % (ulong)(last - first + 1));

    public bool Hits(double probability) => NextDouble() < probability;

    public Guid NewId()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, Next());
        BitConverter.TryWriteBytes(bytes[8..], Next());
        return new Guid(bytes);
    }

    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];
}
