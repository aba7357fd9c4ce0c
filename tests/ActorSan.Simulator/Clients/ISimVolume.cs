namespace ActorSan.Simulator.Clients;

public enum SimOpKind : byte
{
    Read,
    Write,

    /// <summary>The first half of the data is what is expected, the second what is written, as in SBC-4.</summary>
    CompareAndWrite,
    WriteZeroes,
    Flush,

    /// <summary><see cref="SimOp.Block"/> is the attribute.</summary>
    SetAttribute,
    GetAttribute,
}

public enum SimOutcome : byte
{
    Pending,
    Ok,

    /// <summary>CompareAndWrite: told for certain, counts as a read.</summary>
    Miscompare,

    /// <summary>Whether it took, or will take, effect is not told: no claim (W6).</summary>
    Unknown,

    /// <summary>Told for certain that nothing of it was or will be done: never admitted (not the primary, suspended, no such range).</summary>
    Refused,

    /// <summary>The client gave up waiting. The volume may still complete it, which nobody hears.</summary>
    TimedOut,
}

/// <summary>One request of a simulated initiator. Lives until the volume has completed it or its process is gone, even when the client has given up.</summary>
public abstract unsafe class SimOp
{
    public SimOpKind Kind;

    public int Block;

    /// <summary>Blocks; 0 of a flush or an attribute.</summary>
    public int Count;

    /// <summary>Write: force unit access.</summary>
    public bool Durable;

    /// <summary>Write: must not tear (W11).</summary>
    public bool Atomic;

    /// <summary>Count blocks (twice as many for CompareAndWrite); an attribute's bytes.</summary>
    public byte* Data;

    public int DataBytes;

    public SimOutcome Outcome;

    /// <summary>Which lineage of the volume answers, by its number.</summary>
    public int Lineage;

    /// <summary>Called once, at any time after or within Submit, in the process's engine or control side.</summary>
    public abstract void OnCompleted();

    public void Complete(SimOutcome outcome)
    {
        Outcome = outcome;
        OnCompleted();
    }
}

/// <summary>What a node offers to initiators; the wiring of the node implements it. Called on the engine side.</summary>
public interface ISimVolume
{
    int BlockBytes { get; }

    int Blocks { get; }

    void Submit(SimOp op);
}
