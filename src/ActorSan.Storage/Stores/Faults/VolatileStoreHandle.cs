using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores.Faults;

/// <summary>
/// For tests of the whole daemon: <c>ACTORSAN_TEST_VOLATILE_STORE=1</c> in its environment puts a <see cref="VolatileStore"/> over every file and device that it opens, so that
/// kill -9 loses what was not flushed. <c>ignore-flush</c> makes that store lie about flushes and durable writes besides: a test that looks for lost writes must fail
/// then. Unset, it is not there at all. Set-up writes through it are durable by contract and pass.
/// </summary>
internal sealed class VolatileStoreHandle(IStoreHandle inner, bool ignoresFlush) : IStoreHandle
{
    internal const string Variable = "ACTORSAN_TEST_VOLATILE_STORE";

    public string Description => inner.Description;

    public StoreTraits Traits => inner.Traits with { VolatileCache = true };

    public bool CanGrow => inner.CanGrow;

    public void ReadAt(long offsetBytes, Span<byte> destination) => inner.ReadAt(offsetBytes, destination);

    public void WriteAt(long offsetBytes, ReadOnlySpan<byte> source) => inner.WriteAt(offsetBytes, source);

    public void ZeroAt(long offsetBytes, long lengthBytes, bool allocate) => inner.ZeroAt(offsetBytes, lengthBytes, allocate);

    public bool IsZero(long offsetBytes, long lengthBytes) => inner.IsZero(offsetBytes, lengthBytes);

    public void SetSize(long sizeBytes) => inner.SetSize(sizeBytes);

    public void Sync() => inner.Sync();

    public IStore Attach(IoThread home) => new VolatileStore(inner.Attach(home), ignoresFlush);

    public void Dispose() => inner.Dispose();

    /// <exception cref="StoreException">The variable is set to something that it does not know.</exception>
    internal static IStoreHandle DecorateIfAsked(IStoreHandle handle) => Decorate(handle, Environment.GetEnvironmentVariable(Variable));

    internal static IStoreHandle Decorate(IStoreHandle handle, string? asked) => asked switch
    {
        null or "" or "0" => handle,
        "1" => new VolatileStoreHandle(handle, ignoresFlush: false),
        "ignore-flush" => new VolatileStoreHandle(handle, ignoresFlush: true),
        _ => throw new StoreException(StoreFault.Refused, $"{Variable} is '{asked}'; it may be 1, ignore-flush, 0 or unset. It is meant for tests: unset it on a node that matters."),
    };
}
