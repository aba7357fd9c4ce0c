using ActorSan.Cluster.Control;
using ActorSan.Cluster.Management;
using ActorSan.Cluster.Settings;
using ActorSan.Replication.Volume;
using ActorSan.Scsi;
using ActorSan.Storage.Blocks;

namespace ActorSan.Cluster.Engines;

/// <summary>
/// A replicated volume with the logical unit that shows it on this node, with the same identity on every node: it serves beside the primary and stands by elsewhere, and tells initiators
/// which node's ports are which.
/// </summary>
public sealed class ClusterVolume : IOpenVolume, IServingEvents
{
    private readonly ReplicatedVolume _volume;
    private readonly ScsiSettings _scsi;
    private readonly Lock _gate = new();
    private BlockDevice? _unit;

    // As the home thread has it: from the moment on at which it observes the volume. A role that begins between is taken up then.
    private BlockDevice? _shown;
    private IReadOnlyList<TargetPortGroup> _asServing = [];
    private IReadOnlyList<TargetPortGroup> _asStandby = [];

    public ClusterVolume(ReplicatedVolume volume, ScsiSettings scsi)
    {
        _volume = volume;
        _scsi = scsi;
    }

    public IBlockVolume Volume => _volume;

    public ReplicatedVolume Replicated => _volume;

    /// <summary>What the unit has done since it was made; null until a LUN shows it. Any thread.</summary>
    public Task<IoReport?> Io() => _volume.Home.Invoke(() =>
    {
        if (_shown is not { } unit)
        {
            return null;
        }

        UnitStatistics done = unit.Statistics;
        return new IoReport(done.ReadCommands, done.WriteCommands, done.ReadBytes, done.WrittenBytes, done.ReadErrors + done.WriteErrors + done.NonMediumErrors, LatencyHistogram.Of(done.ReadDurations), LatencyHistogram.Of(done.WriteDurations));
    });

    public LogicalUnit UnitOf(LunConfiguration lun)
    {
        lock (_gate)
        {
            if (_unit is null)
            {
                var unit = new BlockDevice(_volume, new LogicalUnitSettings
                {
                    PortGroups = _asServing,
                    SanitizeMaxRateBytes = _scsi.SanitizeMaxRateBytes,
                    MaxTasks = _scsi.MaxTasks,
                    MaxTransferBytes = _scsi.MaxTransferBytes,
                    MaxUnmapBytes = _scsi.MaxUnmapBytes,
                    MaxRegistrations = _scsi.MaxRegistrations,
                    MaxConcurrentCopies = _scsi.MaxConcurrentCopies,
                    MaxCopySegmentBytes = _scsi.MaxCopySegmentBytes,
                });
                _unit = unit;

                // Before any session's attachment, which comes by the same queue and later.
                _ = _volume.Home.Post(() =>
                {
                    unit.OpenInStandby();
                    _shown = unit;
                    if (_volume.Serves)
                    {
                        unit.Activate(keepsRegistrations: true, _asServing);
                    }
                    else
                    {
                        unit.Standby(_asStandby);
                    }
                });
            }

            return _unit;
        }
    }

    /// <summary>Which node's ports are in which group, and which of them is active as far as this node knows. Any thread.</summary>
    /// <param name="asServing">While this node serves: nobody else does.</param>
    /// <param name="asStandby">While it does not.</param>
    public void SetPortGroups(IReadOnlyList<TargetPortGroup> asServing, IReadOnlyList<TargetPortGroup> asStandby) => _ = _volume.Home.Post(() =>
    {
        _asServing = asServing;
        _asStandby = asStandby;
        _shown?.SetPortGroups(_shown.IsActive ? asServing : asStandby);
    });

    /// <summary>A volume that served before, elsewhere or here, goes on with all registrations: a failover is no loss of power of the target (SPC-4 §5.13.5).</summary>
    void IServingEvents.Serves(long reign) => _shown?.Activate(keepsRegistrations: true, _asServing);

    void IServingEvents.ServesNoMore() => _shown?.Standby(_asStandby);

    /// <summary>After what is in flight; the task fails with the reason when the replica could not be closed clean.</summary>
    public Task Close()
    {
        _ = _volume.Home.Post(() => _shown?.Close());
        return _volume.Close();
    }
}
