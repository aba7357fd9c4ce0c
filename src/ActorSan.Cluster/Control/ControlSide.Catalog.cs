using ActorSan.Cluster.Catalog;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Control;

/// <summary>The catalog: founded or found (S8), told to every member, and changed by one round after another.</summary>
public sealed partial class ControlSide
{
    private const long BeatNs = 1_000_000_000;
    private const long ChangePatienceNs = 10_000_000_000;
    private const int BeatsBetweenTellings = 5;
    private const string NotKnown = "whether the change was taken is not known: look, and give it again if it is missing";
    private readonly Beat _beat;
    private readonly Queue<CatalogWish> _wishes = new();
    private readonly BackOff _catalogBackOff;
    private RegisterKey? _catalogKey;
    private CatalogWish? _changing;
    private bool _seeking;
    private int _beats;

    /// <summary>
    /// Changes the catalog: <paramref name="change"/> is given what is decided, once or again after somebody else's change, and gives what is to be, or null and a sentence that refuses.
    /// <paramref name="told"/> hears once: null, or why not.
    /// </summary>
    public void ChangeCatalog(CatalogChange change, Action<string?> told)
    {
        _wishes.Enqueue(new CatalogWish(this, change, default, told, _loop.NowNs));
        NextWish();
    }

    /// <summary>R4: learns what is decided, by proposing it as it is. <paramref name="told"/> hears null, or why nothing was learned.</summary>
    public void ReadCatalog(Action<string?> told)
    {
        _wishes.Enqueue(new CatalogWish(this, null, default, told, _loop.NowNs) { IsRead = true });
        NextWish();
    }

    /// <summary>R8: the catalog's vote of <paramref name="node"/> goes to <paramref name="by"/>, or to nobody; in two decided steps. <paramref name="told"/> hears null, or why not.</summary>
    public void ChangeCatalogVoters(string node, VoterId? by, Action<string?> told)
    {
        if (_catalogKey is not { } key || _proposer.LastDecided(key) is not { } decided)
        {
            told("the catalog is not known here");
            return;
        }

        ValueList<VoterId> wanted = decided.Voters.Where(voter => voter.Node != node);
        if (by is { } other && !wanted.Contains(other))
        {
            wanted = wanted.Add(other);
        }

        if (wanted.Count == 0)
        {
            told("nobody would vote about the catalog");
            return;
        }

        VoterTurn(wanted, told, _loop.NowNs);
    }

    // One step after another, until the voters are those.
    private void VoterTurn(ValueList<VoterId> wanted, Action<string?> told, long sinceNs)
    {
        if (_catalogKey is { } key && _proposer.LastDecided(key) is { OldVoters.Count: 0 } now && now.Voters.Count == wanted.Count && now.Voters.All(wanted.Contains))
        {
            told(null);
            return;
        }

        _wishes.Enqueue(new CatalogWish(this, null, wanted, fault =>
        {
            if (fault is not null || _loop.NowNs - sinceNs > ChangePatienceNs)
            {
                told(fault ?? "the change of voters did not come to its end in time: give the same command again");
            }
            else
            {
                VoterTurn(wanted, told, sinceNs);
            }
        }, _loop.NowNs));
        NextWish();
    }

    private void TellDrained(VolumeSide side)
    {
        if (side.Control is { } control)
        {
            control.IsDrained = Catalog?.Nodes.Any(node => node.Name == _options.Node && node.Drained) ?? false;
        }
    }

    private bool IsNamed(string register)
    {
        foreach (CatalogVolume volume in Catalog?.Volumes ?? [])
        {
            if (CatalogVolume.RegisterName(volume.Id) == register)
            {
                return true;
            }
        }

        return false;
    }

    private void OnCatalog(RegisterKey key, DocumentValue value)
    {
        if (_catalogKey is { } known && known != key)
        {
            // S8: a cluster has one. Which of two is the right one only people can say (I6).
            _events.Noted(Guid.Empty, ControlNote.Fault, $"another catalog was told, of lineage {key.Lineage}, and this node knows the one of lineage {known.Lineage}: it is not listened to. The cluster was founded twice: look which nodes' journals are new, and give them back what they had");
            return;
        }

        CatalogDocument document;
        try
        {
            document = CatalogDocument.Parse(value.Document);
        }
        catch (FormatException failure)
        {
            _events.Noted(Guid.Empty, ControlNote.Fault, $"version {value.Version} of the catalog: {failure.Message}");
            return;
        }

        if (document.ClusterId != _options.ClusterId)
        {
            _events.Noted(Guid.Empty, ControlNote.Fault, $"a catalog of cluster {document.ClusterId} was told, and this node is of {_options.ClusterId}: it is not listened to");
            return;
        }

        _catalogKey = key;
        Catalog = document;
        foreach (VolumeSide side in _volumes.Values)
        {
            TellDrained(side);
        }

        _events.CatalogDecided(key, value, document);
        NextWish();
    }

    private void OnBeat()
    {
        if (Catalog is null && !_seeking)
        {
            Seek();
        }

        if (++_beats % BeatsBetweenTellings == 0)
        {
            // A Learn may be lost, and those who don't vote are told by nobody else.
            foreach (string member in _members)
            {
                TellCatalog(member);
                TellVolumes(member);
            }
        }

        ExpireWishes();
        NextWish();
        _loop.Set(_beat, _loop.NowNs + BeatNs);
    }

    private void Seek()
    {
        if (!_options.Founders.Contains(_options.Node, StringComparer.Ordinal))
        {
            // It was not there at the founding: those who are tell it.
            return;
        }

        _seeking = true;
        bool founds = _options.Founds;
        if (founds)
        {
            _founding.Found(Ended);
        }
        else
        {
            _founding.Ask(Ended);
        }

        void Ended(CatalogOutcome outcome)
        {
            _seeking = false;
            _events.CatalogSought(founds, outcome);
        }
    }

    private void TellCatalog(string node)
    {
        if (node != _options.Node && _catalogKey is { } key && _proposer.LastDecided(key) is { } value)
        {
            _network.Send(node, new Learn(_options.Node, key, value));
        }
    }

    // A node that votes and has no replica remembers no configuration: after its start it knows who serves when somebody tells it.
    private void TellVolumes(string node)
    {
        if (node == _options.Node)
        {
            return;
        }

        foreach (VolumeSide side in _volumes.Values)
        {
            if (side.Control is { Role: not Replication.Core.Control.VolumeRole.Secondary, Known: { } known } control)
            {
                _network.Send(node, new Learn(_options.Node, control.Key, known));
            }
        }
    }

    private void ExpireWishes()
    {
        long now = _loop.NowNs;
        while (_wishes.TryPeek(out CatalogWish? oldest) && oldest != _changing && now - oldest.SinceNs > ChangePatienceNs)
        {
            _ = _wishes.Dequeue();
            oldest.Told(oldest.MayBeTaken ? NotKnown : "no majority of the catalog's voters answers: nothing was changed. Look at 'cluster status', and try again");
        }
    }

    private void NextWish()
    {
        if (_changing is null && _catalogKey is { } key && Catalog is not null && _wishes.TryPeek(out CatalogWish? wish) && _loop.NowNs >= wish.NotBeforeNs
            && _proposer.Start(key, wish) == RoundStart.Started)
        {
            _changing = wish;
        }
    }

    private void OnWishEnded(CatalogWish wish, RoundOutcome outcome)
    {
        _changing = null;
        string? told = null;
        bool over = true;
        if (outcome.End == RoundEnd.Decided)
        {
            // Those who do not vote are told by nobody else.
            foreach (string member in _members)
            {
                TellCatalog(member);
            }
        }

        if (outcome.End == RoundEnd.Decided && wish.Settles)
        {
            // The change comes now.
            over = false;
        }
        else if (wish.Refusal is { } refusal)
        {
            // It may be the change itself that stands in its way.
            told = wish.MayBeTaken ? NotKnown : refusal;
        }
        else if (outcome.End == RoundEnd.Decided || (outcome.End == RoundEnd.Abandoned && !wish.Settles))
        {
            _catalogBackOff.Reset();
        }
        else if (_loop.NowNs - wish.SinceNs > ChangePatienceNs)
        {
            told = wish.MayBeTaken || (outcome.End == RoundEnd.Unknown && !wish.Settles)
                ? NotKnown
                : "no majority of the catalog's voters agrees: nothing was changed. Look at 'cluster status', and try again";
        }
        else
        {
            // The same change again: it is tested against what it meets then (R4).
            over = false;
            wish.MayBeTaken |= outcome.End == RoundEnd.Unknown && !wish.Settles;
            wish.NotBeforeNs = _loop.NowNs + _catalogBackOff.NextNs();
            wish.WakeAt(wish.NotBeforeNs);
        }

        if (over)
        {
            _ = _wishes.Dequeue();
            wish.Told(told);
        }

        NextWish();
    }

    private sealed class Beat(ControlSide side) : CoreTimer
    {
        public override void OnFired() => side.OnBeat();
    }

    private sealed class CatalogWish(ControlSide side, CatalogChange? change, ValueList<VoterId> voters, Action<string?> told, long sinceNs) : CoreTimer, IRoundClient
    {
        public long SinceNs { get; } = sinceNs;

        public long NotBeforeNs { get; set; }

        public bool IsRead { get; init; }

        /// <summary>An attempt ended in which voters may have accepted it.</summary>
        public bool MayBeTaken { get; set; }

        public string? Refusal { get; private set; }

        /// <summary>R6: what was proposed before is being settled; the change itself comes after it.</summary>
        public bool Settles { get; private set; }

        public void Told(string? fault) => told(fault);

        public void WakeAt(long atNs) => side._loop.Set(this, atNs);

        public override void OnFired() => side.NextWish();

        public void OnPromised(Round round, RegisterValue current)
        {
            Refusal = null;
            RegisterValue? known = side._proposer.LastDecided(round.Key);
            Settles = !IsRead && current != known;
            if (Settles && current.Version <= known?.Version)
            {
                // Another was decided while the voters were asked: one goes on from that.
                round.Abandon();
                return;
            }

            if (IsRead || Settles)
            {
                _ = round.Accept(current);
                return;
            }

            var value = (DocumentValue)current;
            if (change is null)
            {
                VoterStep step = VoterChange.Next(value, side._proposer.LastDecided(round.Key), voters, out RegisterValue stepped);
                if (step == VoterStep.None)
                {
                    round.Abandon();
                }
                else
                {
                    _ = round.Accept(stepped);
                }

                return;
            }

            CatalogDocument? next;
            string? refusal;
            try
            {
                next = change(CatalogDocument.Parse(value.Document), out refusal);
            }
            catch (FormatException failure)
            {
                (next, refusal) = (null, failure.Message);
            }

            string? json = next?.ToJson();
            if (json is not null && System.Text.Encoding.UTF8.GetByteCount(json) > DocumentValue.MaxBytes)
            {
                (json, refusal) = (null, $"the catalog would become longer than {DocumentValue.MaxBytes >> 10} KiB: remove volumes or targets that are not needed");
            }

            if (json is null || json == value.Document)
            {
                Refusal = refusal;
                round.Abandon();
                return;
            }

            _ = round.Accept(value with { Version = value.Version + 1, Document = json });
        }

        public void OnEnded(Round round, RoundOutcome outcome) => side.OnWishEnded(this, outcome);
    }
}

/// <summary>Null with no refusal: it is as it is to be already.</summary>
/// <param name="now">What is decided.</param>
/// <param name="refusal">Why not, for people; null: it may be.</param>
public delegate CatalogDocument? CatalogChange(CatalogDocument now, out string? refusal);
