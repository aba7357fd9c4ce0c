using ActorSan.Replication.Core.Ports;

namespace ActorSan.Cluster.Control;

/// <summary>The fencing hook of one volume's decisions: the node's command, with what it did in the volume's history.</summary>
internal sealed class VolumeFencing(FencingCommand command, ControlSide owner, VolumeSide side) : IFencingHook
{
    public void Fence(string node, Action<bool> ended)
    {
        owner.Note(side, ControlNote.Role, $"{node} does not vote, and is to be fenced");
        command.Fence(node, outcome =>
        {
            foreach (string line in outcome.Output)
            {
                owner.Note(side, ControlNote.Role, $"the fencing command for {node} printed: {line}");
            }

            owner.Note(side, outcome.Killed ? ControlNote.Role : ControlNote.Fault, outcome.Sentence);
            ended(outcome.Killed);
        });
    }
}
