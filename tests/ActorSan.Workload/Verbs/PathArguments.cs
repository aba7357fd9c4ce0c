using System.CommandLine;
using ActorSan.Workload.Paths;

namespace ActorSan.Workload.Verbs;

/// <summary>The options by which all verbs find their paths.</summary>
internal sealed class PathArguments
{
    private readonly Option<string[]> _portals = new("--portal") { Description = "ADDRESS:PORT of a path, one or more; ADDRESS:PORT,TAG when several are of one portal group.", Required = true, AllowMultipleArgumentsPerToken = true };
    private readonly Option<bool> _discover = new("--discover") { Description = "Ask the portals which ones the target has, and use all of them." };
    private readonly Option<string> _target = new("--target") { Description = "The target's iSCSI name.", Required = true };
    private readonly Option<string> _initiator = new("--initiator") { Description = "Our iSCSI name.", DefaultValueFactory = _ => "iqn.2026-01.org.actorsan:workload" };
    private readonly Option<int> _lun = new("--lun") { Description = "The logical unit." };
    private readonly Option<double> _patience = new("--patience") { Description = "Seconds in which an operation is tried on all paths before it has failed.", DefaultValueFactory = _ => 60 };
    private readonly Option<double> _command = new("--command-timeout") { Description = "Seconds after which an attempt is given up and its session reset.", DefaultValueFactory = _ => 5 };
    private readonly Option<double> _path = new("--path-timeout") { Description = "Seconds without an answer to a ping, connect or login after which a path is down.", DefaultValueFactory = _ => 1.5 };
    private readonly Option<ulong?> _seed = new("--seed") { Description = "Of what is random; also makes the run's values and ISID. Default: another one each time." };

    internal void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _portals, _discover, _target, _initiator, _lun, _patience, _command, _path, _seed })
        {
            command.Add(option);
        }
    }

    internal TimeSpan Patience(ParseResult parsed) => Seconds(parsed, _patience);

    internal TimeSpan CommandTimeout(ParseResult parsed) => Seconds(parsed, _command);

    internal TimeSpan PathTimeout(ParseResult parsed) => Seconds(parsed, _path);

    internal string Target(ParseResult parsed) => parsed.GetRequiredValue(_target);

    internal string Initiator(ParseResult parsed) => parsed.GetRequiredValue(_initiator);

    internal int Lun(ParseResult parsed) => parsed.GetValue(_lun);

    internal ulong Seed(ParseResult parsed) => parsed.GetValue(_seed) ?? (ulong)Random.Shared.NextInt64();

    internal IReadOnlyList<string> Portals(ParseResult parsed)
    {
        string[] named = parsed.GetRequiredValue(_portals);
        if (named.FirstOrDefault(portal => !System.Net.IPEndPoint.TryParse(portal.Split(',')[0], out System.Net.IPEndPoint? point) || point.Port == 0) is { } odd)
        {
            throw new WorkloadException($"--portal wants ADDRESS:PORT with a numeric address, not '{odd}'");
        }

        return parsed.GetValue(_discover) ? Discovery.PortalsOf(named, Target(parsed), Initiator(parsed), Patience(parsed)) : named;
    }

    private static TimeSpan Seconds(ParseResult parsed, Option<double> option)
    {
        double seconds = parsed.GetValue(option);
        return seconds > 0 && double.IsFinite(seconds) ? TimeSpan.FromSeconds(seconds) : throw new WorkloadException($"{option.Name} wants seconds, more than 0");
    }
}
