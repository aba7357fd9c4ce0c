using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>Members, voters and settings as operators want them (R7, R8, S1), and the voter whose journal is another one (S8).</summary>
public sealed partial class VolumeControl
{
    /// <summary>A replica has places for the sets of three others (S1).</summary>
    private const int MostReplicas = 4;
    private const int MostWishes = 16;

    private readonly List<Wish> _wishes = [];
    private readonly List<SentWish> _sentWishes = [];
    private readonly List<(Wish Wish, ChangeOutcome Outcome)> _ended = [];
    private readonly List<(VoterId Asked, VoterId Told)> _otherVoters = [];
    private long _lastWish;

    /// <summary>An operator's command, at any node of the volume; <paramref name="told"/> hears once how it ended, never inside this call.</summary>
    public void Request(MemberChange change, Action<ChangeOutcome> told)
    {
        var wish = new Wish(change, told, _clock.NowNs);
        if (Known is not { } known || _stopped)
        {
            _ended.Add((wish, new ChangeOutcome(ChangeEnd.TryAgain, ChangeReason.NotServing)));
        }
        else if (known.Deleted)
        {
            _ended.Add((wish, OfDeleted(change)));
        }
        else if (Role == VolumeRole.Serving)
        {
            bool isBusy = _wishes.Count >= MostWishes || _wishes.Exists(other => Concerns(other.Change, change));
            if (isBusy)
            {
                _ended.Add((wish, new ChangeOutcome(ChangeEnd.TryAgain, ChangeReason.Busy)));
            }
            else
            {
                _wishes.Add(wish);
            }
        }
        else if (known.Primary is { } primary && primary.Node != _node && _sentWishes.Count < MostWishes)
        {
            _sentWishes.Add(new SentWish(++_lastWish, wish));
            _network.Send(primary.Node, new ChangeWish(_node, _key, _instance, _lastWish, change));
        }
        else
        {
            _ended.Add((wish, new ChangeOutcome(ChangeEnd.TryAgain, ChangeReason.NotServing)));
        }

        WakeNow();
    }

    /// <summary>S8: the node of a voter answers with another journal. It is replaced without being asked for: the old incarnation can't be part of the majority that decides it.</summary>
    public void OnOtherIncarnation(VoterId asked, VoterId told)
    {
        if (IsPrimary && asked.Node == told.Node && asked != told && (Known?.Voters.Contains(asked) ?? false))
        {
            _ = _otherVoters.RemoveAll(other => other.Asked == asked);
            _otherVoters.Add((asked, told));
            Consider();
        }
    }

    private void OnWish(ChangeWish wish)
    {
        if (Role != VolumeRole.Serving && !(Known?.Deleted ?? false))
        {
            // It was sent to whom the asker took for the primary; passed on it might go round.
            _network.Send(wish.From, new ChangeAnswer(_node, _key, wish.Instance, wish.Id, new ChangeOutcome(ChangeEnd.TryAgain, ChangeReason.NotServing)));
            return;
        }

        Request(wish.Change, outcome => _network.Send(wish.From, new ChangeAnswer(_node, _key, wish.Instance, wish.Id, outcome)));
    }

    private void OnChangeAnswer(ChangeAnswer answer)
    {
        if (answer.Instance == _instance && _sentWishes.Find(sent => sent.Id == answer.Id) is { } asked)
        {
            _ = _sentWishes.Remove(asked);
            asked.Wish.Told(answer.Outcome);
        }
    }

    private void OnVoterReply(VoterReply reply)
    {
        foreach (Wish wish in _wishes)
        {
            wish.Hear(reply.Voter, _clock.NowNs);
        }
    }

    private void HearStore(MemberReply reply)
    {
        foreach (Wish wish in _wishes)
        {
            wish.Hear(reply);
        }
    }

    /// <summary>A command of an operator is under way here.</summary>
    public bool IsChanging => _wishes.Count > 0;

    /// <summary>Every tick: who waits for answers in vain hears of it, and so does whose command has ended.</summary>
    private void CheckWishes(long now)
    {
        foreach (SentWish sent in _sentWishes.FindAll(sent => now - sent.Wish.SinceNs >= _options.WishTimeoutNs))
        {
            _ = _sentWishes.Remove(sent);
            sent.Wish.Told(new ChangeOutcome(ChangeEnd.TryAgain, ChangeReason.NoAnswer));
        }

        foreach ((Wish wish, ChangeOutcome outcome) in _ended.ToArray())
        {
            wish.Told(outcome);
        }

        _ended.Clear();
    }

    private void EndWishes()
    {
        _otherVoters.Clear();
        foreach (Wish wish in _wishes)
        {
            bool deleted = Known?.Deleted ?? false;
            _ended.Add((wish, deleted ? OfDeleted(wish.Change) : new ChangeOutcome(ChangeEnd.TryAgain, ChangeReason.NotServing)));
        }

        _wishes.Clear();
        WakeNow();
    }

    // The tick may be due already: then it comes now for this as well.
    private void WakeNow() => _timers.Set(_tick, _clock.NowNs);

    private static ChangeOutcome OfDeleted(MemberChange change) =>
        change is DeleteVolume ? new ChangeOutcome(ChangeEnd.Done) : new ChangeOutcome(ChangeEnd.Refused, ChangeReason.Deleted);

    private ControlRound? NextWish(Configuration known)
    {
        for (int i = 0; i < _wishes.Count;)
        {
            Wish wish = _wishes[i];
            Verdict verdict = Judge(wish, known);
            if (verdict.Outcome is { } outcome)
            {
                _wishes.RemoveAt(i);
                _ended.Add((wish, outcome));
                WakeNow();
                continue;
            }

            if (verdict.Round is { } round)
            {
                return round;
            }

            i++;
        }

        return null;
    }

    /// <summary>R8: a change that is half done is ended; S8: an incarnation that is gone is replaced.</summary>
    private ControlRound? NextVoters(Configuration known)
    {
        ValueList<VoterId> present = known.Voters.Select(voter => _otherVoters.Exists(other => other.Asked == voter) ? _otherVoters.Find(other => other.Asked == voter).Told : voter);
        return known.OldVoters.Count > 0 || present != known.Voters ? new Voters(this, known.Voters, present) : null;
    }

    private Verdict Judge(Wish wish, Configuration known) => wish.Change switch
    {
        AddReplica add => JudgeAdd(wish, known, add.Node),
        RemoveReplica remove => JudgeRemove(wish, known, remove.Node, null),
        ReplaceReplica replace => JudgeReplace(wish, known, replace),
        AddVoter add => JudgeVoters(wish, known, NodesOf(known.Voters) is var nodes && nodes.Contains(add.Node) ? nodes : nodes.Add(add.Node)),
        RemoveVoter remove => JudgeVoters(wish, known, NodesOf(known.Voters).Where(node => node != remove.Node)),
        ChangeVoters change => JudgeVoters(wish, known, change.Nodes),
        ChangeSettings change => JudgeSettings(known, change.Settings),
        DetachReplica detach => JudgeDetach(known, detach.Node),
        AttachReplica attach => known.ReplicaOf(attach.Node) is not { } entry ? Verdict.Refused(ChangeReason.NotNamed, attach.Node)
            : entry.Detached ? Verdict.Of(new EntryEdit(this, current => WithDetached(current, attach.Node, false))) : Verdict.Done,
        DeleteVolume => known.OldVoters.Count > 0 ? Verdict.Wait : Verdict.Of(new Delete(this)),
        _ => Verdict.Refused(ChangeReason.None, null),
    };

    private Verdict JudgeAdd(Wish wish, Configuration known, string node)
    {
        if (known.ReplicaOf(node) is not null)
        {
            return Verdict.Done;
        }

        if (known.Replicas.Count >= MostReplicas)
        {
            return Verdict.Refused(ChangeReason.TooManyReplicas, null);
        }

        if (AskStore(wish, node) is not { } reply)
        {
            return Patience(wish, node);
        }

        if (reply.Self is not { } store)
        {
            return Verdict.Refused(ChangeReason.NoStore, node);
        }

        // S1: out wholly, until it is resynced.
        var entry = new ReplicaEntry(node, store.Incarnation, HighestMark: reply.Mark);
        return Verdict.Of(new EntryEdit(this, current => current.ReplicaOf(node) is not null ? null : current with { Replicas = current.Replicas.Add(entry) }));
    }

    private Verdict JudgeRemove(Wish wish, Configuration known, string node, VoterId? vote)
    {
        if (known.ReplicaOf(node) is null && !known.IsVoter(node))
        {
            return Verdict.Done;
        }

        if (node == _node)
        {
            return Verdict.Refused(ChangeReason.IsPrimary, node);
        }

        ValueList<VoterId> voters = known.Voters.Where(voter => voter.Node != node);
        voters = vote is { } added ? voters.Add(added) : voters;
        if (voters.Count == 0)
        {
            return Verdict.Refused(ChangeReason.LastVoter, node);
        }

        if (known.MemberOf(node) is not null && !_bugs.Has(Bug.RemoveWithoutDrop))
        {
            return DropMember(known, node);
        }

        return known.ReplicaOf(node) is not null ? Verdict.Of(new EntryEdit(this, current => WithoutReplica(current, node))) : ToVoters(wish, known, voters);
    }

    private Verdict JudgeReplace(Wish wish, Configuration known, ReplaceReplica replace)
    {
        if (replace.Node == replace.By)
        {
            return Verdict.Refused(ChangeReason.SameNode, replace.Node);
        }

        if (known.ReplicaOf(replace.Node) is null && !known.IsVoter(replace.Node))
        {
            return known.ReplicaOf(replace.By) is null ? Verdict.Refused(ChangeReason.NotNamed, replace.Node) : Verdict.Done;
        }

        if (replace.Node == _node)
        {
            return Verdict.Refused(ChangeReason.IsPrimary, replace.Node);
        }

        if (known.ReplicaOf(replace.By) is not { } by)
        {
            return JudgeAdd(wish, known, replace.By);
        }

        if (by.Detached)
        {
            return Verdict.Refused(ChangeReason.Detached, replace.By);
        }

        if (known.MemberOf(replace.Node) is not null && known.MemberOf(replace.By) is null)
        {
            return Verdict.Wait;
        }

        VoterId? vote = null;
        if (known.IsVoter(replace.Node) && !known.IsVoter(replace.By))
        {
            vote = AskVoter(wish, replace.By);
            if (vote is null)
            {
                return Patience(wish, replace.By);
            }
        }

        return JudgeRemove(wish, known, replace.Node, vote);
    }

    private Verdict JudgeVoters(Wish wish, Configuration known, ValueList<string> nodes)
    {
        if (nodes.Count == 0)
        {
            return Verdict.Refused(ChangeReason.LastVoter, null);
        }

        var wanted = new List<VoterId>();
        string? mute = null;
        foreach (string node in nodes)
        {
            if (VoterOf(known.Voters, node) is { } voter)
            {
                wanted.Add(voter);
            }
            else if (AskVoter(wish, node) is { } told)
            {
                wanted.Add(told);
            }
            else
            {
                mute ??= node;
            }
        }

        if (mute is not null)
        {
            return Patience(wish, mute);
        }

        return ToVoters(wish, known, [.. wanted]);
    }

    /// <summary>
    /// A first step that a majority of the new voters can't accept would never be decided, and nothing else would be after it (R6): so each is asked first whether it is there, with
    /// the journal that is meant.
    /// </summary>
    private Verdict ToVoters(Wish wish, Configuration known, ValueList<VoterId> wanted)
    {
        if (known.OldVoters.Count > 0)
        {
            return Verdict.Wait;
        }

        if (wanted.Count == known.Voters.Count && wanted.All(known.Voters.Contains))
        {
            return Verdict.Done;
        }

        int there = 0;
        string? mute = null;
        foreach (VoterId voter in wanted)
        {
            bool answers = AskVoter(wish, voter.Node) == voter;
            there += answers ? 1 : 0;
            mute = answers ? mute : voter.Node;
        }

        return there >= Majority.Of(wanted.Count) ? Verdict.Of(new Voters(this, known.Voters, wanted)) : Patience(wish, mute!);
    }

    private Verdict JudgeSettings(Configuration known, VolumeSettings settings)
    {
        if (settings.PreferredPrimary is { } preferred && known.ReplicaOf(preferred) is null)
        {
            return Verdict.Refused(ChangeReason.NotNamed, preferred);
        }

        return known.Settings == settings ? Verdict.Done : Verdict.Of(new EntryEdit(this, current => current.Settings == settings ? null : current with { Settings = settings }));
    }

    private Verdict JudgeDetach(Configuration known, string node)
    {
        if (known.ReplicaOf(node) is not { } entry)
        {
            return Verdict.Refused(ChangeReason.NotNamed, node);
        }

        if (entry.Detached)
        {
            return Verdict.Done;
        }

        if (node == _node)
        {
            return Verdict.Refused(ChangeReason.IsPrimary, node);
        }

        return known.MemberOf(node) is not null ? DropMember(known, node) : Verdict.Of(new EntryEdit(this, current => WithDetached(current, node, true)));
    }

    private Verdict DropMember(Configuration known, string node)
    {
        if (known.InSync.Count == 1)
        {
            return Verdict.Refused(ChangeReason.LastMember, node);
        }

        WishDrop(node);
        return Verdict.Of(new Drop(this));
    }

    private static Configuration? WithoutReplica(Configuration current, string node) => current.ReplicaOf(node) is null ? null : current with
    {
        Replicas = current.Replicas.Where(replica => replica.Node != node),
        Settings = current.Settings.PreferredPrimary == node ? current.Settings with { PreferredPrimary = null } : current.Settings,
    };

    private static Configuration? WithDetached(Configuration current, string node, bool detached) =>
        current.ReplicaOf(node) is not { } entry || entry.Detached == detached || (detached && current.MemberOf(node) is not null)
            ? null
            : current with { Replicas = current.Replicas.Select(replica => replica.Node == node ? replica with { Detached = detached } : replica) };

    private Verdict Patience(Wish wish, string node) =>
        _clock.NowNs - wish.AskedSince(node, _clock.NowNs) < _options.WishTimeoutNs ? Verdict.Wait : Verdict.TryAgain(ChangeReason.NoAnswer, node);

    private MemberReply? AskStore(Wish wish, string node)
    {
        if (wish.StoreOf(node) is { } reply)
        {
            return reply;
        }

        if (wish.MayAsk(node, "store", _clock.NowNs, _options.QueryIntervalNs))
        {
            _network.Send(node, new MemberQuery(_node, _key, 0));
        }

        return null;
    }

    private VoterId? AskVoter(Wish wish, string node)
    {
        // An old answer says nothing of now: the command may have waited for a resync since.
        if (wish.VoterOf(node, _clock.NowNs - _options.WishTimeoutNs) is { } voter)
        {
            return voter;
        }

        if (wish.MayAsk(node, "voter", _clock.NowNs, _options.QueryIntervalNs))
        {
            _network.Send(node, new VoterQuery(_node, _key));
        }

        return null;
    }

    private static VoterId? VoterOf(IEnumerable<VoterId> voters, string node)
    {
        foreach (VoterId voter in voters)
        {
            if (voter.Node == node)
            {
                return voter;
            }
        }

        return null;
    }

    private static ValueList<string> NodesOf(ValueList<VoterId> voters) => [.. ((IEnumerable<VoterId>)voters).Select(voter => voter.Node)];

    private static bool Concerns(MemberChange one, MemberChange other) =>
        one is DeleteVolume || other is DeleteVolume
        || (one is ChangeSettings && other is ChangeSettings)
        || (one is ChangeVoters && TouchesVoters(other)) || (other is ChangeVoters && TouchesVoters(one))
        || SubjectsOf(one).Exists(node => SubjectsOf(other).Contains(node));

    private static bool TouchesVoters(MemberChange change) => change is ChangeVoters or AddVoter or RemoveVoter or RemoveReplica or ReplaceReplica;

    private static List<string> SubjectsOf(MemberChange change) => change switch
    {
        AddReplica add => [add.Node],
        RemoveReplica remove => [remove.Node],
        ReplaceReplica replace => [replace.Node, replace.By],
        AddVoter add => [add.Node],
        RemoveVoter remove => [remove.Node],
        ChangeVoters voters => [.. voters.Nodes],
        DetachReplica detach => [detach.Node],
        AttachReplica attach => [attach.Node],
        _ => [],
    };

    /// <summary>What is to be done for a command now: a round, nothing yet, or it has ended.</summary>
    private readonly record struct Verdict(ControlRound? Round, ChangeOutcome? Outcome)
    {
        public static Verdict Wait => default;

        public static Verdict Done => new(null, new ChangeOutcome(ChangeEnd.Done));

        public static Verdict Of(ControlRound round) => new(round, null);

        public static Verdict Refused(ChangeReason reason, string? node) => new(null, new ChangeOutcome(ChangeEnd.Refused, reason, node));

        public static Verdict TryAgain(ChangeReason reason, string? node) => new(null, new ChangeOutcome(ChangeEnd.TryAgain, reason, node));
    }

    private sealed record SentWish(long Id, Wish Wish);

    /// <summary>A command under way, and what the nodes that it is about have said since it was given.</summary>
    private sealed class Wish(MemberChange change, Action<ChangeOutcome> told, long sinceNs)
    {
        private readonly List<(string Node, string What, long AtNs)> _asked = [];
        private readonly List<MemberReply> _stores = [];
        private readonly List<(VoterId Voter, long AtNs)> _voters = [];

        public MemberChange Change { get; } = change;

        public Action<ChangeOutcome> Told { get; } = told;

        public long SinceNs { get; } = sinceNs;

        public MemberReply? StoreOf(string node) => _stores.Find(reply => reply.From == node);

        /// <summary>Null: it has not said since then.</summary>
        public VoterId? VoterOf(string node, long sinceNs)
        {
            int index = _voters.FindIndex(heard => heard.Voter.Node == node && heard.AtNs >= sinceNs);
            return index < 0 ? null : _voters[index].Voter;
        }

        public long AskedSince(string node, long otherwise)
        {
            int index = _asked.FindIndex(asked => asked.Node == node);
            return index < 0 ? otherwise : _asked[index].AtNs;
        }

        public bool MayAsk(string node, string what, long nowNs, long intervalNs)
        {
            if (_asked.Exists(asked => asked.Node == node && asked.What == what && nowNs - asked.AtNs < intervalNs))
            {
                return false;
            }

            _asked.Add((node, what, nowNs));
            return true;
        }

        public void Hear(MemberReply reply)
        {
            if (_asked.Exists(asked => asked.Node == reply.From && asked.What == "store"))
            {
                _ = _stores.RemoveAll(other => other.From == reply.From);
                _stores.Add(reply);
            }
        }

        public void Hear(VoterId voter, long nowNs)
        {
            if (_asked.Exists(asked => asked.Node == voter.Node && asked.What == "voter"))
            {
                _ = _voters.RemoveAll(other => other.Voter.Node == voter.Node);
                _voters.Add((voter, nowNs));
                _ = _asked.RemoveAll(asked => asked.Node == voter.Node && asked.What == "voter");
            }
        }
    }

    /// <summary>A change of one value that keeps epoch, members and voters.</summary>
    private sealed class EntryEdit(VolumeControl control, Func<Configuration, Configuration?> change) : Edit(control)
    {
        public override string Aim => "to change its replicas or settings";

        protected override Configuration? Change(Configuration current) => change(Volume.Next(current));
    }

    /// <summary>R8, each of the two steps.</summary>
    private sealed class Voters(VolumeControl control, ValueList<VoterId> from, ValueList<VoterId> wanted) : Edit(control)
    {
        public override string Aim => "to change its voters";

        protected override Configuration? Change(Configuration current)
        {
            if (current.OldVoters.Count == 0 && current.Voters != from)
            {
                return null;
            }

            ValueList<VoterId> voters = current.OldVoters.Count > 0 ? current.Voters : wanted;
            switch (VoterChange.Next(current, Volume._proposer.LastDecided(Volume._key), voters, Volume._bugs, out RegisterValue next))
            {
                case VoterStep.First when Volume._bugs.Has(Bug.VotersInOneStep):
                    return (Configuration)next with { OldVoters = [] };
                case VoterStep.First:
                    // L3: both sets count from before the first step is proposed.
                    Volume._leases.SetVoters(Volume._key, [next.Voters, next.OldVoters]);
                    return (Configuration)next;
                case VoterStep.Second:
                    return (Configuration)next;
                case VoterStep.Settle:
                    return current;
                default:
                    return null;
            }
        }
    }

    /// <summary>§2: the tombstone names no primary and nobody in sync. From before its Accept on nothing is answered here (R4), whatever becomes of it.</summary>
    private sealed class Delete(VolumeControl control) : ControlRound(control)
    {
        private bool _proposed;

        public override string Aim => "to delete the volume";

        public override void Propose(Configuration current)
        {
            if (!Volume.IsStillMine(current))
            {
                Volume.Meet(current);
                Abandon();
                return;
            }

            if (Volume.Known is not { } known || current.Version > known.Version)
            {
                Accept(current);
                return;
            }

            _proposed = true;
            if (!Volume._bugs.Has(Bug.ServeAfterDelete))
            {
                Volume._leases.HandOver(Volume._key);
            }

            long epoch = Math.Max(Math.Max(current.Epoch, Volume._raiseAbove), Volume._self?.HighestEpoch ?? 0) + 1;
            Accept(Volume.Next(current) with { Epoch = epoch, Primary = null, InSync = [], Replicas = [], Deleted = true });
        }

        public override void Then(RoundOutcome outcome)
        {
            if (_proposed && Volume.IsPrimary && !Volume._bugs.Has(Bug.ServeAfterDelete))
            {
                Volume.BecomeSecondary(exact: false, release: true);
            }
        }
    }
}
