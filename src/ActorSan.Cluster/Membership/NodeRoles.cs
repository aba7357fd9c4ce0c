namespace ActorSan.Cluster.Membership;

/// <summary>What a node tells all others about itself by gossip: Akka's roles, which are a set of texts.</summary>
public static class NodeRoles
{
    public const string Storage = "storage";

    public const string Witness = "witness";

    private const string NamePrefix = "node.";

    /// <summary>Says the node's name.</summary>
    public static string OfName(string node) => NamePrefix + node;

    /// <summary>The node's name; null when it does not say one.</summary>
    public static string? NameIn(IEnumerable<string> roles) => Find(roles, NamePrefix);

    // The first by order, so that all nodes take the same from one that says several.
    private static string? Find(IEnumerable<string> roles, string prefix)
        => roles.Where(role => role.Length > prefix.Length && role.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal).FirstOrDefault()?[prefix.Length..];
}
