using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>The flush that SYNCHRONIZE CACHE with IMMED leaves behind: one at a time; one more follows when it was asked for meanwhile.</summary>
public sealed partial class BlockDevice
{
    private readonly BackgroundFlush _flush;

    internal void FlushInBackground() => _flush.Ask();

    private sealed class BackgroundFlush(BlockDevice device) : VolumeOperation
    {
        private bool _running;
        private bool _again;

        public void Ask()
        {
            _again = true;
            if (_running)
            {
                return;
            }

            _running = true;
            Go();
        }

        protected override void OnCompleted()
        {
            if (Status is not (VolumeStatus.Success or VolumeStatus.Deposed))
            {
                device.Statistics.WriteErrors++;
            }

            // What a unit that serves no more was asked for it can't do; the volume that goes on has lost nothing (replication.md W10).
            if (_again && device.IsActive)
            {
                Go();
            }
            else
            {
                _running = false;
            }
        }

        private void Go()
        {
            _again = false;
            device.Volume.Flush(this);
        }
    }
}
