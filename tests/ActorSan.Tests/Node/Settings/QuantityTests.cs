using ActorSan.Node.Settings;
using Xunit;

namespace ActorSan.Tests.Node.Settings;

public sealed class QuantityTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("4096", 4096)]
    [InlineData("1 GiB", 1L << 30)]
    [InlineData("512MiB", 512L << 20)]
    [InlineData("1.5 KiB", 1536)]
    [InlineData("2g", 2L << 30)]
    [InlineData("1 kB", 1000)]
    [InlineData("3 TB", 3_000_000_000_000)]
    public void ReadsSizes(string text, long bytes)
    {
        Assert.True(Quantity.TryParseBytes(text, out long read));
        Assert.Equal(bytes, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("GiB")]
    [InlineData("1 XiB")]
    [InlineData("-1 GiB")]
    [InlineData("1.0001 KiB")]
    [InlineData("9999999 PiB")]
    [InlineData("1 2")]
    [InlineData("1.2.3 GiB")]
    public void RefusesWhatIsNoSize(string text) => Assert.False(Quantity.TryParseBytes(text, out _));

    [Theory]
    [InlineData("0", 0)]
    [InlineData("50us", 50)]
    [InlineData("50 µs", 50)]
    [InlineData("1.5 ms", 1500)]
    [InlineData("10 s", 10_000_000)]
    [InlineData("2 minutes", 120_000_000)]
    [InlineData("1h", 3_600_000_000)]
    public void ReadsDurations(string text, long microseconds)
    {
        Assert.True(Quantity.TryParseDuration(text, out TimeSpan read));
        Assert.Equal(TimeSpan.FromMicroseconds(microseconds), read);
    }

    [Theory]
    [InlineData("10")]
    [InlineData("soon")]
    [InlineData("-1 s")]
    public void RefusesWhatIsNoDuration(string text) => Assert.False(Quantity.TryParseDuration(text, out _));

    [Theory]
    [InlineData("thraeds", "threads")]
    [InlineData("thread", "threads")]
    [InlineData("QUEUE-DEPHT", "queue-depth")]
    [InlineData("zzzzzz", null)]
    public void SuggestsTheNearestWord(string typed, string? expected) => Assert.Equal(expected, Suggestion.For(typed, ["threads", "cpus", "queue-depth", "spin"]));

    [Theory]
    [InlineData("iqn.2026-01.org.example:disks", true)]
    [InlineData("iqn.2026-01.org.example", true)]
    [InlineData("eui.0123456789abcdef", true)]
    [InlineData("naa.0123456789abcdef0123456789abcdef", true)]
    [InlineData("iqn.2026-13.org.example:disks", false)]
    [InlineData("iqn.2026-1.org.example:disks", false)]
    [InlineData("iqn.2026-01", false)]
    [InlineData("iqn.2026-01.org..x", false)]
    [InlineData("iqn.2026-01.org.example:", false)]
    [InlineData("iqn.2026-01.org.example:a_b", false)]
    [InlineData("eui.0123", false)]
    [InlineData("disks", false)]
    [InlineData("", false)]
    public void KnowsIscsiNames(string name, bool good) => Assert.Equal(good, IscsiName.Fault(name) is null);

    [Theory]
    [InlineData("0-3,6", new[] { 0, 1, 2, 3, 6 })]
    [InlineData("5", new[] { 5 })]
    [InlineData("3-1", null)]
    [InlineData("a", null)]
    [InlineData("1-2-3", null)]
    public void ReadsCpuLists(string text, int[]? cpus) => Assert.Equal(cpus, HostFacts.ParseCpuList(text));
}
