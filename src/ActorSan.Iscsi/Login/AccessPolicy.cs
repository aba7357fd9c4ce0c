using ActorSan.Iscsi.Pdus;

namespace ActorSan.Iscsi.Login;

/// <summary>What an initiator may do at a target.</summary>
/// <param name="Admitted">False: status 0202h.</param>
/// <param name="Entry">The entry of the initiator list that matched, if any: which LUNs it sees.</param>
/// <param name="Chap">What it has to prove first; null: nothing.</param>
internal readonly record struct Access(bool Admitted, InitiatorAccess? Entry, ChapSettings? Chap);

/// <summary>
/// Who may log in: an initiator of the list (with its own CHAP, or the target's); without a list everybody who proves himself by CHAP, or everybody where access is
/// open. With neither list nor CHAP nor open, nobody.
/// </summary>
internal static class AccessPolicy
{
    /// <summary>RFC 7143 §4.2.7.1: a name has at most 223 bytes.</summary>
    public const int MaxNameBytes = 223;

    public static Access Of(TargetSettings target, string initiatorName)
    {
        foreach (InitiatorAccess entry in target.Initiators)
        {
            if (Matches(entry.Pattern, initiatorName))
            {
                return new Access(Admitted: true, entry, entry.Chap ?? target.Chap);
            }
        }

        bool everybody = target.Open || (target.Initiators.Count == 0 && target.Chap is not null);
        return new Access(everybody, null, target.Chap);
    }

    /// <summary>True if that initiator sees this LUN.</summary>
    public static bool Sees(in Access access, ulong lun) => access.Entry?.Luns is not { } luns || luns.Contains(lun);

    /// <summary>A name, without regard to case (RFC 3722), or a pattern in which each <c>*</c> stands for any run of characters.</summary>
    public static bool Matches(string pattern, string name)
    {
        int p = 0, n = 0, star = -1, mark = 0;
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                mark = n;
            }
            else if (p < pattern.Length && char.ToLowerInvariant(pattern[p]) == char.ToLowerInvariant(name[n]))
            {
                p++;
                n++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                n = ++mark;
            }
            else
            {
                return false;
            }
        }

        while (p < pattern.Length && pattern[p] == '*')
        {
            p++;
        }

        return p == pattern.Length;
    }

    /// <summary>The form of an iSCSI name: iqn., eui. or naa., no white space, of a bounded length (RFC 7143 §4.2.7).</summary>
    public static bool IsName(string name)
    {
        if (name.Length is < 5 or > MaxNameBytes)
        {
            return false;
        }

        if (!name.StartsWith("iqn.", StringComparison.OrdinalIgnoreCase)
            && !name.StartsWith("eui.", StringComparison.OrdinalIgnoreCase)
            && !name.StartsWith("naa.", StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        foreach (char character in name)
        {
            if (character is <= ' ' or (char)0x7F or '=' or ',')
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>What a login finds under a target's name. Pure: asked of an immutable snapshot.</summary>
internal interface ILoginDirectory
{
    /// <summary>Null: no such target in this portal group.</summary>
    TargetSettings? FindTarget(string name, ushort portalGroupTag);

    /// <summary>CHAP for discovery sessions; null: none is asked for.</summary>
    ChapSettings? DiscoveryChap { get; }

    /// <summary>Limits and offers of discovery sessions.</summary>
    SessionSettings DiscoverySession { get; }

    /// <summary>Whether the session exists, for a login with a TSIH: its parameters, or null.</summary>
    SessionParameters? FindSession(string initiatorName, string targetName, ulong isid, ushort tsih);
}

/// <summary>A refused login, with the reason that is logged.</summary>
internal readonly record struct LoginRefused(LoginStatus Status, LoginRefusal Refusal, string Detail);
