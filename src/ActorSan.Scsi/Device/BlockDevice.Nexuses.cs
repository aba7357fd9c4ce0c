using ActorSan.Storage;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;

namespace ActorSan.Scsi;

/// <summary>Nexuses that come and go, and what the volume tells.</summary>
public sealed partial class BlockDevice
{
    public override void Attach(LunNexus nexus)
    {
        Invariant.Check(nexus.State is null);
        var state = new NexusState(nexus);
        nexus.State = state;
        state.Attentions.Add(UnitAttention.PowerOn);
        FollowPortGroup(state);
        _nexuses.Add(state);
        Reservations.Attached(state);
    }

    public override void Detach(LunNexus nexus, IoMessage? done)
    {
        if (nexus.State is not { Detached: false } state)
        {
            Tell(done);
            return;
        }

        state.Detached = true;
        state.DetachDone = done;
        state.PreventsRemoval = false;
        _nexuses.Remove(state);
        Reservations.Detached(state);

        // Held up by one, so that the last task's end does not finish the detachment while tasks are still being gone through.
        state.TaskCount++;
        _manager.AbortAll(state);
        state.TaskCount--;
        if (state.TaskCount == 0)
        {
            FinishDetach(state);
        }
    }

    public override void OnViewChanged(LunNexus nexus) => nexus.State?.Attentions.Add(UnitAttention.ReportedLunsDataChanged);

    /// <summary>Logical unit reset and hard reset (SAM-5 §6.3.2, §6.3.3), after the tasks were aborted. A sanitize goes on.</summary>
    internal void ResetState(UnitAttention attention)
    {
        foreach (NexusState nexus in _nexuses)
        {
            nexus.PreventsRemoval = false;
            nexus.Copies?.Forget();
        }

        SelfTest.Abort(Background.SelfTestOutcome.AbortedByOther);
        Modes.RestoreSaved();
        FollowModes();
        Reservations.Reset();
        Establish(attention);
    }

    private void FinishDetach(NexusState state)
    {
        state.LunNexus.State = null;
        IoMessage? done = state.DetachDone;
        state.DetachDone = null;
        Tell(done);
    }

    private void Tell(IoMessage? done)
    {
        if (done is not null)
        {
            Volume.Home.Post(done);
        }
    }

    private void FollowVolumeState()
    {
        // A suspended volume keeps its requests waiting, so it is not refused here.
        VolumeStateKind kind = Volume.State.Kind;
        Restrict(Restrictions.VolumeNotReady, kind is not (VolumeStateKind.Ready or VolumeStateKind.Suspended));
        if (kind != VolumeStateKind.Ready)
        {
            // What waits for reservations that this volume can't tell now is refused, not kept.
            ReleaseParked();
            return;
        }

        if (_takenUp)
        {
            Rewrite.TakeUp();
        }
        else
        {
            TakeUp();
        }
    }

    private void FollowVolumeSize()
    {
        long blocks = Volume.Geometry.BlockCount;
        if (blocks != _blockCount)
        {
            _blockCount = blocks;
            Establish(UnitAttention.CapacityDataChanged);
        }
    }

    private sealed class VolumeObserver(BlockDevice device) : IVolumeObserver
    {
        public void OnResized(IBlockVolume volume) => device.FollowVolumeSize();

        public void OnStateChanged(IBlockVolume volume) => device.FollowVolumeState();
    }
}
