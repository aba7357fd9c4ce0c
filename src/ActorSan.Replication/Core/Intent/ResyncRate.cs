using ActorSan.Storage;

namespace ActorSan.Replication.Core.Intent;

/// <summary>How a resync may disturb (S5).</summary>
/// <param name="FloorBytesPerSecond"><c>resync.min-rate</c>: whatever the foreground does, so that it ends.</param>
/// <param name="CeilingBytesPerSecond"><c>resync.max-rate</c>.</param>
/// <param name="LatencyFactor">A mean latency of the foreground above this times that without resync is too much.</param>
/// <param name="LatencyFreeNs">Below this no latency is too much.</param>
public readonly record struct ResyncRateSettings(
    long FloorBytesPerSecond,
    long CeilingBytesPerSecond,
    double LatencyFactor = 1.5,
    long LatencyFreeNs = 1_000_000);

/// <summary>
/// How fast a resync may go now (S5): a token bucket whose rate is looked at ten times a second. Too slow a foreground takes three tenths of the rate, a satisfied one adds a
/// sixty-fourth of the ceiling, none at all doubles it, and then makes it four times as much; one of which nothing has ended yet leaves it. What is too slow is
/// measured against the latency that the foreground had when resync was at the floor.
/// </summary>
public sealed class ResyncRate
{
    private const long IntervalNs = 100_000_000;
    private const long SecondNs = 1_000_000_000;

    private readonly ResyncRateSettings _settings;
    private readonly long _capacity;
    private readonly int _pieceBytes;
    private long _tokens;
    private long _atNs;
    private UInt128 _fraction;
    private long _intervalEndNs;
    private long _requests;
    private long _requestsBefore;
    private bool _isWaitedFor;
    private long _owedBytes;
    private double _latencySumNs;

    /// <param name="pieceBytes">The most that is taken at once: the bucket holds that or a twentieth of a second at the ceiling, whichever is more.</param>
    public ResyncRate(ResyncRateSettings settings, int pieceBytes, long nowNs)
    {
        Invariant.Check(settings.FloorBytesPerSecond > 0 && settings.CeilingBytesPerSecond >= settings.FloorBytesPerSecond && settings.LatencyFactor >= 1 && pieceBytes > 0);
        _settings = settings;
        _pieceBytes = pieceBytes;
        _capacity = Math.Max(pieceBytes, settings.CeilingBytesPerSecond / 20);
        _tokens = pieceBytes;
        _atNs = nowNs;
        _intervalEndNs = nowNs + IntervalNs;
        BytesPerSecond = settings.FloorBytesPerSecond;
    }

    /// <summary>Now.</summary>
    public long BytesPerSecond { get; private set; }

    /// <summary>The mean latency of the foreground with resync at the floor; 0: not known yet.</summary>
    public double BaselineNs { get; private set; }

    /// <summary>The most that can be allowed beyond rate × time.</summary>
    public long BurstBytes => _capacity;

    /// <summary>Initiators have asked for something, in this tenth of a second or in the one before.</summary>
    public bool HasForeground => _isWaitedFor || _requests > 0 || _requestsBefore > 0;

    /// <summary>Less was taken than the floor allows, by two pieces or more, in the last half second: whoever bounds what is under way keeps the floor from being kept.</summary>
    public bool OwesFloor => _owedBytes >= 2L * _pieceBytes;

    /// <summary>How many pieces may be under way: what is sent for initiators goes behind them. A peer that is far away needs more of them for the floor.</summary>
    /// <param name="alone">While no initiator asks.</param>
    /// <param name="beside">While one does.</param>
    public int Depth(int alone, int beside) => HasForeground && !OwesFloor ? Math.Min(alone, beside) : alone;

    /// <summary>A request of an initiator is under way: though none may have ended, somebody may be disturbed.</summary>
    public void OnWaiting() => _isWaitedFor = true;

    /// <summary>A request of an initiator is complete.</summary>
    public void OnForeground(long latencyNs)
    {
        _requests++;
        _latencySumNs += latencyNs;
    }

    /// <summary>Takes the bytes if they are allowed now.</summary>
    /// <param name="wakeNs">When to ask again if not.</param>
    public bool TryTake(int bytes, long nowNs, out long wakeNs)
    {
        Advance(nowNs);
        wakeNs = 0;
        long needed = Math.Min(bytes, _capacity);
        if (_tokens >= needed)
        {
            _tokens -= bytes;
            _owedBytes = Math.Max(0, _owedBytes - bytes);
            return true;
        }

        var wait = (UInt128)(ulong)(needed - _tokens) * SecondNs / (ulong)BytesPerSecond;
        wakeNs = Math.Min(nowNs + (long)wait + 1, Math.Max(_intervalEndNs, nowNs + 1));
        return false;
    }

    /// <summary>Nothing is there to be copied: the foreground has the latency of its own doing, and whatever begins next begins at the floor.</summary>
    public void Rest(long nowNs)
    {
        BytesPerSecond = _settings.FloorBytesPerSecond;
        _owedBytes = 0;
        if (nowNs < _intervalEndNs)
        {
            return;
        }

        if (_requests > 0)
        {
            Learn(_latencySumNs / _requests);
        }

        Accrue(nowNs);
        _intervalEndNs = nowNs + IntervalNs;
        _requestsBefore = _requests;
        _isWaitedFor = false;
        _requests = 0;
        _latencySumNs = 0;
    }

    private void Advance(long nowNs)
    {
        // What passed before the rate changes is counted at the rate that it had.
        if (nowNs >= _intervalEndNs)
        {
            Accrue(_intervalEndNs);
            Adjust();
            _intervalEndNs = nowNs - _intervalEndNs < IntervalNs ? _intervalEndNs + IntervalNs : nowNs + IntervalNs;
        }

        Accrue(nowNs);
    }

    private void Accrue(long toNs)
    {
        if (toNs <= _atNs)
        {
            return;
        }

        _owedBytes = (long)Math.Min(Math.Max(_settings.FloorBytesPerSecond / 2, 2L * _pieceBytes), _owedBytes + ((toNs - _atNs) * (double)_settings.FloorBytesPerSecond / SecondNs));
        UInt128 earned = ((UInt128)(ulong)(toNs - _atNs) * (ulong)BytesPerSecond) + _fraction;
        _atNs = toNs;
        UInt128 whole = earned / SecondNs;
        _fraction = earned % SecondNs;
        if (whole >= (UInt128)(ulong)(_capacity - _tokens))
        {
            _tokens = _capacity;
            _fraction = 0;
        }
        else
        {
            _tokens += (long)whole;
        }
    }

    private void Adjust()
    {
        long rate = BytesPerSecond;
        if (_requests == 0 && _isWaitedFor)
        {
            // Somebody may be, and how much is not known yet.
        }
        else if (_requests == 0)
        {
            // Nobody is disturbed; where the tenth before this one was the same, it is no pause between two requests.
            int more = _requestsBefore == 0 ? 4 : 2;
            rate = rate > _settings.CeilingBytesPerSecond / more ? _settings.CeilingBytesPerSecond : rate * more;
        }
        else
        {
            double mean = _latencySumNs / _requests;
            Learn(mean);
            rate = mean <= Math.Max(_settings.LatencyFreeNs, BaselineNs * _settings.LatencyFactor) ? rate + Math.Max(1, _settings.CeilingBytesPerSecond / 64)
                : BaselineNs == 0 ? _settings.FloorBytesPerSecond
                : (long)(rate * 0.7);
        }

        BytesPerSecond = Math.Clamp(rate, _settings.FloorBytesPerSecond, _settings.CeilingBytesPerSecond);
        _requestsBefore = _requests;
        _isWaitedFor = false;
        _requests = 0;
        _latencySumNs = 0;
    }

    /// <summary>
    /// A lower latency is believed at once; a higher one only at the floor, where it is the foreground's own doing: else what resync adds would become what it may add to.
    /// </summary>
    private void Learn(double mean)
    {
        if (BytesPerSecond == _settings.FloorBytesPerSecond)
        {
            BaselineNs += BaselineNs == 0 || mean < BaselineNs ? mean - BaselineNs : (mean - BaselineNs) / 8;
        }
        else
        {
            BaselineNs = Math.Min(BaselineNs, mean);
        }
    }
}
