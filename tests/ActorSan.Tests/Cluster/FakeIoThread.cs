using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Cluster;

/// <summary>A thread without a kernel: starts, stops and dies as told; it runs nothing.</summary>
internal sealed class FakeIoThread(IoThreadOptions options, IIoThreadEvents events) : InertIoThread(options, events)
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Exception? FailsToStart { get; init; }

    /// <summary>A loop that hangs: Stop is asked and nothing ends.</summary>
    public bool Hangs { get; init; }

    public int Stops { get; private set; }

    public override BufferPool Buffers => throw new NotSupportedException();

    public override IoThreadCounters ReadCounters() => new() { Passes = 42 };

    public override void Start()
    {
        if (FailsToStart is not null)
        {
            throw FailsToStart;
        }

        Events!.Started(this);
    }

    public void Die(Exception? failure) => Events!.Stopped(this, failure);

    public override void Stop()
    {
        Stops++;
        if (!Hangs && _ended.TrySetResult())
        {
            Events!.Stopped(this, null);
        }
    }

    public override bool Join(TimeSpan timeout) => !Hangs && _ended.Task.Wait(timeout);

    protected override void Dispose(bool disposing)
    {
    }
}
