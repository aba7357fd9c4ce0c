namespace ActorSan.Simulator.Check;

/// <summary>
/// All that initiators saw of one volume: a list of operations for each block (attributes are blocks behind the last), the flushes, and the instants at which all in-sync
/// replicas had lost power (I1: only then may unflushed writes go).
/// </summary>
public sealed partial class History
{
    private readonly List<BlockOp>[] _blocks;
    private readonly List<FlushRecord> _flushes = [];
    private readonly List<(long At, int Lineage)> _losses = [];
    private readonly List<AtomicGroup> _atomic = [];

    /// <param name="blocks">And attributes.</param>
    public History(int blocks)
    {
        _blocks = new List<BlockOp>[blocks];
        for (int i = 0; i < blocks; i++)
        {
            _blocks[i] = [];
        }
    }

    public int Blocks => _blocks.Length;

    /// <summary>Blocks whose search was given up: neither good nor bad was proven.</summary>
    public int Inconclusive { get; private set; }

    public IReadOnlyList<BlockOp> Of(int block) => _blocks[block];

    /// <returns>The place of the operation in the block's list, for <see cref="Complete"/>.</returns>
    public int Begin(int block, in BlockOp op)
    {
        _blocks[block].Add(op);
        return _blocks[block].Count - 1;
    }

    /// <summary>Known from here on; without this it stays unknown.</summary>
    public void Complete(int block, int place, in BlockOp op) => _blocks[block][place] = op;

    /// <summary>These operations of neighbouring blocks are one that must not tear.</summary>
    public void MustNotTear(AtomicGroup group) => _atomic.Add(group);

    public void Flushed(long invoke, long back, int lineage = 0) => _flushes.Add(new FlushRecord(invoke, back, lineage));

    /// <summary>Every in-sync replica of a lineage has lost its power (one of them just now).</summary>
    public void AllLostPower(long at, int lineage = 0)
    {
        if (!_losses.Contains((at, lineage)))
        {
            _losses.Add((at, lineage));
        }
    }

    /// <summary>The instants of all losses, each once, in order.</summary>
    private List<long> PowerLosses() => [.. _losses.Select(loss => loss.At).Distinct().Order()];

    /// <summary>Null when every block's history is linearizable (I2) and what had to survive did (I1); else what is wrong, with the block's history.</summary>
    public string? Check()
    {
        List<long> losses = PowerLosses();
        var checker = new BlockChecker(_flushes, losses);
        for (int block = 0; block < _blocks.Length; block++)
        {
            if (_blocks[block].Count == 0)
            {
                continue;
            }

            string? wrong = checker.Check(_blocks[block], out bool inconclusive);
            Inconclusive += inconclusive ? 1 : 0;
            if (wrong is not null)
            {
                return $"I2: block {block}: {wrong}\n{Tell(block)}";
            }
        }

        return AtomicChecker.Check(_atomic, Of, losses);
    }

    private string Tell(int block)
    {
        var lines = new List<(long At, string Text)>();
        foreach (BlockOp op in _blocks[block])
        {
            lines.Add((op.Invoke, "    " + op));
        }

        foreach (FlushRecord flush in _flushes)
        {
            lines.Add((flush.Invoke, $"    [{BlockOp.Ms(flush.Invoke)}, {BlockOp.Ms(flush.Return)}] flush"));
        }

        foreach (long loss in PowerLosses())
        {
            lines.Add((loss, $"    [{BlockOp.Ms(loss)}] all in-sync replicas have lost power"));
        }

        return string.Join('\n', lines.OrderBy(line => line.At).Select(line => line.Text));
    }
}
