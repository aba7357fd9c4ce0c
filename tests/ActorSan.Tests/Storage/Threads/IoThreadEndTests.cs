using System.Net;
using System.Net.Sockets;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Threads;

/// <summary>How an I/O thread ends: in order, by a failure, with work of every kind under way.</summary>
public sealed class IoThreadEndTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    public static TheoryData<IoEngineKind> Engines => [IoEngineKind.IoUring, IoEngineKind.Epoll];

    /// <summary>A receive that is begun anew whenever one ends must not keep a stopped thread alive.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task StopEndsAReceiverThatAlwaysReceivesAgain(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        using Socket listener = Listen(out int port);
        int cancelled = await thread.Invoke(() => BeginEndlessReceive(thread, port)).WaitAsync(s_limit);
        using Socket accepted = await listener.AcceptAsync().WaitAsync(s_limit);
        Assert.Equal(0, cancelled);
        thread.Stop();
        Assert.True(thread.Join(s_limit));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task AThreadThatFailsTellsWhyAndClosesItsConnections(IoEngineKind engine)
    {
        var events = new RecordedEvents();
        using IoThread thread = Start(engine, events);
        using Socket listener = Listen(out int port);
        _ = await thread.Invoke(() => BeginEndlessReceive(thread, port)).WaitAsync(s_limit);
        using Socket accepted = await listener.AcceptAsync().WaitAsync(s_limit);

        Assert.True(thread.Post(() => Invariant(false)));
        Exception? failure = await events.Stopped.Task.WaitAsync(s_limit);
        Assert.IsType<InvalidDataException>(failure);
        byte[] buffer = new byte[1];
        Assert.Equal(0, await accepted.ReceiveAsync(buffer).WaitAsync(s_limit));
        Assert.True(thread.Join(s_limit));
        Assert.False(thread.Post(() => { }));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task AFailureOnAHelperThreadEndsTheThread(IoEngineKind engine)
    {
        var events = new RecordedEvents();
        using IoThread thread = Start(engine, events);
        Assert.True(thread.Post(() => thread.RunBlocking(new Work(() => throw new InvalidDataException("broken"), () => { }))));
        Exception? failure = await events.Stopped.Task.WaitAsync(s_limit);
        Assert.IsType<InvalidDataException>(Assert.IsType<InvalidOperationException>(failure).InnerException);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void StopWaitsForBlockingWorkAndRunsItsCompletion(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        using var begun = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        bool completed = false;
        var work = new Work(
            () =>
            {
                begun.Set();
                mayEnd.Wait(s_limit);
            },
            () => completed = true);
        Assert.True(thread.Post(() => thread.RunBlocking(work)));
        Assert.True(begun.Wait(s_limit));
        thread.Stop();
        mayEnd.Set();
        Assert.True(thread.Join(s_limit));
        Assert.True(completed);
    }

    /// <summary>Work that the last messages begin is waited for, and its completion runs.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public void WhatAMessageBeginsAfterStopStillCompletes(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        using var inMessage = new ManualResetEventSlim();
        using var stopped = new ManualResetEventSlim();
        bool completed = false;
        Assert.True(thread.Post(() =>
        {
            inMessage.Set();
            stopped.Wait(s_limit);
            _ = thread.Post(() => thread.RunBlocking(new Work(() => { }, () => completed = true)));
        }));
        Assert.True(inMessage.Wait(s_limit));
        thread.Stop();
        stopped.Set();
        Assert.True(thread.Join(s_limit));
        Assert.True(completed);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void AMessageThatAlwaysPostsItselfDoesNotOutliveStop(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        using var running = new ManualResetEventSlim();
        Action? again = null;
        again = () =>
        {
            running.Set();
            _ = thread.Post(again!);
        };
        Assert.True(thread.Post(again));
        Assert.True(running.Wait(s_limit));
        thread.Stop();
        Assert.True(thread.Join(s_limit));
    }

    /// <summary>A write asked for just before its file is closed must not reach the file that gets the same number.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task AWriteBeforeCloseFileReachesThatFile(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        string directory = Directory.CreateTempSubdirectory("actorsan-").FullName;
        try
        {
            string first = Path.Combine(directory, "first");
            string second = Path.Combine(directory, "second");
            int result = await WriteThenClose(thread, first, second).WaitAsync(s_limit);
            Assert.Equal(4096, result);
            Assert.Equal(4096, new FileInfo(first).Length);
            Assert.Equal(0, new FileInfo(second).Length);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>A thread with nothing to do makes no passes: its counters stand still between two looks that bracket a wait on another thread's timer.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task AnIdleThreadSleeps(IoEngineKind engine)
    {
        using IoThread idle = Start(engine);
        using IoThread clock = Start(engine);
        await idle.Invoke(() => 0).WaitAsync(s_limit);
        var fired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        IoThreadCounters before = await idle.Invoke(idle.ReadCounters).WaitAsync(s_limit);
        _ = clock.Post(() => clock.StartTimer(new Timer(fired.SetResult), TimeSpan.FromMilliseconds(100)));
        await fired.Task.WaitAsync(s_limit);
        IoThreadCounters after = await idle.Invoke(idle.ReadCounters).WaitAsync(s_limit);
        Assert.InRange(after.Passes - before.Passes, 1, 4);
        Assert.InRange(after.BusyNs - before.BusyNs, 0, 50_000_000);
    }

    private static void Invariant(bool holds)
    {
        if (!holds)
        {
            throw new InvalidDataException("a message failed");
        }
    }

    private static unsafe int BeginEndlessReceive(IoThread thread, int port)
    {
        int fd = NativeSocket.Create(AddressFamily.InterNetwork);
        IoSocket socket = thread.AdoptSocket(fd);
        Assert.True(thread.Buffers.TryRent(4096, BufferOwner.Test, out IoBuffer buffer));
        int length = NativeSocket.Encode(new IPEndPoint(IPAddress.Loopback, port), buffer.Address);
        var vectors = (IoVector*)(buffer.Address + 256);
        *vectors = new IoVector(buffer.Address + 512, 1024);
        var receive = new Operation();
        int rounds = 0;
        receive.Action = _ =>
        {
            if (++rounds < 1000)
            {
                thread.Receive(socket, vectors, 1, receive);
            }
        };
        var connect = new Operation { Action = _ => thread.Receive(socket, vectors, 1, receive) };
        thread.Connect(socket, buffer.Address, length, connect);
        return 0;
    }

    private static unsafe Task<int> WriteThenClose(IoThread thread, string first, string second)
    {
        var done = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        Assert.True(thread.Post(() =>
        {
            IoFile file = thread.AdoptFile(NativeFile.Open(first, NativeFile.ReadWrite | NativeFile.Create));
            Assert.True(thread.Buffers.TryRent(4096, BufferOwner.Test, out IoBuffer buffer));
            int number = file.Fd;
            thread.Write(file, buffer.Address, 4096, 0, durable: false, new Operation { Action = done.SetResult });
            thread.CloseFile(file);
            IoFile other = thread.AdoptFile(NativeFile.Open(second, NativeFile.ReadWrite | NativeFile.Create));
            Assert.True(other.Fd >= 0 && number >= 0);
        }));
        return done.Task;
    }

    private static Socket Listen(out int port)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(4);
        port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        return listener;
    }

    private static IoThread Start(IoEngineKind engine, IIoThreadEvents? events = null)
    {
        IoThread thread = IoThreadFactory.Create(
            new IoThreadOptions { Name = "test", Index = 0, Engine = engine, BufferPoolBytes = 8 << 20, QueueDepth = 64 },
            events);
        thread.Start();
        return thread;
    }

    private sealed class RecordedEvents : IIoThreadEvents
    {
        internal TaskCompletionSource<Exception?> Stopped { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        void IIoThreadEvents.Started(IoThread thread)
        {
        }

        void IIoThreadEvents.Stopped(IoThread thread, Exception? failure) => Stopped.SetResult(failure);
    }

    private sealed class Operation : IoOperation
    {
        internal Action<int> Action { get; set; } = _ => { };

        protected internal override void OnCompleted(int result) => Action(result);
    }

    private sealed class Timer(Action action) : IoTimer
    {
        protected internal override void OnFired() => action();
    }

    private sealed class Work(Action execute, Action completed) : BlockingWork
    {
        protected internal override void Execute() => execute();

        protected internal override void OnCompleted() => completed();
    }
}
