using System.CommandLine;

namespace ActorSan.Node.Verbs;

/// <summary>The tree of verbs.</summary>
public static class CommandLine
{
    /// <summary>Parses and runs; the result is an <see cref="ExitCode"/>. What a verb was asked for goes to <paramref name="output"/>, everything else to <paramref name="error"/>.</summary>
    public static int Run(IReadOnlyList<string> arguments, TextWriter output, TextWriter error)
    {
        var root = new RootCommand("""
            ActorSan: a SAN node. Serves volumes over iSCSI as a HOCON configuration says.

            Exit codes: 0 done, or stopped in order; 1 failed, or stopped not in order; 2 the command line or the configuration is wrong;
            3 the state directory is in use, or the store that format or inspect names; 130 a second signal cut an ordered stop short.
            """)
        {
            RunVerb.Create(error),
            StoreVerbs.CreateFormat(output, error),
            StoreVerbs.CreateInspect(output, error),
            CheckVerb.Create(output, error),
            InitVerb.Create(output, error),
            CertsVerbs.Create(output, error),
        };
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (System.CommandLine.Parsing.ParseError fault in parsed.Errors)
            {
                error.WriteLine("actorsan: " + fault.Message);
            }

            error.WriteLine("Try 'actorsan --help'.");
            return ExitCode.Usage;
        }

        // The daemon takes the signals itself.
        return parsed.Invoke(new InvocationConfiguration { Output = output, Error = error, ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
    }
}
