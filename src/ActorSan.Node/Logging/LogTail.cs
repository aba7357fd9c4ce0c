using ActorSan.Cluster.Management;
using Serilog.Core;
using Serilog.Events;

namespace ActorSan.Node.Logging;

/// <summary>The node's log on its way to those who follow it by the management API.</summary>
internal sealed class LogTail(string node) : ILogEventSink
{
    private volatile EventHub<LogLine>? _target;

    /// <summary>Null: nobody can follow it now.</summary>
    public EventHub<LogLine>? Target
    {
        get => _target;
        set => _target = value;
    }

    public void Emit(LogEvent logEvent)
    {
        if (_target is { } target)
        {
            string source = logEvent.Properties.TryGetValue("Actor", out LogEventPropertyValue? actor) && actor is ScalarValue { Value: string path } ? path : "node";
            target.Tell(new LogLine(logEvent.Timestamp, node, SeverityOf(logEvent.Level), source, logEvent.RenderMessage(System.Globalization.CultureInfo.InvariantCulture), logEvent.Exception?.ToString()));
        }
    }

    private static LogSeverity SeverityOf(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose or LogEventLevel.Debug => LogSeverity.Debug,
        LogEventLevel.Information => LogSeverity.Information,
        LogEventLevel.Warning => LogSeverity.Warning,
        LogEventLevel.Error => LogSeverity.Error,
        _ => LogSeverity.Fatal,
    };
}
