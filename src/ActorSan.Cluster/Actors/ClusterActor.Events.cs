using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Management;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Registers;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Links;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary>What the control loop and the links' thread tell, on its way to this actor, the log, the histories and the event stream.</summary>
public sealed partial class ClusterActor
{
    /// <summary>From the control side: an attempt to found or find the catalog has ended.</summary>
    private sealed record CatalogSought(bool Founds, CatalogOutcome Outcome);

    private sealed record LetInitiatorsGo(Guid VolumeId);

    private sealed record LinkNews(LinkReport Report);

    private sealed record PathNews(string Peer, string Address, bool IsThere);

    private sealed class SideSink(IActorRef actor, IActorRef history, ClusterState state, string node, ILoggingAdapter log) : IControlSideEvents
    {
        void IControlSideEvents.CatalogDecided(RegisterKey key, DocumentValue value, CatalogDocument document)
        {
            // At once: whoever waits for a decision and then looks must see it.
            state.SetCatalog(key, value, document);
            actor.Tell(new CatalogDecided(key, value, document));
        }

        void IControlSideEvents.CatalogSought(bool founds, CatalogOutcome outcome) => actor.Tell(new CatalogSought(founds, outcome));

        void IControlSideEvents.ConfigurationDecided(Guid volumeId, Configuration? before, Configuration now)
        {
            state.SetConfiguration(volumeId, now);
            actor.Tell(new ConfigurationDecided(volumeId, before, now));
            foreach ((string what, string sentence) in Changes(before, now))
            {
                Note(volumeId, what, now.Epoch, sentence, what is "dropped" or "no primary" ? EventSeverity.Warning : EventSeverity.Information, EventKind.Volume);
            }
        }

        void IControlSideEvents.Noted(Guid volumeId, ControlNote note, string sentence) => Note(
            volumeId, note.ToString().ToLowerInvariant(), state.ConfigurationOf(volumeId)?.Epoch ?? 0, sentence,
            note switch { ControlNote.Fault => EventSeverity.Error, ControlNote.Role or ControlNote.Operator => EventSeverity.Information, _ => EventSeverity.Warning },
            note == ControlNote.Replica ? EventKind.Replica : EventKind.Volume);

        void IControlSideEvents.LetGo(Guid volumeId) => actor.Tell(new LetInitiatorsGo(volumeId));

        void IControlSideEvents.JournalPutBack(long seen, long writeCount) => log.Error(
            "This node's journal was put back to an older state: it holds {WriteCount} writes, and others have seen {Seen}. It votes no more. Stop the node, move its journal away, and start it: it becomes a new voter",
            writeCount, seen);

        private void Note(Guid volumeId, string what, long epoch, string sentence, EventSeverity severity, EventKind kind)
        {
            string name = state.Catalog?.Document.FindVolume(volumeId)?.Name ?? (volumeId == Guid.Empty ? "catalog" : volumeId.ToString());
            DateTimeOffset now = DateTimeOffset.UtcNow;
            switch (severity)
            {
                case EventSeverity.Error:
                    log.Error("Volume {Volume}: {Sentence}", name, sentence);
                    break;
                case EventSeverity.Warning:
                    log.Warning("Volume {Volume}: {Sentence}", name, sentence);
                    break;
                default:
                    log.Info("Volume {Volume}: {Sentence}", name, sentence);
                    break;
            }

            if (volumeId != Guid.Empty)
            {
                history.Tell(new HistoryRecord(volumeId, new Management.VolumeEvent(now, node, what, epoch, sentence)));
            }

            state.Tell(new ManagementEvent(now, node, kind, severity, name, sentence));
        }

        private static IEnumerable<(string What, string Sentence)> Changes(Configuration? before, Configuration now)
        {
            if (before is null && now.Version > 1)
            {
                // What this node hears at its start happened before it.
                yield break;
            }

            if (now.Deleted)
            {
                yield return ("deleted", "the volume is deleted: its id is never used again");
                yield break;
            }

            if (before?.Primary != now.Primary)
            {
                yield return now.Primary is { } primary
                    ? (before?.Reign != now.Reign ? "promoted" : "role", $"{primary.Node} is primary (epoch {now.Epoch})")
                    : ("no primary", "nobody is primary");
            }

            foreach (Member member in now.InSync)
            {
                if (before?.MemberOf(member.Node) is null && before is not null)
                {
                    yield return ("admitted", $"{member.Node} is in sync");
                }
            }

            foreach (Member member in before?.InSync ?? default)
            {
                if (now.MemberOf(member.Node) is null)
                {
                    yield return ("dropped", $"{member.Node} is out of sync");
                }
            }

            foreach (ReplicaEntry replica in now.Replicas)
            {
                if (before is not null && before.ReplicaOf(replica.Node) is null)
                {
                    yield return ("replica added", $"{replica.Node} has a replica, out of sync until it is resynced");
                }
                else if (before?.ReplicaOf(replica.Node) is { } old && old.Detached != replica.Detached)
                {
                    yield return (replica.Detached ? "detached" : "attached", $"{replica.Node} is {(replica.Detached ? "taken out of service" : "back in service")}");
                }
            }

            foreach (ReplicaEntry replica in before?.Replicas ?? default)
            {
                if (now.ReplicaOf(replica.Node) is null)
                {
                    yield return ("replica removed", $"{replica.Node} has no replica any more");
                }
            }

            if (before is not null && before.SizeBytes != now.SizeBytes)
            {
                yield return ("resized", $"the size is {now.SizeBytes} bytes");
            }

            if (before is not null && before.Voters != now.Voters)
            {
                // A node of the same name with another journal is another voter.
                string[] renewed = [.. now.Voters.Where(voter => !before.Voters.Contains(voter) && before.Voters.Any(other => other.Node == voter.Node)).Select(voter => voter.Node)];
                yield return ("voters", (renewed.Length > 0 ? $"the vote of {string.Join(", ", renewed)} goes to another journal; " : "")
                    + $"the voters are {string.Join(", ", now.Voters.Select(voter => voter.Node))}{(now.OldVoters.Count > 0 ? ", together with those before until the change is complete" : "")}");
            }
            else if (before is { OldVoters.Count: > 0 } && now.OldVoters.Count == 0)
            {
                yield return ("voters", "the change of voters is complete");
            }
        }
    }

    private sealed class LinkSink(IActorRef actor) : ILinkEvents
    {
        public void LinkUp(string peer, string address) =>
            actor.Tell(new LinkNews(new LinkReport(peer, LinkCondition.Up, null, address, DateTimeOffset.UtcNow, 0, 0, 0, 0, 0, 0, null, [])));

        public void LinkDown(string peer, LinkEnd end, string detail) =>
            actor.Tell(new LinkNews(new LinkReport(peer, LinkCondition.Down, detail, null, DateTimeOffset.UtcNow, 0, 0, 0, 0, 0, 1, null, [])));

        public void NoLink(string? peer, string address, LinkEnd end, HandshakeFault fault, string detail) =>
            actor.Tell(new LinkNews(new LinkReport(peer ?? "", end == LinkEnd.Refused ? LinkCondition.Refused : LinkCondition.Connecting, detail, address, null, 0, 0, 0, 0, 0, 0, null, [])));

        public void PathChanged(string peer, string address, bool isThere) => actor.Tell(new PathNews(peer, address, isThere));
    }
}
