using ActorSan.Cluster.Control;
using ActorSan.Cluster.Management;
using ActorSan.Replication.Core.Ports;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary><c>/user/node/management</c>: questions of other nodes' management, and the answers to this one's. The work is done elsewhere: nothing waits here.</summary>
public sealed class ManagementActor : ReceiveActor
{
    private readonly ILoggingAdapter _log = Context.GetLogger();

    /// <param name="node">This node.</param>
    /// <param name="rpc">Whose answers come here.</param>
    /// <param name="network">For the answers to others.</param>
    /// <param name="answer">Answers a question with a JSON document; throws <see cref="NodeFaultException"/> to refuse.</param>
    public ManagementActor(string node, NodeRpc rpc, IControlNetwork network, Func<string, string, Task<string>> answer)
    {
        Receive<NodeAnswer>(rpc.OnAnswer);
        Receive<ReplicaMade>(rpc.OnMade);
        Receive<NodeQuestion>(question =>
        {
            ILoggingAdapter log = _log;
            _ = Task.Run(async () =>
            {
                string document = "";
                string? fault = null;
                try
                {
                    document = await answer(question.What, question.Document).ConfigureAwait(false);
                }
                catch (NodeFaultException refusal)
                {
                    fault = refusal.Message;
                }
                catch (Exception failure)
                {
                    log.Warning(failure, "A question of {Node} for {What} was not answered", question.From, question.What);
                    fault = $"{node} could not answer: {failure.GetBaseException().Message}";
                }

                network.Send(question.From, new NodeAnswer(node, question.Instance, question.Id, document, fault));
            });
        });
    }

    public static Props Props(string node, NodeRpc rpc, IControlNetwork network, Func<string, string, Task<string>> answer) =>
        Akka.Actor.Props.Create(() => new ManagementActor(node, rpc, network, answer));
}
