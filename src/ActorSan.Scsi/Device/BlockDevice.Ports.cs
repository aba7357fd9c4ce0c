namespace ActorSan.Scsi;

/// <summary>The target port groups by which the unit can be reached, and what their states forbid (SPC-4 §5.15).</summary>
public sealed partial class BlockDevice
{
    private IReadOnlyList<TargetPortGroup> _portGroups;

    /// <summary>As they are now; empty when nobody has told the unit of any. Home thread.</summary>
    public IReadOnlyList<TargetPortGroup> PortGroups => _portGroups;

    /// <summary>
    /// States or members have changed: they are in force for the next command, and every nexus is told when a state is another one (SPC-4 §5.15.2.7: ASYMMETRIC ACCESS
    /// STATE CHANGED). Home thread.
    /// </summary>
    public void SetPortGroups(IReadOnlyList<TargetPortGroup> groups)
    {
        bool changed = false;
        foreach (TargetPortGroup group in groups)
        {
            changed |= (FindPortGroup(group.Id)?.State ?? PortGroupState.ActiveOptimized) != group.State;
        }

        _portGroups = groups;
        foreach (NexusState nexus in _nexuses)
        {
            FollowPortGroup(nexus);
        }

        if (changed)
        {
            Establish(UnitAttention.AsymmetricAccessStateChanged);
        }
    }

    private TargetPortGroup? FindPortGroup(ushort id)
    {
        foreach (TargetPortGroup group in _portGroups)
        {
            if (group.Id == id)
            {
                return group;
            }
        }

        return null;
    }

    // A port whose group nobody has named is as good as any: the nexus came by it.
    private void FollowPortGroup(NexusState nexus)
    {
        PortGroupState state = FindPortGroup(nexus.LunNexus.Nexus.PortGroupId)?.State ?? PortGroupState.ActiveOptimized;
        nexus.Restrictions = (nexus.Restrictions & ~Restrictions.Port) | state switch
        {
            PortGroupState.Standby => Restrictions.PortStandby,
            PortGroupState.Unavailable => Restrictions.PortUnavailable,
            PortGroupState.Transitioning => Restrictions.PortTransitioning,
            _ => Restrictions.None,
        };
    }
}
