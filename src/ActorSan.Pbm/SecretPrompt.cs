using System.Text;

namespace ActorSan.Pbm;

/// <summary>Secrets: typed without an echo, or one line of standard input.</summary>
internal static class SecretPrompt
{
    /// <exception cref="PbmException">None was given.</exception>
    public static string Read(string prompt)
    {
        string? secret = Console.IsInputRedirected ? Console.ReadLine() : Typed(prompt);
        return string.IsNullOrEmpty(secret) ? throw new PbmException(ExitCode.Failed, $"no secret was given ({prompt}): nothing was done") : secret;
    }

    private static string Typed(string prompt)
    {
        Console.Error.Write(prompt + ": ");
        var typed = new StringBuilder();
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                typed.Length = Math.Max(0, typed.Length - 1);
            }
            else if (!char.IsControl(key.KeyChar))
            {
                _ = typed.Append(key.KeyChar);
            }
        }

        Console.Error.WriteLine();
        return typed.ToString();
    }
}
