using System.Globalization;
using System.Text.Json;
using ActorSan.Cluster.Management;

namespace ActorSan.Node.Management.Commands;

/// <summary>Numbers, times and states as people read them.</summary>
internal static class Human
{
    public const string Nothing = "-";

    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>Three figures at most: 512 B, 1.5 MiB, 10 GiB.</summary>
    public static string Bytes(long bytes) => Size(bytes);

    public static string Bytes(long? bytes) => bytes is { } known ? Size(known) : Nothing;

    public static string Rate(double? bytesPerSecond) => bytesPerSecond is { } known ? Size(known) + "/s" : Nothing;

    private static string Size(double bytes)
    {
        int unit = 0;
        while (bytes >= 1024 && unit < Units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        return $"{bytes.ToString(bytes >= 100 || unit == 0 ? "0" : "0.#", CultureInfo.InvariantCulture)} {Units[unit]}";
    }

    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture).Replace(',', ' ');

    public static string Percent(double? percent) => percent is { } known ? known.ToString("0.#", CultureInfo.InvariantCulture) + " %" : Nothing;

    public static string Time(DateTimeOffset? time) => time?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? Nothing;

    public static string Precise(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    public static string Latency(long? microseconds) => microseconds switch
    {
        null => Nothing,
        < 1000 => $"{microseconds} µs",
        < 1_000_000 => $"{(microseconds.Value / 1e3).ToString("0.#", CultureInfo.InvariantCulture)} ms",
        _ => $"{(microseconds.Value / 1e6).ToString("0.##", CultureInfo.InvariantCulture)} s",
    };

    public static string List(IEnumerable<string> names) => string.Join(", ", names) is { Length: > 0 } list ? list : Nothing;

    public static string YesNo(bool value) => value ? "yes" : "no";

    /// <summary>The words of an enum's name: OldCopy is 'old copy', InSync is 'in-sync'.</summary>
    public static string Words<T>(T value)
        where T : struct, Enum => value is ReplicaCondition.InSync ? "in-sync" : JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString()).Replace('-', ' ');

    public static Cell State(VolumeCondition condition) => new(Words(condition), condition switch
    {
        VolumeCondition.Healthy => Tone.Good,
        VolumeCondition.Syncing or VolumeCondition.Degraded or VolumeCondition.Changing => Tone.Warning,
        VolumeCondition.Suspended or VolumeCondition.Stopped => Tone.Bad,
        VolumeCondition.Unknown => Tone.Dim,
        _ => throw new ArgumentOutOfRangeException(nameof(condition)),
    });

    public static Cell State(ReplicaCondition condition) => new(Words(condition), condition switch
    {
        ReplicaCondition.Primary or ReplicaCondition.InSync => Tone.Good,
        ReplicaCondition.Syncing or ReplicaCondition.Detached => Tone.Warning,
        ReplicaCondition.Out or ReplicaCondition.Failed or ReplicaCondition.OldCopy or ReplicaCondition.Discarded or ReplicaCondition.Missing => Tone.Bad,
        ReplicaCondition.Unknown => Tone.Dim,
        _ => throw new ArgumentOutOfRangeException(nameof(condition)),
    });

    public static Cell State(MemberReport member) =>
        new(Words(member.Status) + (member.Reachable || member.Status == MemberStatus.Absent ? "" : ", unreachable") + (member.Drained ? ", drained" : ""),
            !member.Reachable || member.Status is MemberStatus.Down or MemberStatus.Removed or MemberStatus.Absent ? Tone.Bad
                : member.Drained || member.Status is not MemberStatus.Up ? Tone.Warning : Tone.Good);

    public static Cell State(LinkCondition condition) => new(Words(condition), condition switch
    {
        LinkCondition.Up => Tone.Good,
        LinkCondition.Connecting => Tone.Warning,
        LinkCondition.Down or LinkCondition.Refused => Tone.Bad,
        _ => throw new ArgumentOutOfRangeException(nameof(condition)),
    });

    public static Cell State(PathCondition condition) => new(Words(condition), condition switch
    {
        PathCondition.Active or PathCondition.Standby => Tone.Good,
        PathCondition.Down => Tone.Bad,
        PathCondition.Unknown => Tone.Dim,
        _ => throw new ArgumentOutOfRangeException(nameof(condition)),
    });
}
