using System.Collections.Concurrent;
using ActorSan.Cluster.Control;
using ActorSan.Replication.Core.Ports;

namespace ActorSan.Cluster.Management;

/// <summary>Questions of management to other nodes, and their answers. A question may be lost, and so may its answer: who asks waits no longer than he said. Any thread.</summary>
public sealed class NodeRpc(string node, Guid instance, IControlNetwork network)
{
    private readonly ConcurrentDictionary<long, TaskCompletionSource<ControlMessage>> _waiting = new();
    private long _last;

    /// <exception cref="TimeoutException">No answer.</exception>
    /// <exception cref="NodeFaultException">The node refuses; the message is its sentence.</exception>
    public async Task<string> Ask(string to, string what, string document, TimeSpan patience, CancellationToken cancellation)
    {
        var answer = (NodeAnswer)await Wait(to, id => new NodeQuestion(node, instance, id, what, document), patience, cancellation).ConfigureAwait(false);
        return answer.Fault is { } fault ? throw new NodeFaultException(fault) : answer.Document;
    }

    /// <exception cref="TimeoutException">No answer.</exception>
    public async Task<ReplicaMade> Make(string to, Guid volumeId, string name, long sizeBytes, int logicalBlockBytes, int physicalBlockBytes, TimeSpan patience, CancellationToken cancellation) =>
        (ReplicaMade)await Wait(to, id => new MakeReplica(node, instance, id, volumeId, name, sizeBytes, logicalBlockBytes, physicalBlockBytes), patience, cancellation).ConfigureAwait(false);

    public void OnAnswer(NodeAnswer answer)
    {
        if (answer.Instance == instance && _waiting.TryRemove(answer.Id, out TaskCompletionSource<ControlMessage>? waiting))
        {
            _ = waiting.TrySetResult(answer);
        }
    }

    public void OnMade(ReplicaMade made)
    {
        if (made.Instance == instance && _waiting.TryRemove(made.Id, out TaskCompletionSource<ControlMessage>? waiting))
        {
            _ = waiting.TrySetResult(made);
        }
    }

    private async Task<ControlMessage> Wait(string to, Func<long, ControlMessage> question, TimeSpan patience, CancellationToken cancellation)
    {
        long id = Interlocked.Increment(ref _last);
        var waiting = new TaskCompletionSource<ControlMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = waiting;
        try
        {
            network.Send(to, question(id));
            return await waiting.Task.WaitAsync(patience, cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"node {to} does not answer", late);
        }
        finally
        {
            _ = _waiting.TryRemove(id, out _);
        }
    }
}

/// <summary>A node refuses what it was asked for.</summary>
/// <param name="message">Its sentence.</param>
public sealed class NodeFaultException(string message) : Exception(message);
