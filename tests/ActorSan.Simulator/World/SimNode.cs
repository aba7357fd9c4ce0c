using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.Disk;

namespace ActorSan.Simulator.World;

/// <summary>What runs on a node: the wiring of the cores makes one for each start of the process.</summary>
public interface ISimProgram
{
    /// <summary>On the control side.</summary>
    void OnControl(string from, ControlMessage message);

    /// <summary>For clients of this node.</summary>
    Clients.ISimVolume? Volume { get; }

    /// <summary>The process is gone and nothing of it is called again: free what it had natively, tell nobody.</summary>
    void OnGone();

    /// <summary>SIGTERM: ends in order, and says so; or never.</summary>
    void OnStop(Action ended) => ended();
}

/// <summary>A machine: what survives its processes (disk, journal, clock, boot id), and the process that runs on it now.</summary>
public sealed class SimNode
{
    internal SimNode(SimWorld world, string name, int index)
    {
        World = world;
        Name = name;
        Index = index;
        Random = world.Random("node", index);
        Clock = new SimClock(world, Random);
        BootId = Random.NextGuid();
    }

    public SimWorld World { get; }

    public string Name { get; }

    public int Index { get; }

    public SimRandom Random { get; }

    public SimClock Clock { get; }

    /// <summary>New after each loss of power (replication.md §2, power session).</summary>
    public Guid BootId { get; private set; }

    /// <summary>Null on a witness.</summary>
    public SimDisk? Disk { get; set; }

    /// <summary>What <see cref="SimJournal"/> or whatever else a voter's journal is; survives processes.</summary>
    public SimJournalMedium? Journal { get; set; }

    /// <summary>Makes what runs; called at each start.</summary>
    public Func<SimProcess, ISimProgram>? Boot { get; set; }

    /// <summary>Told at each loss of power, when the volatile caches are gone.</summary>
    public Action? OnPowerLost { get; set; }

    public SimProcess? Process { get; private set; }

    public bool IsRunning => Process is not null;

    public int Starts { get; private set; }

    public void Start()
    {
        if (Process is not null || World.Violation is not null)
        {
            return;
        }

        Starts++;
        var process = new SimProcess(this, Starts);
        Process = process;
        World.Mix(0x57A27000UL + (ulong)Index);
        if (World.Tracing)
        {
            World.Trace(Name, "start", $"process {Starts} instance {process.Instance.ToString("N")[..4]}");
        }

        process.Program = Boot!(process);
    }

    /// <summary>kill -9: the kernel and its caches live on.</summary>
    public void Crash() => End(power: false);

    /// <summary>SIGTERM, and SIGKILL for who takes too long.</summary>
    public void Stop(long patienceNs, Action gone)
    {
        if (Process is not { } process)
        {
            gone();
            return;
        }

        if (World.Tracing)
        {
            World.Trace(Name, "stop", "is asked to");
        }

        void End()
        {
            if (Process == process)
            {
                Crash();
                gone();
            }
        }

        World.After(patienceNs, End);
        process.Program!.OnStop(End);
    }

    /// <summary>The machine is off: volatile caches are lost, and the next start has another boot id.</summary>
    public void LosePower()
    {
        End(power: true);
        BootId = Random.NextGuid();
        Clock.Reboot();
    }

    /// <summary>SIGSTOP, a collection, a VM that is not scheduled: <paramref name="which"/> does nothing until the thaw; its clock runs on.</summary>
    public void Freeze(SimSides which)
    {
        if (World.Tracing)
        {
            World.Trace(Name, "freeze", which.ToString());
        }

        Process?.Freeze(which);
    }

    public void Thaw(SimSides which)
    {
        if (World.Tracing)
        {
            World.Trace(Name, "thaw", which.ToString());
        }

        Process?.Thaw(which);
    }

    private void End(bool power)
    {
        World.Mix((power ? 0xDEAD0000UL : 0xC4A50000UL) + (ulong)Index);
        if (World.Tracing)
        {
            World.Trace(Name, power ? "power loss" : "crash", Process is null ? "was not running" : "");
        }

        if (Process is { } process)
        {
            Process = null;
            process.End(power);
        }

        if (power)
        {
            Disk?.LosePower();
            Journal?.LosePower();
            OnPowerLost?.Invoke();
        }
    }
}
