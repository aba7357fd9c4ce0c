using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>What a request asks of a store.</summary>
internal enum StoreCall : byte
{
    Read,
    Write,
    Zero,
    Provision,
    Extend,
    Flush,
    MapStatus,
}

/// <summary>
/// Faults over another store, on its thread: the nth request of a kind fails with any status, everything fails once the medium has vanished, and requests are held until the
/// test releases them. What fails here never reaches the inner store.
/// </summary>
internal sealed class FaultyStore(IStore inner) : IStore
{
    private readonly List<Fault> _faults = [];
    private readonly Queue<(StoreCall Call, StoreRequest Request)> _held = new();
    private readonly int[] _seen = new int[Enum.GetValues<StoreCall>().Length];
    private readonly HashSet<StoreCall> _holding = [];
    private bool _vanished;

    public IoThread Home => inner.Home;

    public StoreTraits Traits => inner.Traits;

    public string Description => inner.Description;

    internal int HeldCount => _held.Count;

    /// <summary>How many requests of the kind came.</summary>
    internal int Seen(StoreCall call) => _seen[(int)call];

    /// <summary>The nth request of the kind from now on (1 is the next) ends with the status; with <paramref name="andLater"/> so do those after it.</summary>
    internal void Fail(StoreCall call, int nth, StoreStatus status, int errno, bool andLater = false) => _faults.Add(new Fault(call, Seen(call) + nth, status, errno, andLater));

    /// <summary>From here on every request ends with Vanished.</summary>
    internal void Vanish() => _vanished = true;

    /// <summary>Requests of the kind wait from here on.</summary>
    internal void Hold(StoreCall call) => _holding.Add(call);

    /// <summary>Those that wait go on in their order, and none waits any more.</summary>
    internal void Release()
    {
        _holding.Clear();
        while (_held.TryDequeue(out (StoreCall Call, StoreRequest Request) next))
        {
            Pass(next.Call, next.Request);
        }
    }

    /// <summary>The oldest that waits goes on; the rest stays.</summary>
    internal void ReleaseOne()
    {
        (StoreCall call, StoreRequest request) = _held.Dequeue();
        Pass(call, request);
    }

    public void Read(StoreRequest request) => Submit(StoreCall.Read, request);

    public void Write(StoreRequest request) => Submit(StoreCall.Write, request);

    public void Zero(StoreRequest request) => Submit(StoreCall.Zero, request);

    public void Provision(StoreRequest request) => Submit(StoreCall.Provision, request);

    public void Extend(StoreRequest request) => Submit(StoreCall.Extend, request);

    public void Flush(StoreRequest request) => Submit(StoreCall.Flush, request);

    public void MapStatus(StoreRequest request) => Submit(StoreCall.MapStatus, request);

    public void Close(IoMessage? closed) => inner.Close(closed);

    private void Submit(StoreCall call, StoreRequest request)
    {
        int number = ++_seen[(int)call];
        if (_vanished)
        {
            request.End(StoreStatus.Vanished, Errno.ENODEV);
            return;
        }

        Fault? fault = _faults.Find(fault => fault.Call == call && (fault.Number == number || (fault.AndLater && number > fault.Number)));
        if (fault is not null)
        {
            request.End(fault.Status, fault.Errno);
        }
        else if (_holding.Contains(call))
        {
            _held.Enqueue((call, request));
        }
        else
        {
            Pass(call, request);
        }
    }

    private void Pass(StoreCall call, StoreRequest request)
    {
        Action<StoreRequest> submit = call switch
        {
            StoreCall.Read => inner.Read,
            StoreCall.Write => inner.Write,
            StoreCall.Zero => inner.Zero,
            StoreCall.Provision => inner.Provision,
            StoreCall.Extend => inner.Extend,
            StoreCall.Flush => inner.Flush,
            StoreCall.MapStatus => inner.MapStatus,
            _ => throw new ArgumentOutOfRangeException(nameof(call), call, "no such call"),
        };
        submit(request);
    }

    private sealed record Fault(StoreCall Call, int Number, StoreStatus Status, int Errno, bool AndLater);
}
