using System.Globalization;

namespace ActorSan.Node.Settings;

/// <summary>Sizes and durations as people write them: a number, an optional blank, a unit.</summary>
public static class Quantity
{
    private static readonly (string Unit, long Factor)[] SizeUnits =
    [
        ("", 1), ("B", 1), ("byte", 1), ("bytes", 1),
        ("KiB", 1L << 10), ("Ki", 1L << 10), ("K", 1L << 10), ("kB", 1000),
        ("MiB", 1L << 20), ("Mi", 1L << 20), ("M", 1L << 20), ("MB", 1_000_000),
        ("GiB", 1L << 30), ("Gi", 1L << 30), ("G", 1L << 30), ("GB", 1_000_000_000),
        ("TiB", 1L << 40), ("Ti", 1L << 40), ("T", 1L << 40), ("TB", 1_000_000_000_000),
        ("PiB", 1L << 50), ("Pi", 1L << 50), ("P", 1L << 50), ("PB", 1_000_000_000_000_000),
    ];

    // In ticks of 100 ns.
    private static readonly (string Unit, long Ticks)[] DurationUnits =
    [
        ("us", TimeSpan.TicksPerMicrosecond), ("µs", TimeSpan.TicksPerMicrosecond), ("ms", TimeSpan.TicksPerMillisecond),
        ("s", TimeSpan.TicksPerSecond), ("second", TimeSpan.TicksPerSecond), ("seconds", TimeSpan.TicksPerSecond),
        ("m", TimeSpan.TicksPerMinute), ("minute", TimeSpan.TicksPerMinute), ("minutes", TimeSpan.TicksPerMinute),
        ("h", TimeSpan.TicksPerHour), ("hour", TimeSpan.TicksPerHour), ("hours", TimeSpan.TicksPerHour),
        ("d", TimeSpan.TicksPerDay), ("day", TimeSpan.TicksPerDay), ("days", TimeSpan.TicksPerDay),
    ];

    /// <summary>Bytes: <c>1 GiB</c>, <c>512MiB</c>, <c>1.5 TiB</c>, <c>4096</c>; KiB and K are 1024, kB is 1000. False when it isn't one or isn't whole bytes.</summary>
    public static bool TryParseBytes(string text, out long bytes) => TryParse(text, SizeUnits, out bytes);

    /// <summary><c>10 s</c>, <c>50us</c>, <c>1.5 minutes</c>, and a bare <c>0</c>.</summary>
    public static bool TryParseDuration(string text, out TimeSpan duration)
    {
        if (text.Trim() == "0")
        {
            duration = TimeSpan.Zero;
            return true;
        }

        bool parsed = TryParse(text, DurationUnits, out long ticks);
        duration = TimeSpan.FromTicks(ticks);
        return parsed;
    }

    /// <summary>The size with the largest unit that divides it, for messages.</summary>
    public static string Format(long bytes)
    {
        foreach ((string unit, int shift) in new[] { ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10) })
        {
            if (bytes != 0 && bytes % (1L << shift) == 0)
            {
                return $"{bytes >> shift} {unit}";
            }
        }

        return $"{bytes} B";
    }

    private static bool TryParse(string text, (string Unit, long Factor)[] units, out long value)
    {
        value = 0;
        text = text.Trim();
        int end = text.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        string unit = text[end..].Trim();
        if (!decimal.TryParse(text.AsSpan(0, end), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number))
        {
            return false;
        }

        foreach ((string known, long factor) in units)
        {
            if (!string.Equals(unit, known, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (number > long.MaxValue / factor)
            {
                return false;
            }

            decimal product = number * factor;
            value = (long)product;
            return product == value;
        }

        return false;
    }
}
