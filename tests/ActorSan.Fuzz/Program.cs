using System.CommandLine;
using ActorSan.Fuzz.Engine;
using ActorSan.Fuzz.Targets;

var which = new Argument<string>("target") { Description = "pdu, login, cdb, link, or all." };
var inputs = new Option<long>("--inputs") { Description = "Inputs for each target.", DefaultValueFactory = _ => 1_000_000 };
var seed = new Option<int>("--seed") { Description = "The same seed makes the same inputs.", DefaultValueFactory = _ => 1 };
var seconds = new Option<double>("--seconds") { Description = "The most time for each target.", DefaultValueFactory = _ => 3600 };
var corpus = new Option<string>("--corpus") { Description = "Directory with a folder of inputs for each target.", Required = true };
var findings = new Option<string>("--findings") { Description = "Where an input that found something is written.", Required = true };
var keep = new Option<bool>("--keep") { Description = "Add inputs that did something new to the corpus." };
which.AcceptOnlyFromAmong("pdu", "login", "cdb", "link", "all");

var replay = new Command("replay", "Runs the stored inputs and the seeds, once each.") { which, corpus, findings };
replay.SetAction(parsed => ForEach(parsed, isRun: false, (target, options) => new FuzzRun(target, options, Console.Out).Replay()));
var run = new Command("run", "Makes new inputs and runs them.") { which, inputs, seed, seconds, corpus, findings, keep };
run.SetAction((parsed, cancelled) => Task.FromResult(ForEach(parsed, isRun: true, (target, options) => new FuzzRun(target, options, Console.Out).Fuzz(cancelled))));
var root = new RootCommand("Throws mutated inputs at what reads bytes from strangers.") { run, replay };
return await root.Parse(args).InvokeAsync();

int ForEach(ParseResult parsed, bool isRun, Func<FuzzTarget, FuzzOptions, int> action)
{
    string name = parsed.GetValue(which)!;
    int found = 0;
    foreach (string each in name == "all" ? (string[])["pdu", "login", "cdb", "link"] : [name])
    {
        FuzzTarget target = each switch
        {
            "pdu" => new PduTarget(),
            "login" => new LoginTarget(),
            "link" => new LinkTarget(),
            _ => new CdbTarget(),
        };
        found += action(target, new FuzzOptions(
            isRun ? parsed.GetValue(inputs) : 0,
            isRun ? parsed.GetValue(seed) : 0,
            TimeSpan.FromSeconds(isRun ? parsed.GetValue(seconds) : 0),
            Path.Combine(parsed.GetValue(corpus)!, each),
            parsed.GetValue(findings)!,
            isRun && parsed.GetValue(keep)));
    }

    return found == 0 ? 0 : 1;
}
