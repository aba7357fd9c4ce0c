using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Disk;

/// <summary>A voter's journal on its medium: records in order. A journal that was lost and made again has another incarnation (replication.md §2, Register).</summary>
public sealed class SimJournalMedium
{
    private readonly SimNode _node;
    private readonly List<object> _records = [];

    public SimJournalMedium(SimNode node)
    {
        _node = node;
        Random = node.World.Random("journal", node.Index);
        Incarnation = Random.NextGuid();
    }

    public Guid Incarnation { get; private set; }

    public IReadOnlyList<object> Records => _records;

    /// <summary>How many records were ever durable in it.</summary>
    public long WriteCount => _records.Count;

    public long LowNs { get; set; } = 100_000;

    public long HighNs { get; set; } = 20_000_000;

    public long Slowness { get; set; } = 1;

    /// <summary>Every append takes just so long; 0: it is a matter of luck.</summary>
    public long EachNs { get; set; }

    /// <summary>So many next appends fail, which ends the voter.</summary>
    public int FailAppends { get; set; }

    internal SimRandom Random { get; }

    /// <summary>Gone; the next opening makes a new one. Only while no process runs.</summary>
    public void Lose()
    {
        CheckClosed();
        _records.Clear();
        Incarnation = Random.NextGuid();
        Say("journal lost, a new one made");
    }

    /// <summary>Put back to an older state (A2), shown by the count alone. Only while no process runs.</summary>
    public void PutBack(int records)
    {
        CheckClosed();
        if (records < _records.Count)
        {
            Say($"journal put back from {_records.Count} to {records} records");
            _records.RemoveRange(records, _records.Count - records);
        }
    }

    /// <summary>Before the first start: what a founding wrote.</summary>
    public void Found(object record) => _records.Add(record);

    internal void Append(object record) => _records.Add(record);

    internal void LosePower()
    {
        // A record is told to be durable only when it is: nothing to lose here. What was on its way was settled with its process.
    }

    private void CheckClosed()
    {
        if (_node.IsRunning)
        {
            throw new SimViolationException($"the scenario exchanges the journal of {_node.Name} under a running process");
        }
    }

    private void Say(string text)
    {
        if (_node.World.Tracing)
        {
            _node.World.Trace(_node.Name, "journal", text);
        }
    }
}

/// <summary>One record on its way, owned by the wiring: an adapter to the port carries the port's own request in it.</summary>
public abstract class SimJournalWrite : SimEvent
{
    internal SimJournal? Journal;
    internal SimJournalWrite? Next;

    public override int Code => 30;

    public abstract object Record { get; }

    /// <summary>On the control side, in the order of appending.</summary>
    public abstract void OnDurable();

    /// <summary>On the control side: this one and all behind it are not (known to be) durable; the voter ends.</summary>
    public abstract void OnFailed();

    public sealed override void Run() => Journal!.OnDue(this);
}

/// <summary>The journal as one process has it open: appends become durable one after the other, some at once as group commits do; a kill leaves any prefix of what was on its way.</summary>
public sealed class SimJournal : ISimResource
{
    private readonly SimJournalMedium _medium;
    private readonly SimProcess _process;
    private SimJournalWrite? _first;
    private SimJournalWrite? _last;
    private bool _failed;

    public SimJournal(SimJournalMedium medium, SimProcess process)
    {
        _medium = medium;
        _process = process;
        process.Add(this);
    }

    public Guid Incarnation => _medium.Incarnation;

    public long WriteCount => _medium.WriteCount;

    /// <summary>As found at open.</summary>
    public IReadOnlyList<object> Records => _medium.Records;

    public void Append(SimJournalWrite write)
    {
        if (!_process.IsAlive)
        {
            throw new SimViolationException($"{_process.Node.Name}: a process that is gone writes to its journal");
        }

        write.Journal = this;
        write.Next = null;
        write.Side = null;
        if (_last is null)
        {
            _first = write;
            _last = write;
            Start(write);
        }
        else
        {
            _last.Next = write;
            _last = write;
        }
    }

    public void OnProcessGone(bool power)
    {
        SimJournalWrite? write = _first;
        while (write is not null && !_failed && write.Side is null && _medium.Random.Coin())
        {
            _medium.Append(write.Record);
            write = write.Next;
        }

        _first = _last = null;
        _failed = true;
    }

    internal void OnDue(SimJournalWrite write)
    {
        if (write.Side is null)
        {
            if (write != _first)
            {
                return;
            }

            if (_medium.FailAppends > 0)
            {
                _medium.FailAppends--;
                _failed = true;
            }

            if (!_failed)
            {
                _medium.Append(write.Record);
            }

            write.Side = _process.Control;
            write.Side.Dispatch(write);
            return;
        }

        _first = write.Next;
        _last = _first is null ? null : _last;
        if (_first is { } next)
        {
            Start(next);
        }

        if (_failed)
        {
            write.OnFailed();
        }
        else
        {
            write.OnDurable();
        }
    }

    private void Start(SimJournalWrite write)
    {
        if (_medium.EachNs > 0)
        {
            _process.World.After(_medium.EachNs, write);
            return;
        }

        long high = _medium.Random.Chance(0.3) ? _medium.LowNs : _medium.HighNs;
        _process.World.After(_medium.Random.Skewed(_medium.LowNs / 4, high) * _medium.Slowness, write);
    }
}
