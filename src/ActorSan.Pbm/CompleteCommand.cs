using RadLine;

namespace ActorSan.Pbm;

/// <summary>Tab: what all candidates have in common, then one after the other.</summary>
internal sealed class CompleteCommand(NodeClient node) : LineEditorCommand
{
    private string _text = "";
    private int _start;
    private IReadOnlyList<string> _candidates = [];
    private int _next;

    public override void Execute(LineEditorContext context)
    {
        LineBuffer buffer = context.Buffer;
        string before = buffer.Content[..buffer.Position];
        if (_candidates.Count > 1 && before == _text)
        {
            Replace(buffer, before, _candidates[_next], "");
            _next = (_next + 1) % _candidates.Count;
            return;
        }

        (IReadOnlyList<string> words, string beginning) = WordSplitter.SplitForCompletion(before);
        _candidates = node.Complete(words, beginning).GetAwaiter().GetResult();
        _start = before.Length - beginning.Length;
        _next = 0;
        if (_candidates.Count == 1)
        {
            Replace(buffer, before, _candidates[0], " ");
            _candidates = [];
        }
        else if (_candidates.Count > 1 && before.EndsWith(beginning, StringComparison.Ordinal))
        {
            string common = _candidates.Aggregate(Common);
            if (common.Length > beginning.Length)
            {
                Replace(buffer, before, common, "");
            }
            else
            {
                Replace(buffer, before, _candidates[0], "");
                _next = 1;
            }
        }
    }

    private void Replace(LineBuffer buffer, string before, string word, string after)
    {
        int start = Math.Clamp(_start, 0, before.Length);
        buffer.Move(start);
        buffer.Clear(start, before.Length - start);
        buffer.Insert(word + after);
        buffer.Move(start + word.Length + after.Length);
        _text = buffer.Content[..buffer.Position];
    }

    private static string Common(string left, string right) => left[..left.AsSpan().CommonPrefixLength(right)];
}
