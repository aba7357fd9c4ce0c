using System.Globalization;

namespace ActorSan.Iscsi.Pdus;

/// <summary>CmdSN, StatSN, DataSN and R2TSN: a 32-bit number on a circle, compared by serial number arithmetic (RFC 1982; RFC 7143 §4.2.2.1).</summary>
public readonly struct SerialNumber32(uint value) : IEquatable<SerialNumber32>
{
    public uint Value { get; } = value;

    public SerialNumber32 Next => new(unchecked(Value + 1));

    /// <summary>How far this lies ahead of <paramref name="other"/>: positive ahead, negative behind. Half the circle away is undefined by the RFC and counts as behind.</summary>
    public int DistanceFrom(SerialNumber32 other) => unchecked((int)(Value - other.Value));

    public SerialNumber32 Plus(int count) => new(unchecked(Value + (uint)count));

    public static bool operator <(SerialNumber32 left, SerialNumber32 right) => left.DistanceFrom(right) < 0;

    public static bool operator >(SerialNumber32 left, SerialNumber32 right) => left.DistanceFrom(right) > 0;

    public static bool operator <=(SerialNumber32 left, SerialNumber32 right) => left.DistanceFrom(right) <= 0;

    public static bool operator >=(SerialNumber32 left, SerialNumber32 right) => left.DistanceFrom(right) >= 0;

    public static bool operator ==(SerialNumber32 left, SerialNumber32 right) => left.Value == right.Value;

    public static bool operator !=(SerialNumber32 left, SerialNumber32 right) => left.Value != right.Value;

    public bool Equals(SerialNumber32 other) => Value == other.Value;

    public override bool Equals(object? obj) => obj is SerialNumber32 other && Equals(other);

    public override int GetHashCode() => (int)Value;

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
