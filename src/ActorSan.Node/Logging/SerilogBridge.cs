using Akka.Actor;
using Akka.Dispatch;
using Akka.Event;
using Serilog.Core;
using Serilog.Core.Enrichers;
using Serilog.Events;

namespace ActorSan.Node.Logging;

/// <summary>Akka's log events on their way to Serilog, template and values apart, so that a JSON line has each value under its name. Configured as <c>akka.loggers</c>.</summary>
public sealed class SerilogBridge : ReceiveActor, IRequiresMessageQueue<ILoggerMessageQueueSemantics>
{
    public SerilogBridge()
    {
        Serilog.ILogger log = Context.System.Settings.Setup.Get<SerilogSetup>() is { HasValue: true } setup ? setup.Value.Log : Logger.None;
        Receive<InitializeLogger>(_ => Sender.Tell(new LoggerInitialized()));
        Receive<Akka.Event.LogEvent>(written => Write(log, written));
    }

    internal static void Write(Serilog.ILogger log, Akka.Event.LogEvent written)
    {
        LogEventLevel level = LevelOf(written.LogLevel());

        // A node that is away is dialled several times a second: membership and links say once that it is.
        if (level <= LogEventLevel.Warning && IsDialling(written))
        {
            level = LogEventLevel.Debug;
        }

        if (log.IsEnabled(level))
        {
            object[] values = [.. written.GetParameters()];
            log.ForContext(new PropertyEnricher("Actor", written.LogSource)).Write(level, written.Cause, written.GetTemplate(), values);
        }
    }

    private static bool IsDialling(Akka.Event.LogEvent written) =>
        written.LogSource.StartsWith("remoting", StringComparison.Ordinal) || written.LogSource.Contains("/endpointManager", StringComparison.Ordinal) || written.LogSource.Contains("/transports/", StringComparison.Ordinal)
        || written.LogSource.Contains("/joinSeedNodeProcess", StringComparison.Ordinal) || written.LogSource.Contains("/firstSeedNodeProcess", StringComparison.Ordinal)
        || written.LogClass.FullName?.StartsWith("Akka.Remote.", StringComparison.Ordinal) == true;

    private static LogEventLevel LevelOf(LogLevel level) => level switch
    {
        LogLevel.DebugLevel => LogEventLevel.Debug,
        LogLevel.InfoLevel => LogEventLevel.Information,
        LogLevel.WarningLevel => LogEventLevel.Warning,
        LogLevel.ErrorLevel => LogEventLevel.Error,
        _ => throw new ArgumentOutOfRangeException(nameof(level)),
    };
}

/// <summary>Hands the node's log to the actor system that is to write to it.</summary>
public sealed class SerilogSetup(Serilog.ILogger log) : Akka.Actor.Setup.Setup
{
    public Serilog.ILogger Log { get; } = log;
}
