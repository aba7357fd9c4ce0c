using ActorSan.Cluster.Settings;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Serilog.Sinks.SystemConsole.Themes;

namespace ActorSan.Node.Logging;

/// <summary>The node's log: to standard error, for eyes or for machines. Standard output is for what a verb was asked for.</summary>
public static class NodeLog
{
    private const string HumanTemplate = "{Timestamp:yyyy-MM-dd HH:mm:ss.fff} {Level:u4} {Message:lj}{NewLine}{Exception}";

    /// <param name="also">Gets everything too; null: nobody.</param>
    public static Logger Create(LogSettings settings, ILogEventSink? also = null)
    {
        LoggerConfiguration configuration = new LoggerConfiguration().MinimumLevel.Is(LevelOf(settings.Level));
        if (also is not null)
        {
            configuration = configuration.WriteTo.Sink(also);
        }

        configuration = settings.Format == LogFormat.Json
            ? configuration.WriteTo.Console(new RenderedCompactJsonFormatter(), standardErrorFromLevel: LogEventLevel.Verbose)
            : configuration.WriteTo.Console(
                outputTemplate: HumanTemplate,
                formatProvider: System.Globalization.CultureInfo.InvariantCulture,
                standardErrorFromLevel: LogEventLevel.Verbose,
                theme: Console.IsErrorRedirected ? ConsoleTheme.None : AnsiConsoleTheme.Literate);
        return configuration.CreateLogger();
    }

    public static LogEventLevel LevelOf(LogLevel level) => level switch
    {
        LogLevel.Debug => LogEventLevel.Debug,
        LogLevel.Info => LogEventLevel.Information,
        LogLevel.Warning => LogEventLevel.Warning,
        LogLevel.Error => LogEventLevel.Error,
        _ => throw new ArgumentOutOfRangeException(nameof(level)),
    };
}
