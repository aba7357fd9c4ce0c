using System.Buffers;
using System.Text.Json;
using ActorSan.Workload.Paths;

namespace ActorSan.Workload.Recording;

/// <summary>
/// Writes a history: JSON lines, times in nanoseconds of the machine's monotonic clock, so that histories of several processes can be judged together.
/// <code>
/// {"t":"start","at":…,"utc":"…","run":R,"target":"…","blockBytes":512}          first line of each process; values are R · 2^36 + a count, from 1 on
/// {"t":"begin","at":…,"op":N,"client":C,"do":"write","block":B,"count":K,"value":V,"fua":true}
/// {"t":"begin",…,"do":"read","block":B,"count":K}
/// {"t":"begin",…,"do":"compare","block":B,"expected":E,"value":V}                 COMPARE AND WRITE of one block
/// {"t":"begin",…,"do":"flush"}
/// {"t":"try","at":…,"ended":…,"op":N,"path":P,"kind":"Lost","saw":"…"}            an attempt that was no answer; the operation went on
/// {"t":"end","at":…,"op":N,"path":P,"outcome":"good","values":[…]}                values: of a read, one for each block
/// {"t":"end",…,"outcome":"unknown"}                                               it may have taken effect or not, at any time since it began, or may never
/// {"t":"end",…,"outcome":"none"}                                                  it certainly has had no effect
/// {"t":"end",…,"outcome":"miscompare"}                                            of a compare: the block was something other than E
/// {"t":"violation","at":…,"what":"…"}                                             seen by the client itself: a damaged block, a lost reservation
/// {"t":"stop","at":…}                                                             last line of a process that ended in order
/// </code>
/// A begin is in the file before the command is sent. One that never ends is unknown.
/// </summary>
internal sealed class HistoryWriter : IDisposable
{
    private readonly Lock _gate = new();
    private readonly FileStream? _file;
    private readonly ArrayBufferWriter<byte> _line = new(4096);
    private readonly Utf8JsonWriter _json;
    private long _operations;

    /// <param name="path">Null: nothing is kept.</param>
    internal HistoryWriter(string? path)
    {
        _file = path is null ? null : new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, 1 << 16);
        _json = new Utf8JsonWriter(_line);
    }

    internal long Violations { get; private set; }

    internal void Start(int run, string target, int blockBytes) => Line("start", Clock.Now, json =>
    {
        json.WriteString("utc", DateTime.UtcNow);
        json.WriteNumber("run", run);
        json.WriteString("target", target);
        json.WriteNumber("blockBytes", blockBytes);
    });

    internal long BeginWrite(int client, long block, int count, ulong value, bool fua) => Begin(client, "write", json =>
    {
        json.WriteNumber("block", block);
        json.WriteNumber("count", count);
        json.WriteNumber("value", value);
        if (fua)
        {
            json.WriteBoolean("fua", true);
        }
    });

    internal long BeginRead(int client, long block, int count) => Begin(client, "read", json =>
    {
        json.WriteNumber("block", block);
        json.WriteNumber("count", count);
    });

    internal long BeginCompare(int client, long block, ulong expected, ulong value) => Begin(client, "compare", json =>
    {
        json.WriteNumber("block", block);
        json.WriteNumber("expected", expected);
        json.WriteNumber("value", value);
    });

    internal long BeginFlush(int client) => Begin(client, "flush", static _ => { });

    internal void Tried(long operation, int path, long from, long to, AttemptResult result) => Line("try", from, json =>
    {
        json.WriteNumber("ended", to);
        json.WriteNumber("op", operation);
        json.WriteNumber("path", path);
        json.WriteString("kind", result.Kind.ToString());
        json.WriteString("saw", result.Text);
    });

    /// <param name="operation">What its begin returned.</param>
    /// <param name="at">When the answer was there.</param>
    /// <param name="path">Which answered; -1: none.</param>
    /// <param name="outcome">good, unknown, none or miscompare.</param>
    /// <param name="values">Of a read.</param>
    internal void End(long operation, long at, int path, string outcome, IReadOnlyList<ulong>? values = null) => Line("end", at, json =>
    {
        json.WriteNumber("op", operation);
        json.WriteNumber("path", path);
        json.WriteString("outcome", outcome);
        if (values is not null)
        {
            json.WriteStartArray("values");
            foreach (ulong value in values)
            {
                json.WriteNumberValue(value);
            }

            json.WriteEndArray();
        }
    });

    internal void Violation(string what)
    {
        Line("violation", Clock.Now, json => json.WriteString("what", what));
        Violations++;
    }

    public void Dispose()
    {
        Line("stop", Clock.Now, static _ => { });
        _file?.Dispose();
        _json.Dispose();
    }

    private long Begin(int client, string what, Action<Utf8JsonWriter> rest)
    {
        long operation = Interlocked.Increment(ref _operations);
        Line("begin", Clock.Now, json =>
        {
            json.WriteNumber("op", operation);
            json.WriteNumber("client", client);
            json.WriteString("do", what);
            rest(json);
        });
        lock (_gate)
        {
            _file?.Flush();
        }

        return operation;
    }

    private void Line(string type, long at, Action<Utf8JsonWriter> rest)
    {
        lock (_gate)
        {
            if (_file is null)
            {
                return;
            }

            _line.ResetWrittenCount();
            _json.Reset(_line);
            _json.WriteStartObject();
            _json.WriteString("t", type);
            _json.WriteNumber("at", at);
            rest(_json);
            _json.WriteEndObject();
            _json.Flush();
            _file.Write(_line.WrittenSpan);
            _file.WriteByte((byte)'\n');
        }
    }
}
