using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using ActorSan.Simulator.Check;

namespace ActorSan.Simulator.World;

/// <summary>
/// One seed's world: virtual time, everything that will happen, and what was found wrong. Single-threaded; nothing in it knows the real time or another world. The first
/// violation ends the run.
/// </summary>
public sealed class SimWorld : IDisposable
{
    private readonly EventHeap _heap = new();
    private readonly List<SimNode> _nodes = [];
    private readonly List<string>? _trace;
    private ulong _hash = 0xCBF29CE484222325UL;

    /// <param name="seed">Of all its luck.</param>
    /// <param name="tracing">Lines of story are collected in <see cref="TraceLines"/>.</param>
    public SimWorld(ulong seed, bool tracing = false)
    {
        Seed = seed;
        _trace = tracing ? [] : null;
        Facts = new Facts(this);
    }

    public ulong Seed { get; }

    /// <summary>True time in nanoseconds; begins at a second. Clocks of nodes are offset and drift (<see cref="SimClock"/>).</summary>
    public long Now { get; private set; } = 1_000_000_000;

    public long Events { get; private set; }

    /// <summary>Of all that happened, in order: equal for two runs of one plan, or something that is not the seed had a say.</summary>
    public ulong Hash => _hash;

    /// <summary>The first one; null when all was well.</summary>
    public string? Violation { get; private set; }

    public bool Tracing => _trace is not null;

    public IReadOnlyList<string> TraceLines => _trace ?? [];

    public Facts Facts { get; }

    public SimMemory Memory { get; } = new();

    public IReadOnlyList<SimNode> Nodes => _nodes;

    public SimNode AddNode(string name)
    {
        var node = new SimNode(this, name, _nodes.Count);
        _nodes.Add(node);
        return node;
    }

    public SimRandom Random(string part, int index = 0) => SimRandom.For(Seed, part, index);

    /// <summary>In the past means now, after what is already due now.</summary>
    public void At(long time, SimEvent what) => _heap.Push(time < Now ? Now : time, what);

    public void After(long delayNs, SimEvent what) => _heap.Push(Now + (delayNs > 0 ? delayNs : 0), what);

    /// <summary>For set-up, faults and tests: allocates.</summary>
    public void At(long time, Action action) => At(time, new ActionEvent(action));

    /// <summary>For set-up, faults and tests: allocates.</summary>
    public void After(long delayNs, Action action) => After(delayNs, new ActionEvent(action));

    /// <summary>
    /// Runs until that time, the first violation, or <paramref name="maxEvents"/> in this call, which is a violation too (something answers itself for ever). An exception of
    /// the code under test is a violation.
    /// </summary>
    public void RunUntil(long time, long maxEvents = 50_000_000)
    {
        long limit = Events + maxEvents;
        try
        {
            while (_heap.Count > 0 && _heap.NextTime <= time && Violation is null)
            {
                SimEvent what = _heap.Pop(out long at);
                Now = at;
                if (++Events > limit)
                {
                    Fail($"more than {maxEvents} events in one run");
                    return;
                }

                SimSide? side = what.Side;
                if (side is null)
                {
                    Mix((ulong)at ^ ((ulong)what.Code << 48));
                    what.Run();
                }
                else
                {
                    side.Dispatch(what);
                }
            }
        }
        catch (Exception failure)
        {
            Fail(failure is SimViolationException ? failure.Message : failure.ToString());
        }

        if (Violation is null && Now < time)
        {
            Now = time;
        }
    }

    /// <summary>Part of the hash: what a run did beyond the times and kinds of its events.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Mix(ulong value) => _hash = BitOperations.RotateLeft((_hash ^ value) * 0x9E3779B97F4A7C15UL, 29);

    /// <summary>Something that must not be. Only the first is kept.</summary>
    public void Fail(string violation)
    {
        if (Violation is null)
        {
            Violation = violation;
            Trace(null, "VIOLATION", violation);
        }
    }

    /// <summary>A line of story; ask <see cref="Tracing"/> first, so that no text is made for nobody.</summary>
    public void Trace(string? node, string what, string text) =>
        _trace?.Add(string.Create(CultureInfo.InvariantCulture, $"{(Now - 1_000_000_000) / 1e6,12:F3} ms  {node ?? "-",-8} {what,-14} {text}"));

    public void Dispose() => Memory.Dispose();
}

/// <summary>Thrown by simulated things when the code under test breaks their contract and must not go on.</summary>
public sealed class SimViolationException(string text) : Exception(text);
