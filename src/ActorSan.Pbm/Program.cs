using System.Reflection;
using System.Text;
using ActorSan.Pbm;

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
var screen = new Screen();
try
{
    ClientOptions options = ClientOptions.Parse(args);
    if (options.ShowHelp)
    {
        Console.Out.WriteLine(ClientOptions.Help);
        return ExitCode.Done;
    }

    if (options.ShowVersion)
    {
        Console.Out.WriteLine("pbm " + Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0]);
        return ExitCode.Done;
    }

    using var node = new NodeClient(options);
    return options.Words.Count == 0
        ? await new Prompt(node, screen).Run()
        : await new CommandSession(node, screen, mayAsk: !Console.IsInputRedirected).Run(options, CancellationToken.None);
}
catch (PbmException failure)
{
    screen.Fail(failure.Message);
    return failure.ExitCode;
}
