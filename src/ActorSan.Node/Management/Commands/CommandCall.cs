using ActorSan.Cluster.Management;
using ActorSan.Node.Management.Api;

namespace ActorSan.Node.Management.Commands;

/// <summary>The words are wrong; the message is a sentence.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>A secret is wanted that was not given.</summary>
internal sealed class SecretWantedException(SecretQuestion question) : Exception(question.Prompt)
{
    public SecretQuestion Question => question;
}

/// <summary>A command with its words, checked and by name.</summary>
internal sealed class CommandCall(
    ManagementGate gate, IReadOnlyDictionary<string, object> values, IReadOnlyDictionary<string, string> secrets, CancellationToken cancellation)
{
    public ManagementGate Gate => gate;

    public CancellationToken Cancellation => cancellation;

    public bool Has(string name) => values.ContainsKey(name);

    /// <summary>Of a word that must be there.</summary>
    public string Text(string name) => (string)values[name];

    public string? TextOrNull(string name) => values.TryGetValue(name, out object? value) ? (string)value : null;

    public long Number(string name) => (long)values[name];

    public long? NumberOrNull(string name) => values.TryGetValue(name, out object? value) ? (long)value : null;

    public IReadOnlyList<string> List(string name) => values.TryGetValue(name, out object? value) ? (IReadOnlyList<string>)value : [];

    public IReadOnlyList<Guid> Lineages(string name) => values.TryGetValue(name, out object? value) ? (IReadOnlyList<Guid>)value : [];

    public (string Node, long Id) Session(string name) => ((string, long))values[name];

    /// <exception cref="SecretWantedException">It was not given.</exception>
    public string Secret(string name, string prompt) => secrets.TryGetValue(name, out string? secret) ? secret : throw new SecretWantedException(new SecretQuestion(name, prompt));

    public Task<T> Ask<T>(Func<IManagement, CancellationToken, Task<T>> question) => gate.Ask(question, cancellation);

    /// <exception cref="UsageException">There is none of that name.</exception>
    public async Task<T> One<T>(string what, string name, Func<IManagement, CancellationToken, Task<T?>> question)
        where T : class =>
        await gate.Ask(question, cancellation) ?? throw new NotThereException($"there is no {what} {name}");

    /// <summary>Carries a change out; the answer is its sentence.</summary>
    public async Task<CommandAnswer> Do(ManagementOperation operation)
    {
        OperationOutcome outcome = await gate.Do(operation, cancellation);
        string sentence = outcome.Rule is null ? outcome.Sentence : $"{outcome.Sentence} (rule {outcome.Rule})";
        return CommandAnswer.Sentence(outcome.Kind == OutcomeKind.Done ? CommandExit.Done : CommandExit.Failed, sentence, outcome);
    }
}

/// <summary>What a command is about isn't there.</summary>
internal sealed class NotThereException(string message) : Exception(message);
