using System.Collections.Concurrent;
using ActorSan.Node.Logging;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Event;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Xunit;

namespace ActorSan.Tests.Node.Logging;

public sealed class SerilogBridgeTests
{
    [Fact]
    public async Task TemplatesAndValuesArriveApart()
    {
        var written = new Catcher();
        await using Logger log = new LoggerConfiguration().MinimumLevel.Debug().WriteTo.Sink(written).CreateLogger();
        Config config = ConfigurationFactory.ParseString($"akka {{ loglevel = INFO, stdout-loglevel = OFF, loggers = [\"{typeof(SerilogBridge).FullName}, actorsan\"] }}");
        using (ActorSystem system = ActorSystem.Create("bridge", ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(config), new SerilogSetup(log))))
        {
            ILoggingAdapter adapter = Akka.Event.Logging.GetLogger(system, "the source");
            adapter.Error(new IOException("the cause"), "Volume {Volume} has {SizeBytes} bytes", "disk0", 512L);
            adapter.Debug("below the level");
            Serilog.Events.LogEvent line = await written.First.Task.WaitAsync(TimeSpan.FromSeconds(20));
            Assert.Equal(LogEventLevel.Error, line.Level);
            Assert.Equal("Volume {Volume} has {SizeBytes} bytes", line.MessageTemplate.Text);
            Assert.Equal("disk0", ((ScalarValue)line.Properties["Volume"]).Value);
            Assert.Equal(512L, ((ScalarValue)line.Properties["SizeBytes"]).Value);
            Assert.Equal("the cause", line.Exception!.Message);
            Assert.Contains("the source", ((ScalarValue)line.Properties["Actor"]).Value as string, StringComparison.Ordinal);
            await system.Terminate();
        }

        Assert.DoesNotContain(written.All, line => line.MessageTemplate.Text.Contains("below", StringComparison.Ordinal));
    }

    private sealed class Catcher : ILogEventSink
    {
        public ConcurrentQueue<Serilog.Events.LogEvent> All { get; } = new();

        /// <summary>The first that names a volume: a system says things of its own when it starts.</summary>
        public TaskCompletionSource<Serilog.Events.LogEvent> First { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Emit(Serilog.Events.LogEvent logEvent)
        {
            All.Enqueue(logEvent);
            if (logEvent.Properties.ContainsKey("Volume"))
            {
                First.TrySetResult(logEvent);
            }
        }
    }
}
