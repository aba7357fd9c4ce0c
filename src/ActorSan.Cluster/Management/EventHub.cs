using System.Threading.Channels;

namespace ActorSan.Cluster.Management;

/// <summary>Hands whatever happens to all who subscribed; a slow reader loses the oldest, and is told how many. Any thread.</summary>
public sealed class EventHub<T> : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Subscription> _all = [];
    private readonly Queue<T> _kept = new();
    private readonly int _keep;
    private bool _over;

    /// <param name="keep">The newest so many are kept for those who subscribe later.</param>
    public EventHub(int keep = 0) => _keep = keep;

    /// <param name="last">Of what was kept, so many come first.</param>
    public ISubscription<T> Subscribe(int capacity, int last, Predicate<T> wanted)
    {
        var made = new Subscription(this, capacity, wanted);
        lock (_gate)
        {
            foreach (T one in _kept.Where(one => wanted(one)).TakeLast(last).ToArray())
            {
                made.Offer(one);
            }

            if (_over)
            {
                made.End();
            }
            else
            {
                _all.Add(made);
            }
        }

        return made;
    }

    public void Tell(T one)
    {
        lock (_gate)
        {
            if (_keep > 0)
            {
                _kept.Enqueue(one);
                if (_kept.Count > _keep)
                {
                    _ = _kept.Dequeue();
                }
            }

            foreach (Subscription subscription in _all)
            {
                subscription.Offer(one);
            }
        }
    }

    /// <summary>Every stream ends.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _over = true;
            _all.ForEach(subscription => subscription.End());
            _all.Clear();
        }
    }

    private void Remove(Subscription subscription)
    {
        lock (_gate)
        {
            _ = _all.Remove(subscription);
        }
    }

    private sealed class Subscription : ISubscription<T>
    {
        private readonly EventHub<T> _hub;
        private readonly Channel<T> _channel;
        private readonly Predicate<T> _wanted;
        private long _lost;

        public Subscription(EventHub<T> hub, int capacity, Predicate<T> wanted)
        {
            _hub = hub;
            _wanted = wanted;
            _channel = Channel.CreateBounded<T>(new BoundedChannelOptions(capacity) { FullMode = BoundedChannelFullMode.DropOldest }, _ => Interlocked.Increment(ref _lost));
        }

        public ChannelReader<T> Reader => _channel.Reader;

        public long Lost => Interlocked.Read(ref _lost);

        public void Offer(T one)
        {
            if (_wanted(one))
            {
                _ = _channel.Writer.TryWrite(one);
            }
        }

        public void End() => _ = _channel.Writer.TryComplete();

        public void Dispose()
        {
            End();
            _hub.Remove(this);
        }
    }
}
