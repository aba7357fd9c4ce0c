using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Management;

/// <summary>What the rules of replication.md make of a volume as it stands, in sentences for administrators.</summary>
internal static class VolumeReasons
{
    public static (VolumeCondition Condition, string State) ConditionOf(
        Configuration now, IReadOnlyList<ReplicaReport> replicas, bool serves, long? leaseLeftMs, bool primaryAnswered, Func<string, bool> isReachable)
    {
        string[] voters = [.. now.Voters.Select(voter => voter.Node)];
        int reachable = voters.Count(isReachable);
        bool majority = reachable * 2 > voters.Length;
        string votes = $"{reachable} of {voters.Length} voters answer";
        string? primary = now.Primary?.Node;
        if (primary is not null && primaryAnswered && serves && leaseLeftMs is > 0)
        {
            ReplicaReport[] away = [.. replicas.Where(replica => now.MemberOf(replica.Node) is null)];
            return away.Length == 0 ? (VolumeCondition.Healthy, $"{primary} serves it, all replicas are in sync")
                : away.Any(replica => replica.Condition == ReplicaCondition.Syncing) ? (VolumeCondition.Syncing, $"{primary} serves it, {Names(away.Where(replica => replica.Condition == ReplicaCondition.Syncing).Select(replica => replica.Node))} is being brought up to date")
                : (VolumeCondition.Degraded, $"{primary} serves it without {Names(away.Select(replica => replica.Node))}");
        }

        if (!majority)
        {
            return (VolumeCondition.Suspended, $"requests wait: {votes}, and a majority is needed to decide who serves");
        }

        if (primary is not null && primaryAnswered)
        {
            return (VolumeCondition.Changing, $"{primary} is about to serve it: it takes the lease and settles with the other replicas");
        }

        string[] candidates = [.. now.InSync.Select(member => member.Node).Where(isReachable)];
        return candidates.Length > 0
            ? (VolumeCondition.Changing, $"{(primary is null ? "nobody has been primary yet" : $"{primary} does not answer")}; {Successors([.. candidates.Where(node => node != primary)])}")
            : (VolumeCondition.Stopped, $"no replica that is in sync is there ({Names(now.InSync.Select(member => member.Node))}): bring one back, or give up what only it has with 'volume promote --force' (P11)");
    }

    public static VolumeWhy Of(VolumeReport volume, Func<string, bool> isReachable, Configuration? configuration)
    {
        var primary = new List<string> { $"Volume {volume.Name}: {volume.State}." };
        if (volume.Primary is { } node)
        {
            primary.Add($"{node} is primary since epoch {configuration?.Reign ?? volume.Epoch}{(configuration is { } known && known.Epoch != known.Reign ? $", raised to {known.Epoch} since" : "")}: a majority of the voters {Names(volume.Voters)} decided it, and only who is in sync may be decided (P2).");
            primary.Add(volume.LeaseLeftMs switch
            {
                null => $"Whether it still has its lease is not known here: {node} did not say.",
                <= 0 => "Its lease has run out: it answers nothing until a majority of the voters grants it anew (L4).",
                { } left => $"Its lease runs for {left} ms more and is renewed all the time by a majority of the voters; while it runs nobody else can be promoted (L1, R2).",
            });
        }
        else
        {
            primary.Add("Nobody is primary yet.");
        }

        foreach (ReplicaReport replica in volume.Replicas.Where(replica => replica.Detail is not null || replica.Condition is not (ReplicaCondition.Primary or ReplicaCondition.InSync)))
        {
            primary.Add($"The replica of {replica.Node} is {(replica.Condition == ReplicaCondition.InSync ? "in sync" : replica.Condition.ToString().ToLowerInvariant())}{(replica.ToResyncBytes is > 0 ? $", {replica.ToResyncBytes} bytes behind" : "")}{(replica.Detail is { } detail ? $": {detail}" : "")}.");
        }

        string[] nodes = [.. volume.Replicas.Select(replica => replica.Node).Concat(volume.Voters).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return new VolumeWhy(volume.Name, primary, [.. nodes.Select(one => new NodeConsequence(one, IfDied(volume, one, isReachable)))], [.. Refused(volume)]);
    }

    private static string IfDied(VolumeReport volume, string node, Func<string, bool> isReachable)
    {
        if (!isReachable(node))
        {
            return "It is away already; see above.";
        }

        int left = volume.Voters.Count(voter => voter != node && isReachable(voter));
        bool majority = left * 2 > volume.Voters.Count;
        string[] others = [.. volume.InSync.Where(member => member != node && isReachable(member))];
        if (!majority)
        {
            return $"{left} of {volume.Voters.Count} voters would be left, no majority: requests would wait until it is back or another voter is (R2).";
        }

        if (node == volume.Primary)
        {
            return others.Length == 0
                ? $"Nobody else is in sync: the volume would stop until {node} is back; 'volume promote --force' would lose what only it has (P2, P11)."
                : $"{(volume.Settings.PreferredPrimary is { } preferred && others.Contains(preferred, StringComparer.Ordinal) ? preferred : others[0])} would take over by itself when the lease has run out, about a second later; nothing that was acknowledged would be lost (P1 to P6).";
        }

        if (volume.InSync.Contains(node, StringComparer.Ordinal))
        {
            return others.Length == 0
                ? "The volume would stop."
                : $"Writes would wait until it is decided that {node} is out of sync, about a second, and go on with {Names(others)} (W7).";
        }

        return volume.Voters.Contains(node, StringComparer.Ordinal)
            ? $"Nothing would change now; {((left - 1) * 2 > volume.Voters.Count ? "another voter could still be lost" : "no further voter could be lost")}."
            : "Nothing would change.";
    }

    private static IEnumerable<RefusedAction> Refused(VolumeReport volume)
    {
        foreach (ReplicaReport replica in volume.Replicas)
        {
            if (!volume.InSync.Contains(replica.Node, StringComparer.Ordinal))
            {
                yield return new RefusedAction($"volume promote {volume.Name} {replica.Node}", "P2", $"{replica.Node} is not in sync: it may lack writes that were acknowledged.");
            }
        }

        if (volume.Primary is { } primary)
        {
            yield return new RefusedAction($"replica remove {volume.Name} {primary}", "R8", $"{primary} serves: hand over first.");
        }

        if (volume.InSync.Count == 1)
        {
            yield return new RefusedAction($"volume detach {volume.Name} {volume.InSync[0]}", "W7", "it is the only replica that is in sync.");
        }

        yield return new RefusedAction($"volume resize {volume.Name} (smaller)", "S7", "a volume never becomes smaller.");
        if (volume.Voters.Count <= 2)
        {
            yield return new RefusedAction("automatic failover", "R2", "with two voters both are needed for a majority: add a witness with 'voter add', or a fencing hook (P12).");
        }
    }

    private static string Successors(string[] others) => others.Length switch
    {
        0 => "nobody else is in sync, so it is waited for",
        1 => $"{others[0]} is in sync and takes over",
        _ => $"{Names(others)} are in sync, and one of them takes over",
    };

    private static string Names(IEnumerable<string> nodes) => string.Join(", ", nodes) is { Length: > 0 } text ? text : "nobody";
}
