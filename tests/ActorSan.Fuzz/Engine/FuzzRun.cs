using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace ActorSan.Fuzz.Engine;

internal sealed record FuzzOptions(long Inputs, int Seed, TimeSpan Limit, string CorpusDirectory, string FindingsDirectory, bool Keep);

/// <summary>
/// One target, one seed. The same seed makes the same inputs in the same order. A finding is an exception, an input that does not end (a second thread watches), or
/// one that makes the product allocate without bound; the input is written down and the run ends.
/// </summary>
internal sealed class FuzzRun(FuzzTarget target, FuzzOptions options, TextWriter output)
{
    private const long MaxAllocatedBytes = 16 << 20;
    private const int MaxCorpus = 20_000;
    private static readonly TimeSpan s_hang = TimeSpan.FromSeconds(20);

    private readonly List<byte[]> _corpus = [];
    private readonly HashSet<ulong> _known = [];
    private readonly Features _features = new();
    private readonly Lock _watch = new();
    private byte[] _current = [];
    private int _currentBytes;
    private long _done;
    private long _slowest;

    /// <summary>The number of findings: 0 or 1.</summary>
    internal int Fuzz(CancellationToken stop)
    {
        _current = new byte[target.MaxInputBytes];
        using var watchdog = new Timer(_ => Watch(), null, s_hang, s_hang);
        foreach (byte[] seed in target.Seeds().Concat(Stored()))
        {
            if (!Try(seed))
            {
                return 1;
            }

            Learn(seed, keep: false, always: true);
        }

        var random = new Random(options.Seed);
        var mutator = new Mutator(random, target.MaxInputBytes);
        var clock = Stopwatch.StartNew();
        TimeSpan told = TimeSpan.Zero;
        while (_done < options.Inputs && clock.Elapsed < options.Limit && !stop.IsCancellationRequested)
        {
            ReadOnlySpan<byte> mutant = mutator.Make(target, Pick(random), Pick(random));
            if (!Try(mutant))
            {
                return 1;
            }

            Learn(mutant, options.Keep, always: false);
            if ((_done & 0xFFF) == 0 && clock.Elapsed - told > TimeSpan.FromSeconds(10))
            {
                told = clock.Elapsed;
                Tell(clock.Elapsed);
            }
        }

        Tell(clock.Elapsed);
        return 0;
    }

    /// <summary>Runs what is stored and the seeds, once each.</summary>
    internal int Replay()
    {
        _current = new byte[target.MaxInputBytes];
        using var watchdog = new Timer(_ => Watch(), null, s_hang, s_hang);
        foreach (byte[] input in target.Seeds().Concat(Stored()))
        {
            if (!Try(input))
            {
                return 1;
            }
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target.Name}: {_done} inputs replayed, no finding"));
        return 0;
    }

    private byte[] Pick(Random random) =>
        random.Next(3) == 0 ? _corpus[_corpus.Count - 1 - random.Next(Math.Min(_corpus.Count, 64))] : _corpus[random.Next(_corpus.Count)];

    private IEnumerable<byte[]> Stored() => Directory.Exists(options.CorpusDirectory)
        ? Directory.EnumerateFiles(options.CorpusDirectory).Order(StringComparer.Ordinal).Select(File.ReadAllBytes).Where(input => input.Length <= target.MaxInputBytes)
        : [];

    private bool Try(ReadOnlySpan<byte> input)
    {
        lock (_watch)
        {
            input.CopyTo(_current);
            _currentBytes = input.Length;
            _done++;
        }

        _features.Clear();
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            target.Run(input, _features);
        }
        catch (Exception failure)
        {
            Report(failure.ToString());
            return false;
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > MaxAllocatedBytes)
        {
            Report($"one input of {input.Length} bytes made {allocated} bytes of managed allocation");
            return false;
        }

        return true;
    }

    private void Learn(ReadOnlySpan<byte> input, bool keep, bool always)
    {
        bool isNew = false;
        bool isNewThing = false;
        foreach (ulong feature in _features.Seen)
        {
            if (_known.Add(feature))
            {
                isNew = true;
                isNewThing |= !Features.IsDetail(feature);
            }
        }

        if ((!isNew && !always) || _corpus.Count >= MaxCorpus)
        {
            return;
        }

        byte[] kept = input.ToArray();
        _corpus.Add(kept);

        // On disk only what showed something new by itself: new sequences of known things are too many to keep.
        if (keep && isNewThing)
        {
            Write(options.CorpusDirectory, kept, "");
        }
    }

    private void Watch()
    {
        byte[] input;
        lock (_watch)
        {
            if (_done != _slowest)
            {
                _slowest = _done;
                return;
            }

            input = _current[.._currentBytes];
        }

        string file = Write(options.FindingsDirectory, input, "hang-");
        output.WriteLine($"{target.Name}: an input has not ended for {s_hang.TotalSeconds:0} s: {file}");
        output.Flush();
        Environment.Exit(1);
    }

    private void Report(string what)
    {
        string file = Write(options.FindingsDirectory, _current[.._currentBytes], "finding-");
        output.WriteLine($"{target.Name}: input {_done} of seed {options.Seed} found: {what}");
        output.WriteLine($"{target.Name}: the input is {file}");
    }

    private string Write(string directory, byte[] input, string prefix)
    {
        Directory.CreateDirectory(directory);
        string file = Path.Combine(directory, prefix + Convert.ToHexStringLower(SHA256.HashData(input).AsSpan(0, 8)));
        File.WriteAllBytes(file, input);
        return file;
    }

    private void Tell(TimeSpan elapsed) => output.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{target.Name}: {_done} inputs in {elapsed.TotalSeconds:0} s ({_done / Math.Max(0.001, elapsed.TotalSeconds):0}/s), {_known.Count} features, corpus {_corpus.Count}"));
}
