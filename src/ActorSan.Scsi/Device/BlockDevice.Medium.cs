namespace ActorSan.Scsi;

/// <summary>The medium of a removable unit, and what the mode pages put in force.</summary>
public sealed partial class BlockDevice
{
    internal Modes.ModePages Modes { get; }

    /// <summary>WCE is zero although the volume has a cache: every write goes to the medium.</summary>
    internal bool WriteThrough { get; private set; }

    /// <summary>Some nexus prevents it (SBC-4 §4.9).</summary>
    internal bool IsRemovalPrevented
    {
        get
        {
            foreach (NexusState nexus in _nexuses)
            {
                if (nexus.PreventsRemoval)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Loads or ejects. The other nexuses hear of a loaded medium by a unit attention; who loaded it knows.</summary>
    internal void SetMediumPresent(bool present, NexusState by)
    {
        bool was = (_restrictions & Restrictions.MediumAbsent) == 0;
        Restrict(Restrictions.MediumAbsent, !present);
        if (present && !was)
        {
            Establish(UnitAttention.MediumMayHaveChanged, except: by);
        }
    }

    /// <summary>Mode pages have changed: puts them in force.</summary>
    internal void FollowModes()
    {
        DescriptorSense = Modes.DescriptorSense;
        TaskAbortedStatus = Modes.TaskAbortedStatus;
        WriteThrough = Volume.Capabilities.WriteCache && !Modes.WriteCache;
        Restrict(Restrictions.SoftwareWriteProtected, Modes.SoftwareWriteProtect);
    }
}
