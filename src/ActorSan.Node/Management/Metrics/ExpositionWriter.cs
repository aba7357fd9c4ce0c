using System.Globalization;
using System.Text;
using ActorSan.Cluster.Management;

namespace ActorSan.Node.Management.Metrics;

/// <summary>
/// Prometheus' text format 0.0.4: families one after the other, HELP and TYPE before their samples. By hand, because what is shown was counted elsewhere: histograms come whole, and what is
/// gone must be gone from the page, while client libraries want to count themselves.
/// </summary>
internal sealed class ExpositionWriter
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();
    private readonly HashSet<string> _families = new(StringComparer.Ordinal);
    private string _family = "";

    /// <summary>Begins a family; a name comes once.</summary>
    /// <param name="type">counter, gauge or histogram.</param>
    public ExpositionWriter Family(string name, string type, string help)
    {
        Storage.Invariant.Check(_families.Add(name));
        _family = name;
        _ = _text.Append("# HELP ").Append(name).Append(' ').Append(help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('\n')
            .Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
        return this;
    }

    public void Sample(double value, params ReadOnlySpan<(string Name, string Value)> labels) => Line(_family, value, labels, null);

    public void Sample(bool value, params ReadOnlySpan<(string Name, string Value)> labels) => Line(_family, value ? 1 : 0, labels, null);

    /// <summary>In seconds, as Prometheus wants durations.</summary>
    public void Histogram(LatencyHistogram histogram, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        long below = 0;
        for (int i = 0; i < LatencyHistogram.BoundsUs.Count; i++)
        {
            below += histogram.Counts[i];
            Line(_family + "_bucket", below, labels, Number(LatencyHistogram.BoundsUs[i] / 1e6));
        }

        below += histogram.Counts[^1];
        Line(_family + "_bucket", below, labels, "+Inf");
        Line(_family + "_sum", histogram.SumUs / 1e6, labels, null);
        Line(_family + "_count", below, labels, null);
    }

    public override string ToString() => _text.ToString();

    private static string Number(double value) => double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);

    private void Line(string name, double value, ReadOnlySpan<(string Name, string Value)> labels, string? bound)
    {
        _ = _text.Append(name);
        if (labels.Length > 0 || bound is not null)
        {
            char separator = '{';
            foreach ((string label, string text) in labels)
            {
                Label(separator, label, text);
                separator = ',';
            }

            if (bound is not null)
            {
                Label(separator, "le", bound);
            }

            _ = _text.Append('}');
        }

        _ = _text.Append(' ').Append(Number(value)).Append('\n');
    }

    private void Label(char separator, string name, string value) =>
        _text.Append(separator).Append(name).Append("=\"")
            .Append(value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('"');
}
