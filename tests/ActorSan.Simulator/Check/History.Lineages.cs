namespace ActorSan.Simulator.Check;

/// <summary>P11: what counts of a history when a volume was forced to go on without what could not be asked.</summary>
public sealed partial class History
{
    /// <summary>
    /// Keeps what the lineage that is left answered, and of each that it descends from what was answered before its end. An operator has accepted the loss of the rest: a write may
    /// be there or not, and what else was answered is no evidence.
    /// </summary>
    /// <param name="ends">By the number of the lineage. One that is not in it descends to nothing.</param>
    /// <param name="mixedUntil">A replica that was out when it was forced may have parts of a write that must not tear and that was not answered in time, if it began before this.</param>
    public void Keep(IReadOnlyDictionary<int, long> ends, long mixedUntil)
    {
        _ = _atomic.RemoveAll(group =>
        {
            BlockOp op = _blocks[group.Block][group.Places[0]];
            return op.IsOk ? IsVoid(op.Lineage, op.Return, ends) : op.Invoke < mixedUntil;
        });
        foreach (List<BlockOp> block in _blocks)
        {
            for (int i = 0; i < block.Count; i++)
            {
                BlockOp op = block[i];
                if (op.IsOk && IsVoid(op.Lineage, op.Return, ends))
                {
                    op.IsOk = false;
                    op.Durable = false;
                    op.Return = op.Changes ? BlockOp.Never : op.Return;
                    block[i] = op;
                }
            }
        }

        _ = _flushes.RemoveAll(flush => IsVoid(flush.Lineage, flush.Return, ends));
        _ = _losses.RemoveAll(loss => IsVoid(loss.Lineage, loss.At, ends));
    }

    private static bool IsVoid(int lineage, long at, IReadOnlyDictionary<int, long> ends) => !ends.TryGetValue(lineage, out long end) || at >= end;
}
