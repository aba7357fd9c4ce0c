using System.Globalization;
using ActorSan.Node.Verbs;
using Xunit;

namespace ActorSan.Tests.Node.Verbs;

/// <summary>The daemon's command line, as a shell would run it.</summary>
internal static class VerbRun
{
    public static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        int code = CommandLine.Run(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }

    public static void Refused(int code, string sentence, params string[] arguments)
    {
        (int said, string output, string error) = Run(arguments);
        Assert.Equal((code, ""), (said, output));
        Assert.Contains(sentence, error, StringComparison.Ordinal);
        Assert.StartsWith("actorsan: ", error, StringComparison.Ordinal);
    }
}
