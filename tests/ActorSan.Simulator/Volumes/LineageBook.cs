using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// P11 from outside: which lineages a volume has had, what each began with and so what an operator has given up for it, and who may not answer any more because he has heard of one.
/// </summary>
internal sealed class LineageBook(SimWorld world, Guid firstLineage, string name)
{
    private readonly List<Lineage> _lineages = [new Lineage(firstLineage, 0)];
    private readonly SortedDictionary<string, Standstill> _still = new(StringComparer.Ordinal);
    private readonly HashSet<(Guid Instance, Guid Lineage)> _offered = [];

    /// <summary>A lineage began on a replica that had lost what was not flushed: at this time, in the lineage with this number.</summary>
    public Action<long, int>? OnLoss { get; set; }

    /// <summary>All, the first one too.</summary>
    public ValueList<Guid> All => [.. _lineages.Select(lineage => lineage.Id)];

    /// <summary>Made up as they are met: 0 is the one that the volume began with.</summary>
    public int NumberOf(Guid lineage)
    {
        int number = _lineages.FindIndex(known => known.Id == lineage);
        if (number < 0)
        {
            number = _lineages.Count;
            _lineages.Add(new Lineage(lineage, number));
        }

        return number;
    }

    /// <summary>Epochs and versions of each lineage are its own.</summary>
    public string NameOf(Guid lineage) => NumberOf(lineage) is var number && number == 0 ? name : $"{name}~{number}";

    /// <summary>Nothing is acknowledged by this replica in its lineage from now on.</summary>
    public void StandsStill(Replica replica)
    {
        _still[replica.Node] = new Standstill(NumberOf(replica.Lineage), world.Now, replica.Self);
    }

    public void Decided(Configuration value)
    {
        Lineage lineage = _lineages[NumberOf(value.Lineage)];
        if (lineage.Decided.Exists(known => known.Value.Version == value.Version))
        {
            return;
        }

        lineage.Decided.Add((world.Now, value));
        if (value.Version == 1 && lineage.Number > 0)
        {
            Begin(lineage, value);
        }
    }

    /// <summary>An attachment was offered to a replica, and its engine has read it.</summary>
    public void Offered(SimProcess process, Guid own, ReadOnlySpan<byte> body)
    {
        if (_lineages.Count > 1 && FrameBodies.TryRead(FrameKind.Attach, body, out object? read, out _) && read is AttachBody attach && attach.Configuration.Parents.Contains(own))
        {
            _ = _offered.Add((process.Instance, own));
        }
    }

    /// <summary>I3 between lineages: nobody answers in one that he has heard to be discarded, nor in one whose voters have begun another.</summary>
    public void Answered(Guid lineage, SimProcess process)
    {
        if (_offered.Contains((process.Instance, lineage)))
        {
            world.Fail($"P11: {process.Node.Name} answers in {NameOf(lineage)} although it has heard of a lineage that discards it");
        }

        if (_lineages[NumberOf(lineage)].TakenBy is { } by)
        {
            world.Fail($"I3: {process.Node.Name} answers in {NameOf(lineage)} although {NameOf(by.Id)} has begun on voters without which it has no majority");
        }
    }

    /// <summary>What counts, when this one is left (History.Keep).</summary>
    public IReadOnlyDictionary<int, long> EndsOf(Guid left)
    {
        Lineage lineage = _lineages[NumberOf(left)];
        return new SortedDictionary<int, long>(lineage.Ends) { [lineage.Number] = long.MaxValue };
    }

    /// <summary>The last time when one was begun on a replica that was out, or of which that is not known.</summary>
    public long MixedUntil(Guid left)
    {
        IReadOnlyDictionary<int, long> ends = EndsOf(left);
        return _lineages.Where(lineage => ends.ContainsKey(lineage.Number)).Max(lineage => lineage.MixedUntil);
    }

    private void Begin(Lineage lineage, Configuration first)
    {
        Member own = first.InSync[0];
        Standstill still = _still[own.Node];
        Lineage parent = _lineages[still.Lineage];
        (long end, bool isMember) = LastAsMember(parent, own, still.AtNs);
        lineage.Ends[parent.Number] = end;
        lineage.MixedUntil = isMember ? 0 : still.AtNs;
        foreach ((int ancestor, long until) in parent.Ends)
        {
            // Never a member where it was last: what it has is a mixture of that and of what it had before.
            lineage.Ends[ancestor] = end > 0 ? until : Math.Min(until, LastAsMember(_lineages[ancestor], own, still.AtNs).End);
        }

        bool unbroken = parent.Decided.Exists(known => known.Value.MemberOf(own.Node) is { } member && member.Session == own.Session);
        if (!unbroken)
        {
            OnLoss?.Invoke(still.AtNs, lineage.Number);
        }

        foreach (Guid discarded in first.Parents)
        {
            Lineage other = _lineages[NumberOf(discarded)];
            if (other.Latest is { } latest && !Majority.IsReached(latest, voter => !first.Voters.Contains(voter)))
            {
                other.TakenBy = lineage;
            }
        }

        if (world.Tracing)
        {
            world.Trace(own.Node, "lineage", $"{NameOf(lineage.Id)} begins; of {NameOf(parent.Id)} counts what was answered before {(end - 1_000_000_000) / 1e6:F3} ms");
        }
    }

    // Whatever was complete while it was a member, it has.
    private static (long End, bool IsMember) LastAsMember(Lineage lineage, Member own, long now)
    {
        long end = 0;
        bool isMember = false;
        foreach ((long at, Configuration value) in lineage.Decided.OrderBy(known => known.Value.Version))
        {
            bool member = value.MemberOf(own.Node)?.Incarnation == own.Incarnation;
            if (isMember && !member)
            {
                end = at;
            }

            isMember = member;
        }

        return isMember ? (now, true) : (end, false);
    }

    private sealed record Standstill(int Lineage, long AtNs, Member Self);

    private sealed class Lineage(Guid id, int number)
    {
        public Guid Id { get; } = id;

        public int Number { get; } = number;

        public List<(long At, Configuration Value)> Decided { get; } = [];

        /// <summary>Of each that it descends from: when what was answered stops to count.</summary>
        public SortedDictionary<int, long> Ends { get; } = [];

        public long MixedUntil { get; set; }

        public Lineage? TakenBy { get; set; }

        public Configuration? Latest => Decided.Count == 0 ? null : Decided.MaxBy(known => known.Value.Version).Value;
    }
}
