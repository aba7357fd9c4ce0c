using System.Collections.Frozen;

namespace ActorSan.Scsi;

/// <summary>
/// What one I_T nexus sees of a target: its logical units by number (LUN masking has been applied). Immutable; when the map changes, the session gets a new view in
/// which the nexuses that stay are the same objects.
/// </summary>
public sealed class LunView
{
    private readonly FrozenDictionary<ulong, LunNexus> _byNumber;
    private readonly LunNexus?[] _low = new LunNexus?[256];
    private readonly LunNexus _noSuchUnit;
    private readonly LunNexus _reportLuns;

    /// <param name="nexus">The session's nexus.</param>
    /// <param name="map">Number and unit of everything this initiator may see.</param>
    /// <param name="noSuchUnit">Answers for every other number (SPC-4: peripheral qualifier 011b, LOGICAL UNIT NOT SUPPORTED).</param>
    /// <param name="reportLunsUnit">The REPORT LUNS well-known logical unit (C101h).</param>
    /// <param name="previous">The view that this one replaces: nexuses to the same unit by the same number are kept.</param>
    public LunView(ScsiNexus nexus, IEnumerable<KeyValuePair<ulong, LogicalUnit>> map, LogicalUnit noSuchUnit, LogicalUnit reportLunsUnit, LunView? previous = null)
    {
        Nexus = nexus;
        var byNumber = new Dictionary<ulong, LunNexus>();
        foreach ((ulong lun, LogicalUnit unit) in map)
        {
            LunNexus? kept = previous?.FindNumber(lun);
            byNumber.Add(lun, kept is not null && ReferenceEquals(kept.Unit, unit) ? kept : new LunNexus(nexus, this, unit, lun));
        }

        _byNumber = byNumber.ToFrozenDictionary();
        foreach ((ulong lun, LunNexus lunNexus) in _byNumber)
        {
            lunNexus.View = this;
            if (lun < (ulong)_low.Length)
            {
                _low[lun] = lunNexus;
            }
        }

        All = [.. _byNumber.Values.OrderBy(lunNexus => lunNexus.Lun)];
        _noSuchUnit = new LunNexus(nexus, this, noSuchUnit, ulong.MaxValue);
        _reportLuns = new LunNexus(nexus, this, reportLunsUnit, ReportLunsField >> 48);
    }

    /// <summary>The LUN field of the REPORT LUNS well-known logical unit (SAM-5 §4.7.6.4).</summary>
    public const ulong ReportLunsField = 0xC101_0000_0000_0000;

    public ScsiNexus Nexus { get; }

    /// <summary>In ascending order of the number.</summary>
    public IReadOnlyList<LunNexus> All { get; }

    /// <summary>
    /// Finds by the 8-byte LUN field as a big-endian number (SAM-5 §4.7): peripheral addressing with bus 0 (00b), flat space (01b) and extended flat space (11b, 24 bits).
    /// Never null: what is not there is answered by the unit that says so.
    /// </summary>
    public LunNexus Find(ulong lunField)
    {
        if ((lunField & 0x0000_FFFF_FFFF_FFFF) == 0)
        {
            uint first = (uint)(lunField >> 48);
            switch (first >> 14)
            {
                case 0 when first < 256:
                case 1:
                    return FindNumber(first & 0x3FFF) ?? _noSuchUnit;
                case 3 when lunField == ReportLunsField:
                    return _reportLuns;
                default:
                    return _noSuchUnit;
            }
        }

        // Extended flat space, length 01b: D2h and a 24-bit number.
        if (lunField >> 56 == 0xD2 && (lunField & 0xFFFF_FFFF) == 0)
        {
            return FindNumber((lunField >> 32) & 0xFF_FFFF) ?? _noSuchUnit;
        }

        return _noSuchUnit;
    }

    /// <summary>The 8-byte field, as a big-endian number, that REPORT LUNS gives for a number: peripheral below 256, flat below 16384, extended flat above.</summary>
    public static ulong FieldOf(ulong lun) => lun switch
    {
        < 256 => lun << 48,
        < 16384 => (lun | 0x4000) << 48,
        _ => (0xD2UL << 56) | (lun << 32),
    };

    private LunNexus? FindNumber(ulong lun)
    {
        if (lun < (ulong)_low.Length)
        {
            return _low[lun];
        }

        return _byNumber.GetValueOrDefault(lun);
    }
}
