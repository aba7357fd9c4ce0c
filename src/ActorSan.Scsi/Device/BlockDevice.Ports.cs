namespace ActorSan.Scsi;

/// <summary>The target port groups by which the unit can be reached, and what their states forbid (SPC-4 §5.15).</summary>
public sealed partial class BlockDevice
{
    // As somebody said, and as they are in force: own groups are not active while the unit does not serve.
    private IReadOnlyList<TargetPortGroup> _toldGroups;
    private IReadOnlyList<TargetPortGroup> _portGroups;

    /// <summary>As they are in force now; empty when nobody has told the unit of any. Home thread.</summary>
    public IReadOnlyList<TargetPortGroup> PortGroups => _portGroups;

    /// <summary>
    /// States or members have changed, of this node's groups or of others: they are in force for the next command, and every nexus is told (SPC-4 §5.15.2.7: ASYMMETRIC
    /// ACCESS STATE CHANGED) when a state or a preference is another one, or a group came or went. All groups of all nodes are named, those of this node marked
    /// <see cref="TargetPortGroup.IsOwn"/>; their ports are what ALL_TG_PT covers, beside <see cref="LogicalUnitSettings.TargetPorts"/>. Home thread.
    /// </summary>
    public void SetPortGroups(IReadOnlyList<TargetPortGroup> groups)
    {
        _toldGroups = groups;
        TellPortGroups(FollowPortGroups());
    }

    private static TargetPortGroup? FindPortGroup(IReadOnlyList<TargetPortGroup> groups, ushort id)
    {
        foreach (TargetPortGroup group in groups)
        {
            if (group.Id == id)
            {
                return group;
            }
        }

        return null;
    }

    private static bool Differ(IReadOnlyList<TargetPortGroup> before, IReadOnlyList<TargetPortGroup> after)
    {
        if (before.Count == 0)
        {
            // Each nexus took its own group for active: that others exist too takes nothing from it.
            return after.Any(group => group.State != PortGroupState.ActiveOptimized);
        }

        return before.Any(group => FindPortGroup(after, group.Id) is null)
            || after.Any(group => FindPortGroup(before, group.Id) is not { } old || old.State != group.State || old.Preferred != group.Preferred);
    }

    // True when the initiators have to be told.
    private bool FollowPortGroups()
    {
        IReadOnlyList<TargetPortGroup> before = _portGroups;
        _portGroups = _active ? _toldGroups : [.. _toldGroups.Select(WithoutService)];
        foreach (NexusState nexus in _nexuses)
        {
            FollowPortGroup(nexus);
        }

        return Differ(before, _portGroups);
    }

    private static TargetPortGroup WithoutService(TargetPortGroup group) =>
        group is { IsOwn: true, IsActive: true } ? group with { State = PortGroupState.Standby, Status = PortGroupStatus.AlteredImplicitly } : group;

    private void TellPortGroups(bool changed)
    {
        if (changed)
        {
            Establish(UnitAttention.AsymmetricAccessStateChanged);
        }
    }

    // A port whose group nobody has named is as good as any: the nexus came by it.
    private void FollowPortGroup(NexusState nexus)
    {
        PortGroupState state = FindPortGroup(_portGroups, nexus.LunNexus.Nexus.PortGroupId)?.State ?? PortGroupState.ActiveOptimized;
        nexus.Restrictions = (nexus.Restrictions & ~Restrictions.Port) | state switch
        {
            PortGroupState.Standby => Restrictions.PortStandby,
            PortGroupState.Unavailable => Restrictions.PortUnavailable,
            PortGroupState.Transitioning => Restrictions.PortTransitioning,
            _ => Restrictions.None,
        };
    }
}
