using System.Threading.Channels;

namespace ActorSan.Cluster.Management;

/// <summary>A stream that somebody reads. Disposing of it ends it; it ends by itself when the node stops.</summary>
public interface ISubscription<T> : IDisposable
{
    ChannelReader<T> Reader { get; }

    /// <summary>What was dropped since the beginning, because the reader was slow.</summary>
    long Lost { get; }
}

/// <summary>What an event is about. Names are in the API.</summary>
public enum EventKind
{
    Member,
    Leader,
    Volume,
    Replica,
    Resync,
    Target,
    Session,
    Link,
    Store,
    Catalog,
    Operation,
}

public enum EventSeverity
{
    Information,
    Warning,
    Error,
}

/// <param name="Node">Which told it.</param>
/// <param name="Subject">The name of what it is about: a node, a volume, a target's name, a session as NODE/ID.</param>
/// <param name="Sentence">Whole, with its reason.</param>
public sealed record ManagementEvent(DateTimeOffset Time, string Node, EventKind Kind, EventSeverity Severity, string Subject, string Sentence);

public enum LogSeverity
{
    Debug,
    Information,
    Warning,
    Error,
    Fatal,
}

/// <param name="Source">The part of the program that wrote it.</param>
/// <param name="Exception">As text, several lines.</param>
public sealed record LogLine(DateTimeOffset Time, string Node, LogSeverity Severity, string Source, string Text, string? Exception = null);

/// <param name="Name">The last part of its path.</param>
/// <param name="Type">Of its behaviour, without namespace.</param>
/// <param name="Mailbox">Messages that wait; null where it can't be counted.</param>
/// <param name="Children">Ascending by name.</param>
public sealed record ActorTree(string Name, string Type, int? Mailbox, IReadOnlyList<ActorTree> Children);
