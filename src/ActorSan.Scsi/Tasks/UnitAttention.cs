namespace ActorSan.Scsi;

/// <summary>
/// Unit attention conditions (SAM-5 §5.14). Those before <see cref="MediumMayHaveChanged"/> say that state was reset: a higher one (lower number) replaces a lower one,
/// and they are reported before a RESERVATION CONFLICT (SAM-5 §5.3.3).
/// </summary>
public enum UnitAttention : byte
{
    PowerOn,
    HardReset,
    LogicalUnitReset,
    InternalReset,
    NexusLoss,

    MediumMayHaveChanged,
    InquiryDataChanged,
    ModeParametersChanged,
    LogParametersChanged,
    CapacityDataChanged,
    ReservationsPreempted,
    ReservationsReleased,
    RegistrationsPreempted,
    AsymmetricAccessStateChanged,
    CommandsClearedByAnotherInitiator,
    ThinProvisioningSoftThreshold,
    ReportedLunsDataChanged,
}

/// <summary>The pending unit attentions of one I_T_L nexus: one reset condition at most, first; the others in the order in which they came, each once. Bounded by the enumeration.</summary>
public struct UnitAttentionQueue
{
    private const int FirstOther = (int)UnitAttention.MediumMayHaveChanged;

    // The others, oldest lowest, five bits each: 12 kinds fit.
    private ulong _order;
    private int _count;
    private int _reset;

    public readonly bool IsEmpty => _count == 0 && _reset == 0;

    /// <summary>A reset condition is pending.</summary>
    public readonly bool HasReset => _reset != 0;

    public void Add(UnitAttention attention)
    {
        if ((int)attention < FirstOther)
        {
            _reset = _reset == 0 ? (int)attention + 1 : Math.Min(_reset, (int)attention + 1);
            return;
        }

        if (!Contains(attention))
        {
            _order |= (ulong)attention << (5 * _count);
            _count++;
        }
    }

    /// <summary>The condition to report next; does not remove it.</summary>
    public readonly bool TryPeek(out UnitAttention attention)
    {
        if (_reset != 0)
        {
            attention = (UnitAttention)(_reset - 1);
            return true;
        }

        attention = (UnitAttention)(uint)(_order & 0x1F);
        return _count != 0;
    }

    public bool TryTake(out UnitAttention attention)
    {
        if (!TryPeek(out attention))
        {
            return false;
        }

        Remove(attention);
        return true;
    }

    public readonly bool Contains(UnitAttention attention)
    {
        if ((int)attention < FirstOther)
        {
            return _reset == (int)attention + 1;
        }

        return IndexOf(attention) >= 0;
    }

    public void Remove(UnitAttention attention)
    {
        if ((int)attention < FirstOther)
        {
            _reset = _reset == (int)attention + 1 ? 0 : _reset;
            return;
        }

        int index = IndexOf(attention);
        if (index >= 0)
        {
            ulong below = (1UL << (5 * index)) - 1;
            _order = (_order & below) | ((_order >> 5) & ~below);
            _count--;
        }
    }

    public void Clear() => this = default;

    /// <summary>The additional sense code under which a condition is reported.</summary>
    public static AdditionalSense CodeOf(UnitAttention attention) => attention switch
    {
        UnitAttention.PowerOn => AdditionalSense.PowerOnResetOrBusDeviceReset,
        UnitAttention.HardReset => AdditionalSense.PowerOnResetOrBusDeviceReset,
        UnitAttention.LogicalUnitReset => AdditionalSense.BusDeviceResetFunctionOccurred,
        UnitAttention.InternalReset => AdditionalSense.DeviceInternalReset,
        UnitAttention.NexusLoss => AdditionalSense.NexusLossOccurred,
        UnitAttention.MediumMayHaveChanged => AdditionalSense.MediumMayHaveChanged,
        UnitAttention.InquiryDataChanged => AdditionalSense.InquiryDataChanged,
        UnitAttention.ModeParametersChanged => AdditionalSense.ModeParametersChanged,
        UnitAttention.LogParametersChanged => AdditionalSense.LogParametersChanged,
        UnitAttention.CapacityDataChanged => AdditionalSense.CapacityDataChanged,
        UnitAttention.ReservationsPreempted => AdditionalSense.ReservationsPreempted,
        UnitAttention.ReservationsReleased => AdditionalSense.ReservationsReleased,
        UnitAttention.RegistrationsPreempted => AdditionalSense.RegistrationsPreempted,
        UnitAttention.AsymmetricAccessStateChanged => AdditionalSense.AsymmetricAccessStateChanged,
        UnitAttention.CommandsClearedByAnotherInitiator => AdditionalSense.CommandsClearedByAnotherInitiator,
        UnitAttention.ThinProvisioningSoftThreshold => AdditionalSense.ThinProvisioningSoftThresholdReached,
        UnitAttention.ReportedLunsDataChanged => AdditionalSense.ReportedLunsDataChanged,
        _ => throw new ArgumentOutOfRangeException(nameof(attention)),
    };

    private readonly int IndexOf(UnitAttention attention)
    {
        ulong rest = _order;
        for (int i = 0; i < _count; i++, rest >>= 5)
        {
            if ((uint)(rest & 0x1F) == (uint)attention)
            {
                return i;
            }
        }

        return -1;
    }
}
