using System.Text;

namespace ActorSan.Cluster.Management;

public abstract partial record ManagementOperation
{
    /// <param name="Iqn">In the normal form of RFC 3722: lower case.</param>
    /// <param name="Open">Everybody is allowed; otherwise nobody, until <see cref="AllowInitiator"/>.</param>
    public sealed record CreateTarget(string Iqn, string Alias, bool Open) : ManagementOperation;

    public sealed record DeleteTarget(string Iqn) : ManagementOperation;

    /// <param name="Lun">Null: the lowest that is free.</param>
    public sealed record MapLun(string Iqn, ulong? Lun, string Volume, bool ReadOnly) : ManagementOperation;

    public sealed record UnmapLun(string Iqn, ulong Lun) : ManagementOperation;

    /// <param name="Initiator">An iSCSI name, or a pattern with <c>*</c>.</param>
    public sealed record AllowInitiator(string Iqn, string Initiator) : ManagementOperation;

    /// <summary>Its sessions end.</summary>
    public sealed record DenyInitiator(string Iqn, string Initiator) : ManagementOperation;

    /// <summary>How initiators prove who they are (RFC 7143 §12.1.3). <see cref="object.ToString"/> tells no secret.</summary>
    /// <param name="User">Null: no proof is asked from now on, and the rest is null too.</param>
    /// <param name="MutualUser">What the target proves; null: nothing.</param>
    public sealed record SetChap(string Iqn, string? User, string? Secret, string? MutualUser, string? MutualSecret) : ManagementOperation
    {
        protected override bool PrintMembers(StringBuilder builder)
        {
            _ = builder.Append($"Iqn = {Iqn}, User = {User}, MutualUser = {MutualUser}");
            return true;
        }
    }

    public sealed record KickSession(string Node, long Id) : ManagementOperation;
}
