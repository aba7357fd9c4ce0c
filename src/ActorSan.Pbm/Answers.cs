using System.Text.Json;
using System.Text.Json.Serialization;

namespace ActorSan.Pbm;

/// <summary>What a node answers, as <c>/openapi.json</c> describes it. Unknown members are passed over: a newer node may say more.</summary>
internal sealed record Answer(
    int ExitCode, IReadOnlyList<Part> Parts, JsonElement? Json = null, Confirmation? Confirm = null, SecretQuestion? Ask = null, bool Streams = false);

internal sealed record Part(string? Title = null, Table? Table = null, IReadOnlyList<Fact>? Facts = null, IReadOnlyList<Cell>? Sentences = null, Tree? Tree = null);

internal sealed record Table(IReadOnlyList<Column> Columns, IReadOnlyList<IReadOnlyList<Cell>> Rows);

internal sealed record Column(string Title, bool AlignRight = false);

/// <param name="Tone">plain, good, warning, bad or dim; another one is plain.</param>
internal sealed record Cell(string Text, string Tone = "plain");

internal sealed record Fact(string Name, Cell Value);

internal sealed record Tree(string Text, IReadOnlyList<Tree> Children);

internal sealed record Confirmation(string Word, string Sentence);

internal sealed record SecretQuestion(string Name, string Prompt);

internal sealed record StreamedLine(Cell Line, JsonElement Json);

/// <summary>RFC 9457.</summary>
internal sealed record Problem(string? Title = null, string? Detail = null);

internal sealed record CommandRequest(IReadOnlyList<string> Words, bool Yes, IReadOnlyDictionary<string, string> Secrets);

internal sealed record StreamRequest(IReadOnlyList<string> Words, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? WatchSeconds);

internal sealed record CompletionRequest(IReadOnlyList<string> Words, string Beginning);
