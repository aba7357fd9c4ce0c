using ActorSan.Cluster.Management;

namespace ActorSan.Node.Management.Api;

/// <summary>What routes and commands share on their way to <see cref="IManagement"/>: limits of time, and the check of a change's form.</summary>
internal sealed class ManagementGate(IManagement management, ManagementOptions options)
{
    public IManagement Management => management;

    public ManagementOptions Options => options;

    public static string UnknownOutcome(ManagementOptions options) =>
        $"nothing was decided within {options.OperationTimeout.TotalSeconds} s, and it is not known whether it will be: look at the state, and do the same again, which is safe";

    /// <exception cref="OperationCanceledException">No answer in time.</exception>
    public async Task<T> Ask<T>(Func<IManagement, CancellationToken, Task<T>> question, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(options.QueryTimeout);
        return await question(management, limit.Token);
    }

    /// <exception cref="MalformedException">The change's form is wrong.</exception>
    /// <exception cref="OperationCanceledException">It is not known what became of it.</exception>
    public async Task<OperationOutcome> Do(ManagementOperation operation, CancellationToken cancellation)
    {
        if (OperationForm.Fault(operation) is { } fault)
        {
            throw new MalformedException(fault);
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(options.OperationTimeout);
        options.Log?.Information("Management: {Operation}", operation);
        OperationOutcome outcome = await management.Do(operation, limit.Token);
        options.Log?.Information("Management: {Kind}: {Sentence:l}", outcome.Kind, outcome.Sentence);
        return outcome;
    }
}
