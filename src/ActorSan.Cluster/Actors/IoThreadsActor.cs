using System.Globalization;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Storage.Threads;
using Akka.Actor;

namespace ActorSan.Cluster.Actors;

/// <summary><c>/user/node/io</c>: all pinned threads.</summary>
public sealed class IoThreadsActor : ReceiveActor
{
    private readonly IoThread?[] _threads;
    private readonly List<string> _faults = [];
    private IActorRef _startAskedBy = ActorRefs.Nobody;
    private IActorRef _stopAskedBy = ActorRefs.Nobody;
    private int _ended;

    public IoThreadsActor(IoSettings settings, IoThreadMaker make, TimeSpan stopTimeout)
    {
        _threads = new IoThread?[settings.Cpus.Count];
        for (int i = 0; i < _threads.Length; i++)
        {
            Context.ActorOf(IoThreadActor.Props(settings.OptionsOf(i), make, stopTimeout), i.ToString(CultureInfo.InvariantCulture));
        }

        Receive<StartIoThreads>(start =>
        {
            _startAskedBy = Sender;
            TellAll(start);
        });
        Receive<IoThreadStarted>(OnStarted);
        Receive<IoThreadFailed>(failed => Context.Parent.Tell(failed));
        Receive<StopIoThreads>(stop =>
        {
            _stopAskedBy = Sender;
            TellAll(stop);
        });
        Receive<IoThreadEnded>(OnEnded);
        Receive<GetIoThreadReports>(_ =>
        {
            IActorRef asker = Sender;
            Task.WhenAll(Context.GetChildren().Select(child => child.Ask<IoThreadReport>(new GetIoThreadReport(), TimeSpan.FromSeconds(1))))
                .PipeTo(asker, success: reports => reports.OrderBy(report => report.Index).ToArray());
        });
        Receive<GetIoThreadReport>(ask =>
        {
            foreach (IActorRef child in Context.GetChildren())
            {
                child.Forward(ask);
            }
        });
    }

    public static Props Props(IoSettings settings, IoThreadMaker make, TimeSpan stopTimeout) =>
        Akka.Actor.Props.Create(() => new IoThreadsActor(settings, make, stopTimeout));

    protected override SupervisorStrategy SupervisorStrategy() => Supervision.EscalateAll;

    private void OnStarted(IoThreadStarted started)
    {
        _threads[started.Index] = started.Thread;
        if (_threads.All(thread => thread is not null))
        {
            _startAskedBy.Tell(new IoThreadsStarted([.. _threads.Select(thread => thread!)]));
        }
    }

    private void OnEnded(IoThreadEnded ended)
    {
        if (ended.Fault is { } fault)
        {
            _faults.Add(fault);
        }

        if (++_ended == _threads.Length)
        {
            _stopAskedBy.Tell(new IoThreadsStopped([.. _faults]));
        }
    }

    private static void TellAll(object message)
    {
        foreach (IActorRef child in Context.GetChildren())
        {
            child.Tell(message);
        }
    }
}
