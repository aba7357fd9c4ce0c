using System.Text;

namespace ActorSan.Pbm;

/// <summary>A line of the prompt as words: blanks separate them, quotes of either kind and a backslash keep them together.</summary>
internal static class WordSplitter
{
    /// <exception cref="PbmException">A quote is not closed.</exception>
    public static IReadOnlyList<string> Split(string line)
    {
        (List<string> words, string? open, char quote) = Scan(line);
        if (quote != '\0')
        {
            throw new PbmException(ExitCode.Usage, $"a {quote} is not closed");
        }

        return open is null ? words : [.. words, open];
    }

    /// <summary>For completion: the whole words, and the beginning of the one at the end (empty after a blank).</summary>
    public static (IReadOnlyList<string> Words, string Beginning) SplitForCompletion(string line)
    {
        (List<string> words, string? open, _) = Scan(line);
        return (words, open ?? "");
    }

    private static (List<string> Words, string? Open, char Quote) Scan(string line)
    {
        List<string> words = [];
        StringBuilder? word = null;
        char quote = '\0';
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (quote != '\0' && c == quote)
            {
                quote = '\0';
            }
            else if (quote == '\0' && c is '"' or '\'' && quote == '\0')
            {
                quote = c;
                word ??= new StringBuilder();
            }
            else if (c == '\\' && quote != '\'' && i + 1 < line.Length)
            {
                word = (word ?? new StringBuilder()).Append(line[++i]);
            }
            else if (c == ' ' && quote == '\0')
            {
                if (word is not null)
                {
                    words.Add(word.ToString());
                    word = null;
                }
            }
            else
            {
                word = (word ?? new StringBuilder()).Append(c);
            }
        }

        return (words, word?.ToString(), quote);
    }
}
