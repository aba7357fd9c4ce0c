using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ActorSan.Benchmarks.WholeSystem;

/// <summary>One figure. <paramref name="Goal"/> is <c>&gt;= N</c> or <c>&lt;= N</c>, about the ratio where there is one, else about the value; no value, no key.</summary>
internal sealed record Row(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("value")] double? Value,
    [property: JsonPropertyName("unit")] string Unit,
    [property: JsonPropertyName("peer")] string? Peer = null,
    [property: JsonPropertyName("ratio")] double? Ratio = null,
    [property: JsonPropertyName("goal")] string? Goal = null)
{
    private static readonly JsonSerializerOptions s_readable = new() { WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>Null without a goal.</summary>
    [JsonIgnore]
    internal bool? Reached
    {
        get
        {
            if (Goal is null || (Ratio ?? Value) is not double figure)
            {
                return null;
            }

            double bound = double.Parse(Goal[3..], CultureInfo.InvariantCulture);
            return Goal[0] == '>' ? figure >= bound : figure <= bound;
        }
    }

    public override string ToString()
    {
        string ratio = Ratio is double figure ? string.Create(CultureInfo.InvariantCulture, $"{figure:0.00}× {Peer}") : "";
        string verdict = Reached switch { true => "reached", false => "MISSED", null => "" };
        return string.Create(CultureInfo.InvariantCulture, $"{Name,-46} {Value,12:#,##0.##} {Unit,-8} {ratio,-34} {Goal,-9} {verdict}");
    }

    internal static string ToJson(IReadOnlyList<Row> rows) => JsonSerializer.Serialize(new { rows }, s_readable) + "\n";

    internal static double Median(IReadOnlyList<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
