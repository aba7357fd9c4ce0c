using System.Globalization;
using System.Text.Json;
using ActorSan.Simulator.Check;

namespace ActorSan.Workload.Checking;

/// <summary>The histories of one or more processes on one unit, read from their files (<see cref="Recording.HistoryWriter"/> has the format) and put together.</summary>
internal sealed class RecordedHistory
{
    private readonly SortedDictionary<long, List<BlockOp>> _blocks = [];
    private readonly List<FlushRecord> _flushes = [];
    private readonly List<string> _violations = [];
    private readonly HashSet<int> _runs = [];
    private long _origin = -1;
    private int _clients;

    internal IReadOnlyDictionary<long, List<BlockOp>> Blocks => _blocks;

    internal IReadOnlyList<FlushRecord> Flushes => _flushes;

    /// <summary>What the clients saw themselves.</summary>
    internal IReadOnlyList<string> Violations => _violations;

    /// <summary>Operations that began.</summary>
    internal long Operations { get; private set; }

    /// <summary>Of them, those of which nobody knows the outcome.</summary>
    internal long Unknown { get; private set; }

    /// <summary>Of one block, in bytes.</summary>
    internal int BlockBytes { get; private set; }

    /// <summary>A recorded time as the checker counts it.</summary>
    internal long Rebased(long at) => at - _origin + 1_000_000_000;

    /// <summary>Reads one more file.</summary>
    /// <exception cref="WorkloadException">It is no history, or not one of the same unit.</exception>
    internal void Add(string file)
    {
        if (!File.Exists(file))
        {
            throw new WorkloadException($"there is no history {file}");
        }

        var open = new Dictionary<long, Begun>();
        int number = 0;
        bool started = false;
        using var lines = new StreamReader(file);
        while (lines.ReadLine() is { } line)
        {
            number++;
            JsonElement root;
            try
            {
                using var document = JsonDocument.Parse(line);
                root = document.RootElement.Clone();
            }
            catch (JsonException) when (lines.EndOfStream && started)
            {
                // Its process was killed as it wrote this: nothing that it says was ever acted upon.
                break;
            }
            catch (JsonException damaged)
            {
                throw new WorkloadException($"{file}, line {number} is not JSON: {damaged.Message}");
            }

            try
            {
                Take(root, open, ref started);
            }
            catch (Exception odd) when (odd is KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw new WorkloadException($"{file}, line {number} is not a line of a history: {odd.Message}");
            }
        }

        foreach (Begun begun in open.Values)
        {
            Unanswered(begun);
        }

        _clients += 1000;
    }

    private void Take(JsonElement line, Dictionary<long, Begun> open, ref bool started)
    {
        string? type = line.GetProperty("t").GetString();
        long at = line.GetProperty("at").GetInt64();
        if (!started)
        {
            Start(type, at, line);
            started = true;
            return;
        }

        switch (type)
        {
            case "begin":
                Operations++;
                open.Add(line.GetProperty("op").GetInt64(), Begun.Of(line, Rebased(at), _clients));
                break;
            case "end":
                long operation = line.GetProperty("op").GetInt64();
                if (!open.Remove(operation, out Begun begun))
                {
                    throw new FormatException($"operation {operation} ends without a begin");
                }

                End(begun, Rebased(at), line);
                break;
            case "violation":
                _violations.Add(line.GetProperty("what").GetString() ?? "");
                break;
            case "try" or "stop":
                break;
            default:
                throw new FormatException($"unknown type '{type}'");
        }
    }

    private void Start(string? type, long at, JsonElement line)
    {
        if (type != "start")
        {
            throw new FormatException("the first line is not a start");
        }

        int blockBytes = line.GetProperty("blockBytes").GetInt32();
        if (BlockBytes != 0 && BlockBytes != blockBytes)
        {
            throw new FormatException($"blocks of {blockBytes} bytes, but the other histories have blocks of {BlockBytes}: they are of different units");
        }

        int run = line.GetProperty("run").GetInt32();
        if (!_runs.Add(run))
        {
            throw new FormatException($"run {run} is there twice: its values would not be unique");
        }

        BlockBytes = blockBytes;
        _origin = _origin < 0 ? at : _origin;
    }

    private void End(in Begun begun, long at, JsonElement line)
    {
        string? outcome = line.GetProperty("outcome").GetString();
        switch (outcome)
        {
            case "unknown":
                Unanswered(begun);
                return;
            case "none":
                return;
            case "miscompare" when begun.Kind == "compare":
                Add(begun, BlockOp.NotEqual(begun.At, at, begun.Expected), begun.Block);
                return;
            case "good":
                break;
            default:
                throw new FormatException($"unknown outcome '{outcome}' of a {begun.Kind}");
        }

        switch (begun.Kind)
        {
            case "write":
                Each(begun, BlockOp.Write(begun.At, at, begun.Value, begun.Durable));
                break;
            case "compare":
                Add(begun, BlockOp.Compare(begun.At, at, begun.Expected, begun.Value), begun.Block);
                break;
            case "flush":
                _flushes.Add(new FlushRecord(begun.At, at));
                break;
            default:
                JsonElement values = line.GetProperty("values");
                if (values.GetArrayLength() != begun.Count)
                {
                    throw new FormatException($"{values.GetArrayLength()} values of a read of {begun.Count} blocks");
                }

                for (int i = 0; i < begun.Count; i++)
                {
                    Add(begun, BlockOp.Read(begun.At, at, values[i].GetUInt64()), begun.Block + i);
                }

                break;
        }
    }

    private void Unanswered(in Begun begun)
    {
        Unknown++;
        if (begun.Kind == "write")
        {
            Each(begun, BlockOp.Write(begun.At, BlockOp.Never, begun.Value, begun.Durable));
        }
        else if (begun.Kind == "compare")
        {
            Add(begun, BlockOp.Compare(begun.At, BlockOp.Never, begun.Expected, begun.Value), begun.Block);
        }
    }

    private void Each(in Begun begun, BlockOp op)
    {
        for (int i = 0; i < begun.Count; i++)
        {
            Add(begun, op, begun.Block + i);
        }
    }

    private void Add(in Begun begun, BlockOp op, long block)
    {
        op.Client = begun.Client;
        if (!_blocks.TryGetValue(block, out List<BlockOp>? ops))
        {
            _blocks[block] = ops = [];
        }

        ops.Add(op);
    }

    private readonly record struct Begun(string Kind, long At, int Client, long Block, int Count, ulong Value, ulong Expected, bool Durable)
    {
        internal static Begun Of(JsonElement line, long at, int clients)
        {
            string kind = line.GetProperty("do").GetString() ?? "";
            int client = clients + line.GetProperty("client").GetInt32();
            return kind switch
            {
                "write" => new Begun(kind, at, client, Number(line, "block"), (int)Number(line, "count"), line.GetProperty("value").GetUInt64(), 0, line.TryGetProperty("fua", out JsonElement fua) && fua.GetBoolean()),
                "read" => new Begun(kind, at, client, Number(line, "block"), (int)Number(line, "count"), 0, 0, Durable: false),
                "compare" => new Begun(kind, at, client, Number(line, "block"), 1, line.GetProperty("value").GetUInt64(), line.GetProperty("expected").GetUInt64(), Durable: false),
                "flush" => new Begun(kind, at, client, 0, 0, 0, 0, Durable: false),
                _ => throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"unknown operation '{kind}'")),
            };
        }

        private static long Number(JsonElement line, string name) => line.GetProperty(name).GetInt64();
    }
}
