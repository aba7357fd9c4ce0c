using System.Net;
using System.Text;
using ActorSan.Cluster.Management;
using ActorSan.Node.Settings;

namespace ActorSan.Node.Management.Api;

/// <summary>What can be seen to be wrong with a change without knowing the cluster: names, sizes, doubled nodes. One place, for routes and commands alike.</summary>
internal static class OperationForm
{
    private const int LeastSecretBytes = 12;
    private const int MostSecretBytes = 128;

    /// <summary>The largest LUN of the flat space method (SAM-5 §4.7.7.4).</summary>
    private const ulong MaxLun = 16383;

    /// <summary>A sentence; null if nothing is wrong.</summary>
    public static string? Fault(ManagementOperation operation) => operation switch
    {
        ManagementOperation.CreateVolume create => Creation(create),
        ManagementOperation.DeleteVolume delete => Volume(delete.Name),
        ManagementOperation.ResizeVolume resize => Volume(resize.Name) ?? Size(resize.SizeBytes, 512),
        ManagementOperation.PromoteVolume promote => Volume(promote.Name) ?? Node(promote.Node) ?? (promote.Force is { } force ? Force(force, promote.Node) : null),
        ManagementOperation.HandOverVolume handOver => Volume(handOver.Name) ?? (handOver.To is null ? null : Node(handOver.To)),
        ManagementOperation.AttachReplica attach => Volume(attach.Name) ?? Node(attach.Node),
        ManagementOperation.DetachReplica detach => Volume(detach.Name) ?? Node(detach.Node),
        ManagementOperation.DiscardReplica discard => Volume(discard.Name) ?? Node(discard.Node),
        ManagementOperation.VerifyVolume verify => Volume(verify.Name),
        ManagementOperation.ResyncVolume resync => Volume(resync.Name) ?? (resync.Node is null ? null : Node(resync.Node)),
        ManagementOperation.AddReplica add => Volume(add.Name) ?? Node(add.Node),
        ManagementOperation.RemoveReplica remove => Volume(remove.Name) ?? Node(remove.Node),
        ManagementOperation.ReplaceReplica replace => Volume(replace.Name) ?? Node(replace.Node) ?? Node(replace.By)
            ?? (replace.Node == replace.By ? "a replica is replaced by that of another node; a store that came new on the same node is found without a command" : null),
        ManagementOperation.AddVoter add => Volume(add.Name) ?? Node(add.Node),
        ManagementOperation.RemoveVoter remove => Volume(remove.Name) ?? Node(remove.Node),
        ManagementOperation.SetVolumeSettings set => Volume(set.Name) ?? (set.PreferredPrimary is null or "" ? null : Node(set.PreferredPrimary))
            ?? (set is { PreferredPrimary: null, OnNoQuorum: null, ConfirmReads: null } ? "nothing is to be changed: name at least one setting" : null),
        ManagementOperation.CreateTarget create => Iqn(create.Iqn) ?? (create.Alias.Length > 255 ? "an alias has at most 255 characters (RFC 7143 §13.6)" : null),
        ManagementOperation.DeleteTarget delete => Iqn(delete.Iqn),
        ManagementOperation.MapLun map => Iqn(map.Iqn) ?? Volume(map.Volume) ?? (map.Lun is { } lun ? Lun(lun) : null),
        ManagementOperation.UnmapLun unmap => Iqn(unmap.Iqn) ?? Lun(unmap.Lun),
        ManagementOperation.AllowInitiator allow => Iqn(allow.Iqn) ?? IscsiName.PatternFault(allow.Initiator),
        ManagementOperation.DenyInitiator deny => Iqn(deny.Iqn) ?? IscsiName.PatternFault(deny.Initiator),
        ManagementOperation.SetChap chap => Iqn(chap.Iqn) ?? Chap(chap),
        ManagementOperation.KickSession kick => Node(kick.Node),
        ManagementOperation.JoinCluster join => Address(join.Address),
        ManagementOperation.LeaveCluster leave => Node(leave.Node),
        ManagementOperation.DownNode down => Node(down.Node),
        ManagementOperation.DownUnreachable => null,
        ManagementOperation.DrainNode drain => Node(drain.Node),
        ManagementOperation.UndrainNode undrain => Node(undrain.Node),
        ManagementOperation.ForgetNode forget => Node(forget.Node),
        _ => throw new ArgumentOutOfRangeException(nameof(operation), operation.GetType().Name, "a change whose form nobody knows"),
    };

    public static string? Volume(string name) => VolumeReader.VolumeNameFault(name);

    public static string? Node(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? null
            : $"'{name}' is not the name of a node: that has 1 to 64 letters, digits, '-', '_' and '.'";

    public static string? Iqn(string iqn) => IscsiName.Fault(iqn) is { } fault ? $"'{iqn}' is not the name of a target: {fault}" : null;

    public static string? Address(string address) =>
        address.LastIndexOf(':') is > 0 and var colon && int.TryParse(address.AsSpan(colon + 1), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int port) && port is > 0 and <= IPEndPoint.MaxPort
            && Uri.CheckHostName(address[..colon].Trim('[', ']')) != UriHostNameType.Unknown ? null
            : $"'{address}' is not HOST:PORT, like zeus:9100";

    private static string? Creation(ManagementOperation.CreateVolume create) =>
        Volume(create.Name)
        ?? (create.BlockSizeBytes is 512 or 4096 ? null : $"a block has 512 or 4096 bytes, not {create.BlockSizeBytes}")
        ?? Size(create.SizeBytes, create.BlockSizeBytes)
        ?? Nodes(create.Replicas, "a replica") ?? Nodes(create.Voters, "a voter")
        ?? (create.PreferredPrimary is null ? null : Node(create.PreferredPrimary))
        ?? (create.PreferredPrimary is { } preferred && create.Replicas.Count > 0 && !create.Replicas.Contains(preferred, StringComparer.Ordinal)
            ? $"{preferred} can't be preferred as primary: it is not to have a replica" : null);

    private static string? Size(long sizeBytes, int blockSizeBytes) =>
        sizeBytes <= 0 ? "a volume has more than 0 bytes"
            : sizeBytes % blockSizeBytes != 0 ? $"{sizeBytes} bytes are no whole number of blocks of {blockSizeBytes} bytes" : null;

    private static string? Force(ForceOptions force, string node) =>
        Nodes(force.Voters, "a voter") ?? Nodes(force.MayLose, "a node that may have more")
        ?? (force.MayLose.Contains(node, StringComparer.Ordinal) ? $"{node} is to be promoted: what it has is not lost" : null);

    private static string? Nodes(IReadOnlyList<string> nodes, string what)
    {
        foreach (string node in nodes)
        {
            if (Node(node) is { } fault)
            {
                return fault;
            }
        }

        return nodes.GroupBy(node => node, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } doubled
            ? $"{doubled.Key} is named twice as {what}" : null;
    }

    private static string? Lun(ulong lun) => lun <= MaxLun ? null : $"a LUN is 0 to {MaxLun}, not {lun}";

    private static string? Chap(ManagementOperation.SetChap chap)
    {
        if (chap.User is null)
        {
            return chap is { Secret: null, MutualUser: null, MutualSecret: null } ? null : "without a user there is no CHAP: leave secret and mutual user away too";
        }

        return chap.User.Length is 0 or > 255 ? "the user of CHAP has 1 to 255 characters"
            : Secret(chap.Secret, "the secret")
            ?? ((chap.MutualUser is null) != (chap.MutualSecret is null) ? "mutual CHAP wants both a user and a secret" : null)
            ?? (chap.MutualUser is null ? null : chap.MutualUser.Length is 0 or > 255 ? "the mutual user has 1 to 255 characters" : Secret(chap.MutualSecret, "the mutual secret"))
            ?? (chap.Secret == chap.MutualSecret ? "initiator and target must not have the same secret (RFC 7143 §12.1.3)" : null);
    }

    private static string? Secret(string? secret, string what) =>
        secret is not null && Encoding.UTF8.GetByteCount(secret) is >= LeastSecretBytes and <= MostSecretBytes ? null
            : $"{what} has {LeastSecretBytes} to {MostSecretBytes} bytes (RFC 7143 §12.1.3)";
}
