using System.Net;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;

namespace ActorSan.Node.Settings;

/// <summary>What no single key can get wrong: names that lead nowhere, and things claimed twice.</summary>
internal sealed class CrossChecks(Section root, SettingsFindings findings)
{
    public void Check(NodeSettings settings)
    {
        CheckPortals(settings);
        CheckPortIds(settings);
        CheckStores(settings);
        CheckTargets(settings);
        CheckLunOptions(settings);
    }

    private void CheckPortals(NodeSettings settings)
    {
        for (int i = 0; i < settings.Portals.Count; i++)
        {
            PortalConfiguration portal = settings.Portals[i];
            PortalConfiguration? twin = settings.Portals.Take(i).FirstOrDefault(other => Overlap(other.Address, portal.Address));
            if (twin is not null)
            {
                Conflict($"portals.{Section.Quote(portal.Name)}", $"{portal.Address} is already the address of portal '{twin.Name}' ({twin.Address})");
            }
        }
    }

    private static bool Overlap(IPEndPoint left, IPEndPoint right)
    {
        if (left.Port != right.Port || left.Port == 0)
        {
            return false;
        }

        return left.Address.Equals(right.Address)
            || (left.AddressFamily == right.AddressFamily && (IsAny(left.Address) || IsAny(right.Address)))
            || left.Address.Equals(IPAddress.IPv6Any) || right.Address.Equals(IPAddress.IPv6Any);
    }

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private void CheckPortIds(NodeSettings settings)
    {
        foreach (IGrouping<ushort, PortalGroupSettings> twins in settings.PortalGroups.GroupBy(group => group.RelativePortId).Where(twins => twins.Count() > 1))
        {
            Conflict($"portal-groups.{twins.Last().GroupTag}", $"relative-port {twins.Key} belongs to the portal groups {string.Join(" and ", twins.Select(group => group.GroupTag))}");
        }
    }

    private void CheckStores(NodeSettings settings)
    {
        var byPath = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (VolumeSettings volume in settings.Volumes.Where(volume => volume.Path.Length > 0))
        {
            string real = RealPath(volume.Path);
            if (!byPath.TryAdd(real, volume.Name))
            {
                Conflict($"volumes.{Section.Quote(volume.Name)}.store.path", $"{volume.Path} is already the store of volume '{byPath[real]}'");
            }
        }
    }

    private static string RealPath(string path)
    {
        try
        {
            return new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            return path;
        }
    }

    private void CheckTargets(NodeSettings settings)
    {
        var byIqn = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (TargetConfiguration target in settings.Targets)
        {
            string path = $"targets.{Section.Quote(target.Name)}";
            if (!byIqn.TryAdd(target.Iqn, target.Name))
            {
                Conflict(path + ".iqn", $"{target.Iqn} is already the name of target '{byIqn[target.Iqn]}'");
            }

            foreach (ulong number in target.Luns.GroupBy(lun => lun.Number).Where(same => same.Count() > 1).Select(same => same.Key))
            {
                Conflict(path + ".luns", $"LUN {number} is given more than once");
            }

            foreach (LunConfiguration lun in target.Luns.Where(lun => lun.Volume.Length > 0 && settings.Volumes.All(volume => volume.Name != lun.Volume)))
            {
                string? near = Suggestion.For(lun.Volume, settings.Volumes.Select(volume => volume.Name));
                Conflict($"{path}.luns.{lun.Number}", $"there is no volume '{lun.Volume}'{(near is null ? "" : $"; did you mean '{near}'?")}");
            }

            foreach (InitiatorAccess initiator in target.Initiators)
            {
                foreach (ulong lun in (initiator.Luns ?? []).Where(lun => target.Luns.All(known => known.Number != lun)))
                {
                    Conflict(path + ".initiators", $"initiator '{initiator.Pattern}' is given LUN {lun}, which the target doesn't have");
                }
            }
        }
    }

    // A volume is one logical unit however many LUNs lead to it: they cannot disagree about what it is.
    private void CheckLunOptions(NodeSettings settings)
    {
        var seen = new Dictionary<string, (LunConfiguration Lun, string Target)>(StringComparer.Ordinal);
        foreach (TargetConfiguration target in settings.Targets)
        {
            foreach (LunConfiguration lun in target.Luns)
            {
                if (!seen.TryAdd(lun.Volume, (lun, target.Name)) && (seen[lun.Volume].Lun is var first) && (first.Removable != lun.Removable || first.ReadOnly != lun.ReadOnly))
                {
                    Conflict($"targets.{Section.Quote(target.Name)}.luns.{lun.Number}",
                        $"volume '{lun.Volume}' is LUN {first.Number} of target '{seen[lun.Volume].Target}' with other options; removable and read-only must agree");
                }
            }
        }
    }

    private void Conflict(string path, string reason) =>
        findings.Add(new SettingsIssue(SettingsFault.Conflict, $"{root.Path}.{path}", root.Locate(path), reason));
}
