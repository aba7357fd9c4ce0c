using System.Text.Json;
using ActorSan.Cluster.Management;

namespace ActorSan.Node.Management.Metrics;

/// <summary>What a node counts, as families. Names and labels are what dashboards and alerts rest on.</summary>
internal static class MetricsPage
{
    public static string Write(NodeMetrics metrics)
    {
        var page = new ExpositionWriter();
        Node(page, metrics);
        Volumes(page, metrics.Volumes);
        Replicas(page, metrics.Replicas);
        Links(page, metrics.Links);
        Sessions(page, metrics.Sessions);
        Threads(page, metrics.Threads);
        return page.ToString();
    }

    private static void Node(ExpositionWriter page, NodeMetrics metrics)
    {
        page.Family("actorsan_build_info", "gauge", "The program, as labels.").Sample(1, ("node", metrics.Node), ("version", metrics.Version));
        page.Family("actorsan_start_time_seconds", "gauge", "When the process began, in seconds since 1970.").Sample(metrics.Started.ToUnixTimeMilliseconds() / 1e3);
        page.Family("actorsan_majority_reachable", "gauge", "1 while a majority of the catalog's voters is reachable from this node.").Sample(metrics.MajorityReachable);
        page.Family("actorsan_catalog_version", "gauge", "Version of the latest catalog that this node knows.").Sample(metrics.CatalogVersion);
        page.Family("actorsan_member_reachable", "gauge", "1 while this node reaches the member.");
        foreach (MemberReport member in metrics.Members)
        {
            page.Sample(member.Reachable, ("member", member.Name), ("role", Word(member.Role)));
        }

        page.Family("actorsan_member_status", "gauge", "1 for the status that the member has.");
        foreach (MemberReport member in metrics.Members)
        {
            page.Sample(1, ("member", member.Name), ("status", Word(member.Status)));
        }
    }

    private static void Volumes(ExpositionWriter page, IReadOnlyList<VolumeMetrics> volumes)
    {
        Each(page, volumes, "actorsan_volume_size_bytes", "gauge", "Size.", volume => volume.SizeBytes);
        Each(page, volumes, "actorsan_volume_primary", "gauge", "1 while this node is primary.", volume => volume.IsPrimary ? 1 : 0);
        Each(page, volumes, "actorsan_volume_epoch", "gauge", "Promotion number.", volume => volume.Epoch);
        Each(page, volumes, "actorsan_volume_in_sync_replicas", "gauge", "Members of the in-sync set.", volume => volume.InSync);
        Each(page, volumes, "actorsan_volume_replicas", "gauge", "Replicas that it is to have.", volume => volume.ReplicaCount);
        page.Family("actorsan_volume_condition", "gauge", "1 for the condition that the volume has, 0 for the others.");
        foreach (VolumeMetrics volume in volumes)
        {
            foreach (VolumeCondition condition in Enum.GetValues<VolumeCondition>())
            {
                page.Sample(volume.Condition == condition, ("volume", volume.Name), ("condition", Word(condition)));
            }
        }

        Directions(page, volumes, "actorsan_volume_commands_total", "counter", "Commands ended.", volume => volume.Io.Reads, volume => volume.Io.Writes);
        Directions(page, volumes, "actorsan_volume_bytes_total", "counter", "Bytes read and written.", volume => volume.Io.ReadBytes, volume => volume.Io.WrittenBytes);
        Each(page, volumes, "actorsan_volume_errors_total", "counter", "Commands that ended with something else than GOOD.", volume => volume.Io.Errors);
        page.Family("actorsan_volume_latency_seconds", "histogram", "From the command's arrival to its answer.");
        foreach (VolumeMetrics volume in volumes)
        {
            page.Histogram(volume.Io.ReadLatency, ("volume", volume.Name), ("direction", "read"));
            page.Histogram(volume.Io.WriteLatency, ("volume", volume.Name), ("direction", "write"));
        }
    }

    private static void Replicas(ExpositionWriter page, IReadOnlyList<ReplicaMetrics> replicas)
    {
        page.Family("actorsan_replica_in_sync", "gauge", "1 while the replica is a member of the in-sync set.");
        foreach (ReplicaMetrics replica in replicas)
        {
            page.Sample(replica.Condition is ReplicaCondition.Primary or ReplicaCondition.InSync, ("volume", replica.Volume), ("replica", replica.Node));
        }

        page.Family("actorsan_replica_condition", "gauge", "1 for the condition that the replica has, 0 for the others.");
        foreach (ReplicaMetrics replica in replicas)
        {
            foreach (ReplicaCondition condition in Enum.GetValues<ReplicaCondition>())
            {
                page.Sample(replica.Condition == condition, ("volume", replica.Volume), ("replica", replica.Node), ("condition", Word(condition)));
            }
        }

        page.Family("actorsan_replica_resync_bytes", "gauge", "Bytes by which it may differ from the primary.");
        foreach (ReplicaMetrics replica in replicas)
        {
            if (replica.ToResyncBytes is { } bytes)
            {
                page.Sample(bytes, ("volume", replica.Volume), ("replica", replica.Node));
            }
        }

        page.Family("actorsan_replica_resync_bytes_per_second", "gauge", "Speed of the resync under way.");
        foreach (ReplicaMetrics replica in replicas)
        {
            if (replica.ResyncBytesPerSecond is { } speed)
            {
                page.Sample(speed, ("volume", replica.Volume), ("replica", replica.Node));
            }
        }
    }

    private static void Links(ExpositionWriter page, IReadOnlyList<LinkReport> links)
    {
        void Of(string name, string type, string help, Func<LinkReport, double> value)
        {
            page.Family(name, type, help);
            foreach (LinkReport link in links)
            {
                page.Sample(value(link), ("peer", link.Peer));
            }
        }

        Of("actorsan_link_up", "gauge", "1 while the data link is authenticated and speaks.", link => link.Condition == LinkCondition.Up ? 1 : 0);
        Of("actorsan_link_encrypted", "gauge", "1 while the link is up and encrypted.", link => link.Encrypted ? 1 : 0);
        Of("actorsan_link_queued_bytes", "gauge", "Waiting to be sent.", link => link.QueuedBytes);
        Of("actorsan_link_sent_bytes_total", "counter", "Bytes sent.", link => link.SentBytes);
        Of("actorsan_link_received_bytes_total", "counter", "Bytes received.", link => link.ReceivedBytes);
        Of("actorsan_link_sent_frames_total", "counter", "Frames sent.", link => link.SentFrames);
        Of("actorsan_link_received_frames_total", "counter", "Frames received.", link => link.ReceivedFrames);
        Of("actorsan_link_losses_total", "counter", "Times that it was lost.", link => link.Losses);
        Paths(page, links, "actorsan_link_path_up", "1 while the peer is reached by the path; none as long as nobody has looked.", PathCondition.Active, PathCondition.Standby);
        Paths(page, links, "actorsan_link_path_active", "1 for the path that carries the link.", PathCondition.Active);
        page.Family("actorsan_link_round_trip_seconds", "histogram", "Of its keep-alives.");
        foreach (LinkReport link in links.Where(link => link.RoundTrip is not null))
        {
            page.Histogram(link.RoundTrip!, ("peer", link.Peer));
        }
    }

    private static void Paths(ExpositionWriter page, IReadOnlyList<LinkReport> links, string name, string help, params PathCondition[] ones)
    {
        page.Family(name, "gauge", help);
        foreach (LinkReport link in links)
        {
            foreach (PathReport path in link.Paths.Where(path => path.Condition != PathCondition.Unknown))
            {
                page.Sample(ones.Contains(path.Condition) ? 1 : 0, ("peer", link.Peer), ("address", path.Address));
            }
        }
    }

    private static void Sessions(ExpositionWriter page, IReadOnlyList<SessionReport> sessions)
    {
        void Of(string name, string type, string help, string? direction, Func<SessionReport, double> value)
        {
            if (name.Length > 0)
            {
                page.Family(name, type, help);
            }

            foreach (SessionReport session in sessions)
            {
                (string, string)[] labels = [("session", session.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)), ("initiator", session.Initiator), ("target", session.Target)];
                page.Sample(value(session), direction is null ? labels : [.. labels, ("direction", direction)]);
            }
        }

        page.Family("actorsan_sessions", "gauge", "Sessions of this node.").Sample(sessions.Count);
        Of("actorsan_session_commands_total", "counter", "Commands ended.", "read", session => session.Reads);
        Of("", "", "", "write", session => session.Writes);
        Of("actorsan_session_bytes_total", "counter", "Bytes read and written.", "read", session => session.ReadBytes);
        Of("", "", "", "write", session => session.WrittenBytes);
        Of("actorsan_session_tasks", "gauge", "Tasks in flight.", null, session => session.TasksInFlight);
    }

    private static void Threads(ExpositionWriter page, IReadOnlyList<ThreadReport> threads)
    {
        void Of(string name, string type, string help, Func<ThreadReport, double> value)
        {
            page.Family(name, type, help);
            foreach (ThreadReport thread in threads)
            {
                page.Sample(value(thread), ("thread", thread.Name));
            }
        }

        Of("actorsan_thread_running", "gauge", "1 while its loop turns.", thread => thread.Running ? 1 : 0);
        Of("actorsan_thread_turns_total", "counter", "Turns of its loop.", thread => thread.Turns);
        Of("actorsan_thread_waits_total", "counter", "Turns that waited in the kernel.", thread => thread.Waits);
        Of("actorsan_thread_operations_total", "counter", "Operations given to the kernel.", thread => thread.Operations);
        Of("actorsan_thread_connections", "gauge", "Connections that belong to it.", thread => thread.Connections);
        page.Family("actorsan_thread_turn_seconds", "histogram", "How long a turn took.");
        foreach (ThreadReport thread in threads.Where(thread => thread.TurnTime is not null))
        {
            page.Histogram(thread.TurnTime!, ("thread", thread.Name));
        }
    }

    private static void Each(ExpositionWriter page, IReadOnlyList<VolumeMetrics> volumes, string name, string type, string help, Func<VolumeMetrics, double> value)
    {
        page.Family(name, type, help);
        foreach (VolumeMetrics volume in volumes)
        {
            page.Sample(value(volume), ("volume", volume.Name));
        }
    }

    private static void Directions(
        ExpositionWriter page, IReadOnlyList<VolumeMetrics> volumes, string name, string type, string help, Func<VolumeMetrics, double> read, Func<VolumeMetrics, double> write)
    {
        page.Family(name, type, help);
        foreach (VolumeMetrics volume in volumes)
        {
            page.Sample(read(volume), ("volume", volume.Name), ("direction", "read"));
            page.Sample(write(volume), ("volume", volume.Name), ("direction", "write"));
        }
    }

    private static string Word<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
