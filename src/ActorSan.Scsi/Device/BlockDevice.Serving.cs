using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>
/// Whether this unit serves its volume. Every node that shows a replicated volume has a unit for it, all with one identity; the one beside the primary serves, the others
/// answer what a standby port answers by itself and nothing of the volume (SPC-4 §5.15). What the volume keeps (mode pages, a sanitize, reservations) is taken up anew
/// at each beginning, before any command that depends on it is admitted: no node ever serves by what it knew of an earlier time. Home thread only.
/// </summary>
public sealed partial class BlockDevice
{
    private bool _active;
    private bool _takenUp;
    private bool _keepsRegistrations;

    /// <summary>From <see cref="Activate"/> to <see cref="Standby"/>.</summary>
    public bool IsActive => _active;

    /// <summary>Begins to observe the volume, and to serve it as after a loss of power: for a volume of this node alone. Once.</summary>
    public void Open()
    {
        Observe();
        Activate(keepsRegistrations: false);
    }

    /// <summary>Begins to observe the volume, in standby until <see cref="Activate"/>: for a volume that is served by one of several nodes. Once.</summary>
    public void OpenInStandby()
    {
        Observe();
        Restrict(Restrictions.NotServing, holds: true);
        Reservations.Standby();
        FollowVolumeState();
        FollowPortGroups();
    }

    /// <summary>
    /// The volume's engine here serves from now on. Commands that depend on what the volume keeps wait until it is Ready and all of that is taken up; a unit that is active
    /// already is only given the groups.
    /// </summary>
    /// <param name="keepsRegistrations">
    /// True where the volume only moved: some node served it before, and it was not stopped everywhere since; then all registrations and reservations are in force as they
    /// were. False after a loss of power (SPC-4 §5.13.5), which is a full stop of the volume: what has no APTPL is forgotten, durably, before the first command.
    /// </param>
    /// <param name="groups">As for <see cref="SetPortGroups"/>, in the same step; null leaves them as they are.</param>
    public void Activate(bool keepsRegistrations, IReadOnlyList<TargetPortGroup>? groups = null)
    {
        _toldGroups = groups ?? _toldGroups;
        if (!_active)
        {
            _active = true;
            _takenUp = false;
            _keepsRegistrations = keepsRegistrations;
            Restrict(Restrictions.NotServing, holds: false);
            Reservations.Await();
            FollowVolumeState();
            TellPortGroups(FollowPortGroups() || _portGroups.Count == 0);
            return;
        }

        TellPortGroups(FollowPortGroups());
    }

    /// <summary>
    /// The volume's engine here serves no more, or not for certain. Commands that wait end at once and those under way with what the volume says of them, but none of these
    /// asks it for more; what it could not do, or does not know, is NOT READY, TARGET PORT IN STANDBY STATE (or ASYMMETRIC ACCESS STATE TRANSITION, UNAVAILABLE: by the
    /// group's state), never an error of the medium. A sanitize stops where it is, for the next unit to go on with; a self-test ends without a finding.
    /// </summary>
    /// <param name="groups">As for <see cref="SetPortGroups"/>, in the same step; null leaves them as they are.</param>
    public void Standby(IReadOnlyList<TargetPortGroup>? groups = null)
    {
        _toldGroups = groups ?? _toldGroups;
        if (!_active)
        {
            TellPortGroups(FollowPortGroups());
            return;
        }

        _active = false;
        _takenUp = false;
        Restrict(Restrictions.NotServing, holds: true);
        bool changed = FollowPortGroups() || _portGroups.Count == 0;
        for (TaskState? task = _tasks.First; task is not null; task = task.Next)
        {
            task.Outlived = task.Phase == TaskPhase.Enabled;
        }

        Reservations.Standby();
        Rewrite.Standby();
        SelfTest.Standby();

        // Before the attention, which is for commands that come later.
        ReleaseParked();
        TellPortGroups(changed);
    }

    /// <summary>Takes up what the volume keeps, when it is to serve, can, and has nothing of an earlier time under way.</summary>
    internal void TakeUp()
    {
        if (!_active || _takenUp || !Volume.State.IsReady || Reservations.IsBusy || Rewrite.IsBusy)
        {
            return;
        }

        _takenUp = true;
        FollowVolumeSize();
        if (Modes.Load(Volume.GetAttribute(VolumeAttribute.ModePages)))
        {
            Establish(UnitAttention.ModeParametersChanged);
        }

        FollowModes();

        // Before the reservations: what waits for those must not slip in between the halves of a sanitize.
        Rewrite.TakeUp();
        Reservations.Load(afterPowerLoss: !_keepsRegistrations);
    }

    private void Observe()
    {
        Volume.AddObserver(_observer);
        Restrict(Restrictions.WriteProtected, Settings.WriteProtected || Volume.Capabilities.ReadOnly);
        FollowModes();
    }
}
