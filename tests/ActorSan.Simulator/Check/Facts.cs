using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Check;

/// <summary>
/// What nodes say of themselves while they run, held against each other at once: I3 (one epoch answers), R5 (one value for each decided version), epochs never used twice. Told by
/// the wiring, never asked by the code under test. A key is one register: volume and lineage.
/// </summary>
public sealed class Facts(SimWorld world)
{
    private readonly SortedDictionary<string, KeyFacts> _keys = new(StringComparer.Ordinal);

    /// <summary>Answers of state so far (reads, writes, conflicts): a run without any has proven nothing.</summary>
    public long Answers { get; private set; }

    public long Decisions { get; private set; }

    /// <summary>Raised at each newly decided version; for checks of the wiring's own (I4's covering at every change of inSync).</summary>
    public event Action<string, RegisterValue>? NewlyDecided;

    /// <summary>
    /// An answer that tells state, at this instant (I3). Once any epoch has answered, no lower one answers any more: the instants of the answers are those of the history.
    /// </summary>
    public void Answered(string key, string node, Guid instance, long epoch)
    {
        Answers++;
        KeyFacts facts = Of(key);
        if (epoch < facts.AnsweredEpoch)
        {
            world.Fail($"I3: {node} answers in epoch {epoch} of {key} although {facts.AnsweredNode} answered in epoch {facts.AnsweredEpoch} {(world.Now - facts.AnsweredAt) / 1e6:F3} ms before");
        }
        else if (epoch == facts.AnsweredEpoch && facts.AnsweredInstance != instance)
        {
            world.Fail($"I3: {node} and {facts.AnsweredNode} both answer in epoch {epoch} of {key}");
        }

        else if (facts.Newest is { } newest && newest.Epoch > epoch && newest.Primary?.Instance != instance)
        {
            world.Fail($"I3: {node} answers in epoch {epoch} of {key} although '{newest}' is decided");
        }

        facts.AnsweredEpoch = epoch;
        facts.AnsweredNode = node;
        facts.AnsweredInstance = instance;
        facts.AnsweredAt = world.Now;
    }

    /// <summary>
    /// A node knows this value to be decided (its own round, or Learn). Told again by others it must be the same value; epochs never go down with versions, and an epoch has one
    /// primary.
    /// </summary>
    public void Decided(string key, string node, RegisterValue value)
    {
        KeyFacts facts = Of(key);
        if (facts.Decided.TryGetValue(value.Version, out RegisterValue? known))
        {
            if (!known.Equals(value))
            {
                world.Fail($"R5: two values are decided for version {value.Version} of {key}: '{known}', and at {node} '{value}'");
            }

            return;
        }

        Decisions++;
        facts.Decided.Add(value.Version, value);
        world.Mix((ulong)value.Version ^ ((ulong)value.Epoch << 32));
        if (world.Tracing)
        {
            world.Trace(node, "decided", $"{key}: {value}");
        }

        CheckOrder(key, facts, value);
        NewlyDecided?.Invoke(key, value);
    }

    /// <summary>A node begins to act as primary in this epoch: nobody else ever did or will.</summary>
    public void Primary(string key, string node, Guid instance, long epoch)
    {
        KeyFacts facts = Of(key);
        if (facts.Primaries.TryGetValue(epoch, out (string Node, Guid Instance) other))
        {
            world.Fail($"Epoch {epoch} of {key} is used twice: by {other.Node} and by {node}");

            return;
        }

        facts.Primaries.Add(epoch, (node, instance));
        if (world.Tracing)
        {
            world.Trace(node, "primary", $"{key} epoch {epoch}");
        }
    }

    /// <summary>The value of the highest decided version that anyone has told; null before the first.</summary>
    public RegisterValue? Latest(string key)
    {
        SortedDictionary<long, RegisterValue> decided = Of(key).Decided;
        return decided.Count == 0 ? null : Of(key).Newest;
    }

    /// <summary>Anything else that must not be; <paramref name="rule"/> is its label in replication.md.</summary>
    public void Violation(string rule, string node, string text) => world.Fail($"{rule}: {node}: {text}");

    private void CheckOrder(string key, KeyFacts facts, RegisterValue value)
    {
        foreach (KeyValuePair<long, RegisterValue> each in facts.Decided)
        {
            bool wrong = (each.Key < value.Version && each.Value.Epoch > value.Epoch) || (each.Key > value.Version && each.Value.Epoch < value.Epoch);
            if (wrong)
            {
                world.Fail($"Epochs of {key} go down: '{each.Value}' against '{value}'");
            }

            bool sameEpoch = each.Value.Epoch == value.Epoch && each.Value.Primary is not null && value.Primary is not null;
            if (sameEpoch && each.Value.Primary != value.Primary)
            {
                world.Fail($"Epoch {value.Epoch} of {key} has two primaries: '{each.Value}' and '{value}'");
            }
        }

        if (facts.Newest is null || facts.Newest.Version < value.Version)
        {
            facts.Newest = value;
        }
    }

    private KeyFacts Of(string key)
    {
        if (!_keys.TryGetValue(key, out KeyFacts? facts))
        {
            facts = new KeyFacts();
            _keys.Add(key, facts);
        }

        return facts;
    }

    private sealed class KeyFacts
    {
        public readonly SortedDictionary<long, RegisterValue> Decided = [];
        public readonly SortedDictionary<long, (string Node, Guid Instance)> Primaries = [];
        public RegisterValue? Newest;
        public long AnsweredEpoch = -1;
        public string AnsweredNode = "";
        public Guid AnsweredInstance;
        public long AnsweredAt;
    }
}
