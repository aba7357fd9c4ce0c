using System.Text.Json.Serialization;

namespace ActorSan.Node.Management.Commands;

/// <summary>What <c>pbm</c> ends with.</summary>
public static class CommandExit
{
    public const int Done = 0;

    /// <summary>Failed, or refused, or not now.</summary>
    public const int Failed = 1;

    /// <summary>The words are wrong.</summary>
    public const int Usage = 2;
}

/// <summary>How something stands, for colours; nothing else tells it apart.</summary>
public enum Tone
{
    Plain,
    Good,
    Warning,
    Bad,
    Dim,
}

/// <param name="Text">One line.</param>
public sealed record Cell(string Text, Tone Tone = Tone.Plain)
{
    public static implicit operator Cell(string text) => new(text);
}

/// <param name="AlignRight">For numbers.</param>
public sealed record Column(string Title, bool AlignRight = false);

public sealed record Table(IReadOnlyList<Column> Columns, IReadOnlyList<IReadOnlyList<Cell>> Rows);

public sealed record Fact(string Name, Cell Value);

public sealed record Tree(string Text, IReadOnlyList<Tree> Children);

/// <summary>One part of an answer: of table, facts, sentences and tree there is one.</summary>
public sealed record Part(
    string? Title = null,
    Table? Table = null,
    IReadOnlyList<Fact>? Facts = null,
    IReadOnlyList<Cell>? Sentences = null,
    Tree? Tree = null);

/// <summary>Asked before a dangerous command: the same again with <c>yes</c>, once the word was typed.</summary>
public sealed record Confirmation(string Word, string Sentence);

/// <summary>A secret that the command needs: the same again with it in <c>secrets</c> under <paramref name="Name"/>. It never stands among the words, where others could read it.</summary>
public sealed record SecretQuestion(string Name, string Prompt);

/// <summary>What became of a command, for people and for programs.</summary>
/// <param name="ExitCode"><see cref="CommandExit"/>.</param>
/// <param name="Parts">In the order in which they are shown.</param>
/// <param name="Json">The same for programs; null: only <paramref name="Parts"/> tell.</param>
/// <param name="Streams">Nothing was done: it is a stream, at <c>/api/v1/command/stream</c>.</param>
public sealed record CommandAnswer(
    int ExitCode,
    IReadOnlyList<Part> Parts,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] object? Json = null,
    Confirmation? Confirm = null,
    SecretQuestion? Ask = null,
    bool Streams = false)
{
    public static CommandAnswer Of(object? json, params IReadOnlyList<Part> parts) => new(CommandExit.Done, parts, json);

    public static CommandAnswer Sentence(int exitCode, string sentence, object? json = null) =>
        new(exitCode, [new Part(Sentences: [new Cell(sentence, exitCode == CommandExit.Done ? Tone.Plain : Tone.Bad)])], json ?? new SentenceJson(exitCode, sentence));

    private sealed record SentenceJson(int ExitCode, string Sentence);
}

/// <summary>One line of a stream of a command.</summary>
/// <param name="Json">The same for programs.</param>
public sealed record CommandLineItem(Cell Line, object Json);

/// <param name="Words">As typed, without the node's address and without pbm's own options.</param>
/// <param name="Yes">What is dangerous was confirmed.</param>
/// <param name="Secrets">By the names that were asked for.</param>
public sealed record CommandRequest(IReadOnlyList<string> Words, bool Yes = false, IReadOnlyDictionary<string, string>? Secrets = null);

/// <param name="WatchSeconds">The command is repeated this often; null: it must be one that streams.</param>
public sealed record CommandStreamRequest(IReadOnlyList<string> Words, double? WatchSeconds = null);

/// <param name="Words">Those before the one that is being typed.</param>
/// <param name="Beginning">Of the one that is being typed.</param>
public sealed record CompletionRequest(IReadOnlyList<string> Words, string Beginning);
