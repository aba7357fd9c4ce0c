using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>How a register's beginning ended.</summary>
public enum FoundingEnd
{
    None,

    /// <summary>Every voter that the first value names holds it: it is decided.</summary>
    Begun,

    /// <summary>A voter holds something else, or the value does not fit. Nothing may be built on it.</summary>
    Refused,

    /// <summary>P11: a voter has a running grant or is mute. Again later.</summary>
    Leased,

    /// <summary>A voter is another one than the value names, or refuses the lineage.</summary>
    Unknown,

    /// <summary>Cut short: some hold it, some may not. The same value, again (S7).</summary>
    TimedOut,
}

/// <param name="Voter">The one that stood in the way; null when all went well, or when nobody in particular did.</param>
/// <param name="Held">What it holds instead, if it told.</param>
/// <param name="By">P11: the lineage that stands in the way.</param>
public sealed record FoundingOutcome(FoundingEnd End, VoterId? Voter = null, RegisterValue? Held = null, Guid By = default);

public interface IFoundingClient
{
    /// <summary>Once.</summary>
    void OnEnded(RegisterKey key, FoundingOutcome outcome);
}

/// <summary>
/// S7: begins registers: writes the first value, at the ballot below all others, on <b>all</b> voters that it names. Idempotent: cut short, it is done again with the very same
/// value. When it has begun, the value is known to the <see cref="Proposer"/> and learnt by its voters and replicas.
/// </summary>
public sealed class Founder(string node, JournalCounts counts, Proposer proposer, IControlNetwork network, IClock clock, ITimers timers, ProposerSettings settings)
{
    private readonly Dictionary<RegisterKey, Founding> _foundings = [];

    /// <summary>False: one is under way for this key.</summary>
    /// <param name="asks">P11: only whether all would; nothing is begun, and <see cref="FoundingEnd.Begun"/> says that they would.</param>
    public bool Begin(RegisterKey key, RegisterValue first, IFoundingClient client, bool asks = false)
    {
        if (_foundings.ContainsKey(key))
        {
            return false;
        }

        var founding = new Founding(this, key, first, client, asks);
        _foundings.Add(key, founding);
        timers.Set(founding, clock.NowNs + settings.RoundTimeoutNs);
        foreach (VoterId voter in first.Voters)
        {
            network.Send(voter.Node, new Begin(node, key, voter, counts.SeenOf(voter), first, asks));
        }

        return true;
    }

    /// <summary>False: not the answer to a beginning of this node.</summary>
    public bool On(ControlMessage message)
    {
        if (message is not RegisterReply reply || reply.Ballot != default || !_foundings.TryGetValue(reply.Key, out Founding? founding))
        {
            return false;
        }

        bool isTrusted = counts.Take(reply.Voter, reply.WriteCount, reply.Seen, reply is Unknown { Asked: var asked } ? asked : reply.Voter);
        FoundingOutcome? outcome = reply switch
        {
            _ when !isTrusted => new FoundingOutcome(FoundingEnd.Unknown, reply.Voter),
            Begun or WouldBegin when reply is WouldBegin == founding.Asks => founding.OnBegun(reply.Voter) ? new FoundingOutcome(FoundingEnd.Begun) : null,
            BeginRefused refused => new FoundingOutcome(FoundingEnd.Refused, reply.Voter, refused.Held, refused.By),
            Leased => new FoundingOutcome(FoundingEnd.Leased, reply.Voter),
            Unknown unknown => new FoundingOutcome(FoundingEnd.Unknown, unknown.Asked),
            _ => null,
        };
        if (outcome is not null)
        {
            End(founding, outcome);
        }

        return true;
    }

    private void End(Founding founding, FoundingOutcome outcome)
    {
        timers.Cancel(founding);
        _ = _foundings.Remove(founding.Key);
        if (outcome.End == FoundingEnd.Begun && !founding.Asks)
        {
            proposer.OnFounded(founding.Key, founding.First);
        }

        founding.Client.OnEnded(founding.Key, outcome);
    }

    private sealed class Founding(Founder founder, RegisterKey key, RegisterValue first, IFoundingClient client, bool asks) : CoreTimer
    {
        private readonly List<VoterId> _begun = [];

        public RegisterKey Key { get; } = key;

        public RegisterValue First { get; } = first;

        public IFoundingClient Client { get; } = client;

        public bool Asks { get; } = asks;

        public bool OnBegun(VoterId voter)
        {
            if (First.Voters.Contains(voter) && !_begun.Contains(voter))
            {
                _begun.Add(voter);
            }

            return _begun.Count == First.Voters.Count;
        }

        public override void OnFired() => founder.End(this, new FoundingOutcome(FoundingEnd.TimedOut));
    }
}
