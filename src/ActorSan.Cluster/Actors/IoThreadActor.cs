using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Storage.Threads;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary>
/// <c>/user/node/io/&lt;n&gt;</c>: one pinned thread. Starts it off the mailbox (a start waits for the ring), watches it, ends it and tells its counters. A loop that dies
/// takes volumes and connections with it whose state nobody can trust: the guardian is told and stops the node in order; the supervisor outside starts a new process.
/// </summary>
public sealed class IoThreadActor : ReceiveActor
{
    private readonly IoThreadOptions _options;
    private readonly IoThreadMaker _make;
    private readonly TimeSpan _stopTimeout;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private IoThread? _thread;
    private IActorRef? _stopAskedBy;
    private bool _running;

    public IoThreadActor(IoThreadOptions options, IoThreadMaker make, TimeSpan stopTimeout)
    {
        _options = options;
        _make = make;
        _stopTimeout = stopTimeout;
        Receive<StartIoThreads>(_ => Start());
        Receive<ThreadUp>(_ => OnUp());
        Receive<ThreadDown>(OnDown);
        Receive<StopIoThreads>(_ => Stop());
        Receive<JoinResult>(OnJoined);
        Receive<GetIoThreadReport>(_ => Sender.Tell(Report()));
    }

    public static Props Props(IoThreadOptions options, IoThreadMaker make, TimeSpan stopTimeout) =>
        Akka.Actor.Props.Create(() => new IoThreadActor(options, make, stopTimeout));

    /// <summary>The guardian's last resort: whatever ended this actor, the thread does not outlive it.</summary>
    protected override void PostStop()
    {
        _thread?.Stop();
        base.PostStop();
    }

    private void Start()
    {
        IActorRef self = Self;
        IoThread thread;
        try
        {
            thread = _make(_options, new Sink(self));
        }
        catch (Exception failure)
        {
            Fail(failure);
            return;
        }

        _thread = thread;
        Task.Run(thread.Start).PipeTo(self, success: () => new ThreadUp(), failure: failure => new ThreadDown(failure));
    }

    private void OnUp()
    {
        _running = true;
        _log.Info("I/O thread {Thread} runs on {Engine}, {Cpu}, with {BufferMiB} MiB of buffers", _options.Name, _thread!.Engine, _options.Cpu is { } cpu ? $"CPU {cpu}" : "any CPU",
            _options.BufferPoolBytes >> 20);
        Context.Parent.Tell(new IoThreadStarted(_options.Index, _thread));
    }

    private void OnDown(ThreadDown down)
    {
        bool wasAsked = _stopAskedBy is not null;
        _running = false;
        if (down.Failure is { } failure)
        {
            Fail(failure);
        }
        else if (!wasAsked)
        {
            Fail(new InvalidOperationException("the loop ended and nobody had asked for it"));
        }
    }

    private void Fail(Exception failure)
    {
        _log.Error(failure, "I/O thread {Thread} failed", _options.Name);
        Context.Parent.Tell(new IoThreadFailed(_options.Index, _options.Name, failure));
    }

    private void Stop()
    {
        _stopAskedBy = Sender;
        if (_thread is not { } thread)
        {
            Self.Tell(new JoinResult(Ended: true));
            return;
        }

        thread.Stop();
        TimeSpan timeout = _stopTimeout;
        Task.Run(() => thread.Join(timeout)).PipeTo(Self, success: ended => new JoinResult(ended), failure: _ => new JoinResult(Ended: false));
    }

    private void OnJoined(JoinResult result)
    {
        string? fault = result.Ended ? null : $"I/O thread {_options.Name} did not end within {_stopTimeout.TotalSeconds:0.#} s";
        if (result.Ended && _thread is not null)
        {
            _thread.Dispose();
        }

        _running = false;
        _stopAskedBy!.Tell(new IoThreadEnded(_options.Index, fault));
    }

    private IoThreadReport Report() => _running
        ? new IoThreadReport(_options.Index, _options.Name, _thread!.Engine, _options.Cpu, Running: true, _thread.ReadCounters())
        : new IoThreadReport(_options.Index, _options.Name, _options.Engine, _options.Cpu, Running: false, default);

    private sealed record ThreadUp;

    private sealed record ThreadDown(Exception? Failure);

    private sealed record JoinResult(bool Ended);

    private sealed class Sink(IActorRef actor) : IIoThreadEvents
    {
        // Start's return says the same, and also when it fails.
        public void Started(IoThread thread)
        {
        }

        public void Stopped(IoThread thread, Exception? failure) => actor.Tell(new ThreadDown(failure));
    }
}
