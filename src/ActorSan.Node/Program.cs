using ActorSan.Node.Verbs;

return CommandLine.Run(args, Console.Out, Console.Error);
