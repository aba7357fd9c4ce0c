using System.Runtime.InteropServices;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>One I/O thread with one store on it; requests are submitted from the test and awaited. At the end all buffers are back and the store is closed.</summary>
internal sealed unsafe class StoreBench : IDisposable
{
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly bool _ownsThread;
    private bool _closed;

    internal StoreBench(IoEngineKind engine, Func<IoThread, IStore> attach, long poolBytes = 16 << 20)
    {
        Thread = StartThread(engine, poolBytes);
        _ownsThread = true;
        Store = Run(() => attach(Thread));
    }

    internal static IEnumerable<IoEngineKind> Engines => [IoEngineKind.IoUring];

    internal IoThread Thread { get; }

    internal IStore Store { get; }

    internal static IoThread StartThread(IoEngineKind engine, long poolBytes = 16 << 20)
    {
        IoThread thread = IoThreadFactory.Create(new IoThreadOptions { Name = "store-test", Index = 0, Engine = engine, BufferPoolBytes = poolBytes, QueueDepth = 256 });
        thread.Start();
        return thread;
    }

    internal T Run<T>(Func<T> function) => Thread.Invoke(function).WaitAsync(Limit).GetAwaiter().GetResult();

    internal void Run(Action action) => Run(() =>
    {
        action();
        return 0;
    });

    /// <summary>Submits what <paramref name="prepare"/> sets on one request; <paramref name="submit"/> names the store's method.</summary>
    internal Task<TestRequest> Submit(Action<TestRequest> prepare, Action<IStore, StoreRequest> submit, IStore? store = null)
    {
        var request = new TestRequest();
        prepare(request);
        Assert.True(Thread.Post(() => submit(store ?? Store, request)));
        return request.Ended.WaitAsync(Limit);
    }

    internal StoreStatus Write(long offset, byte[] bytes, bool durable = false, int misalign = 0) => Transfer(offset, bytes, (store, request) =>
    {
        request.Durable = durable;
        store.Write(request);
    }, misalign).Status;

    internal byte[] Read(long offset, int length, int misalign = 0)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(StoreStatus.Success, Transfer(offset, bytes, (store, request) => store.Read(request), misalign).Status);
        return bytes;
    }

    internal StoreStatus ReadStatus(long offset, int length) => Transfer(offset, new byte[length], (store, request) => store.Read(request), 0).Status;

    internal StoreStatus Zero(long offset, long length, bool mayDeallocate, bool durable = false) => Submit(
        request =>
        {
            request.OffsetBytes = offset;
            request.LengthBytes = length;
            request.MayDeallocate = mayDeallocate;
            request.Durable = durable;
        },
        (store, request) => store.Zero(request)).GetAwaiter().GetResult().Status;

    internal StoreStatus Flush() => Submit(_ => { }, (store, request) => store.Flush(request)).GetAwaiter().GetResult().Status;

    internal (bool Mapped, long Length) Map(long offset, long length)
    {
        TestRequest request = Submit(
            request =>
            {
                request.OffsetBytes = offset;
                request.LengthBytes = length;
            },
            (store, request) => store.MapStatus(request)).GetAwaiter().GetResult();
        Assert.Equal(StoreStatus.Success, request.Status);
        return (request.ResultMapped, request.ResultLengthBytes);
    }

    /// <summary>The test has closed the store itself.</summary>
    internal void MarkClosed() => _closed = true;

    internal void Close()
    {
        _closed = true;
        var closed = new TestMessage();
        Run(() => Store.Close(closed));
        closed.Ran.WaitAsync(Limit).GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        if (!_closed)
        {
            Close();
        }

        Assert.Equal(0, Run(() => Thread.Buffers.InUseBytes));
        if (_ownsThread)
        {
            Thread.Dispose();
        }
    }

    /// <summary>Moves bytes through native memory, with 4 KiB of marks on both sides that the store must leave alone.</summary>
    private TestRequest Transfer(long offset, byte[] bytes, Action<IStore, StoreRequest> submit, int misalign)
    {
        const int Guard = 4096;
        byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)(bytes.Length + (3 * Guard)), Guard);
        try
        {
            var whole = new Span<byte>(memory, bytes.Length + (3 * Guard));
            whole.Fill(0xE7);
            byte* data = memory + Guard + misalign;
            bytes.CopyTo(new Span<byte>(data, bytes.Length));
            TestRequest request = Submit(
                request =>
                {
                    request.OffsetBytes = offset;
                    request.LengthBytes = bytes.Length;
                    request.Data = data;
                },
                submit).GetAwaiter().GetResult();
            new ReadOnlySpan<byte>(data, bytes.Length).CopyTo(bytes);
            Assert.False(whole[..(Guard + misalign)].ContainsAnyExcept((byte)0xE7));
            Assert.False(whole[(Guard + misalign + bytes.Length)..].ContainsAnyExcept((byte)0xE7));
            return request;
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }
}

/// <summary>A request that a test awaits.</summary>
internal sealed unsafe class TestRequest : StoreRequest
{
    private readonly TaskCompletionSource<TestRequest> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Task<TestRequest> Ended => _ended.Task;

    /// <summary>Data, for asynchronous tests, which know no pointers.</summary>
    internal nint Address
    {
        set => Data = (byte*)value;
    }

    protected internal override void OnEnded() => _ended.SetResult(this);
}

/// <summary>A request that calls back; reused.</summary>
internal sealed unsafe class CallbackRequest(Action<CallbackRequest> ended) : StoreRequest
{
    internal nint Address
    {
        set => Data = (byte*)value;
    }

    protected internal override void OnEnded() => ended(this);
}

internal sealed class TestMessage : IoMessage
{
    private readonly TaskCompletionSource _ran = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Task Ran => _ran.Task;

    protected internal override void Run() => _ran.SetResult();
}

/// <summary>Bytes that tell where they belong.</summary>
internal static class Pattern
{
    internal static byte[] Of(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
