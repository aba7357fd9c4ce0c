using RadLine;

namespace ActorSan.Pbm;

/// <summary>Ctrl-U: what stands before the cursor goes.</summary>
internal sealed class ClearBeforeCommand : LineEditorCommand
{
    public override void Execute(LineEditorContext context)
    {
        int length = context.Buffer.Position;
        context.Buffer.Move(0);
        context.Buffer.Clear(0, length);
    }
}

/// <summary>Ctrl-D: on an empty line it ends the prompt, elsewhere it deletes a character.</summary>
internal sealed class EndCommand : LineEditorCommand
{
    public override void Execute(LineEditorContext context)
    {
        if (context.Buffer.Length == 0)
        {
            context.Submit(SubmitAction.Cancel);
        }
        else
        {
            new DeleteCommand().Execute(context);
        }
    }
}
