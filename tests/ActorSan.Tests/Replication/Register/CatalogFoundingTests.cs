using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using Xunit;

namespace ActorSan.Tests.Replication.Register;

public sealed class CatalogFoundingTests : IProposerListener
{
    private static readonly VoterId A = new("a", VoterBench.Id(11));
    private static readonly VoterId B = new("b", VoterBench.Id(12));
    private readonly VoterBench _bench = new();
    private readonly Proposer _proposer;
    private readonly Founder _founder;
    private readonly List<CatalogOutcome> _told = [];

    public CatalogFoundingTests()
    {
        var counts = new JournalCounts(null, BugSet.Nothing);
        _proposer = new Proposer("v", VoterBench.Id(7), _bench.Voter, counts, _bench, _bench, _bench, this, new ProposerSettings(), BugSet.Nothing);
        _founder = new Founder("v", counts, _proposer, _bench, _bench, _bench, new ProposerSettings());
    }

    private RegisterKey Key => new(CatalogFounding.Name, A.Incarnation);

    private RegisterValue First => FirstOf([A, B, _bench.Me]);

    [Fact]
    public void S8FoundedWhenAllAnswerThatTheyNeverHeldOne()
    {
        CatalogFounding founding = Of("v", "b", "a");
        founding.Found(_told.Add);
        Assert.Equal(["a", "b", "v"], _bench.Sent.Select(sent => sent.Node));
        Answer(founding, A);
        Answer(founding, B);
        Assert.DoesNotContain(_bench.Sent, static sent => sent.Message is Begin);
        Answer(founding, _bench.Me);
        Assert.Equal([A, B, _bench.Me], _bench.Sent.Select(sent => sent.Message).OfType<Begin>().Select(begin => begin.To));
        Assert.All(_bench.Sent.Select(sent => sent.Message).OfType<Begin>(), begin => Assert.Equal((Key, First), (begin.Key, begin.Value)));
        foreach (VoterId voter in new[] { A, B, _bench.Me })
        {
            Assert.True(_founder.On(new Begun(Key, voter, 1, 0)));
        }

        Assert.Equal([new CatalogOutcome(CatalogEnd.Founded)], _told);
        Assert.Equal((Key, First), (founding.Key, _proposer.LastDecided(Key)));
    }

    [Fact]
    public void S8NotFoundedWhileOneDoesNotAnswer()
    {
        CatalogFounding founding = Of("v", "a", "b");
        founding.Found(_told.Add);
        Answer(founding, A);
        Answer(founding, A);
        Answer(founding, _bench.Me);
        Answer(founding, new VoterId("c", VoterBench.Id(13)));
        founding.Found(_told.Add);
        _bench.Advance(VoterBench.Lease);
        Assert.Equal([new CatalogOutcome(CatalogEnd.TryAgain, CatalogReason.Busy), new CatalogOutcome(CatalogEnd.TryAgain, CatalogReason.NoAnswer, "b")], _told);
        Assert.DoesNotContain(_bench.Sent, static sent => sent.Message is Begin);

        // An answer to the question of before counts for nothing.
        founding.Found(_told.Add);
        Answer(founding, B, id: 1);
        Answer(founding, A);
        Answer(founding, _bench.Me);
        Assert.DoesNotContain(_bench.Sent, static sent => sent.Message is Begin);
    }

    [Fact]
    public void S8NotFoundedWhereSetsDiffer()
    {
        CatalogFounding founding = Of("v", "a", "b");
        founding.Found(_told.Add);
        Answer(founding, A, named: ["a", "b"]);
        CatalogFounding others = Of("a", "b");
        others.Found(_told.Add);
        Assert.Equal([new CatalogOutcome(CatalogEnd.Refused, CatalogReason.OtherSet, "a"), new CatalogOutcome(CatalogEnd.Refused, CatalogReason.OtherSet, "v")], _told);
    }

    [Fact]
    public void S8NotFoundedWhereAJournalHoldsAnother()
    {
        foreach (HeldRegister held in (HeldRegister[])
            [
                new HeldRegister(Key with { Lineage = B.Incarnation }, default, First),
                new HeldRegister(Key, default, null),
                new HeldRegister(Key, VoterBench.Ballot(1, "a"), First),
                new HeldRegister(Key, default, FirstOf([A, B])),
            ])
        {
            _told.Clear();
            CatalogFounding founding = Of("v", "a", "b");
            founding.Found(_told.Add);
            Answer(founding, A);
            Answer(founding, B, held: held);
            Answer(founding, _bench.Me);
            Assert.Equal([new CatalogOutcome(CatalogEnd.Refused, CatalogReason.HeldOther, "b")], _told);
        }

        Assert.DoesNotContain(_bench.Sent, static sent => sent.Message is Begin);
    }

    [Fact]
    public void S7CutShortItIsFoundedAgainWithTheSameValue()
    {
        CatalogFounding founding = Of("v", "a", "b");
        founding.Ask(_told.Add);
        AnswerAll(founding, new HeldRegister(Key, default, First), null);
        Assert.Equal([new CatalogOutcome(CatalogEnd.TryAgain, CatalogReason.CutShort)], _told);
        Assert.DoesNotContain(_bench.Sent, static sent => sent.Message is Begin);
        founding.Found(_told.Add);
        AnswerAll(founding, new HeldRegister(Key, default, First), null);
        Assert.Equal(3, _bench.Sent.Count(sent => sent.Message is Begin begin && begin.Value == First));
    }

    [Fact]
    public void S8AnEmptyNodeAsksAndJoinsAndNeverFounds()
    {
        CatalogFounding founding = Of("v", "a", "b");
        founding.Ask(_told.Add);
        AnswerAll(founding, null, null);
        Assert.Equal([new CatalogOutcome(CatalogEnd.NotFounded)], _told);
        Assert.DoesNotContain(_bench.Sent, static sent => sent.Message is Begin);

        // On all that it names: decided, though nobody who knows it is left.
        founding.Ask(_told.Add);
        AnswerAll(founding, new HeldRegister(Key, default, First), new HeldRegister(Key, default, First));
        Assert.Equal((CatalogEnd.Joined, First), (_told[^1].End, _proposer.LastDecided(Key)));
        founding.Ask(_told.Add);
        RegisterValue later = VoterBench.ValueOf(9, 0, null, A);
        Answer(founding, B, decided: new DecidedCatalog(Key, later));
        Assert.Equal((CatalogEnd.Joined, later), (_told[^1].End, _proposer.LastDecided(Key)));
    }

    [Fact]
    public void S8ANodeTellsWhatItsJournalHasEverHeld()
    {
        CatalogFounding founding = Of("v", "a", "b");
        CatalogReply Reply()
        {
            _bench.Sent.Clear();
            Assert.True(founding.On(new CatalogQuery("a", VoterBench.Id(3), 5)));
            return _bench.Last<CatalogReply>();
        }

        CatalogReply empty = Reply();
        Assert.Equal(_bench.Me, empty.Voter);
        Assert.Equal(["a", "b", "v"], empty.Named);
        Assert.Null(empty.Held);
        Assert.Null(empty.Decided);
        _ = _bench.Ask<Begun>(new Begin("a", Key, _bench.Me, 0, First));
        Assert.Equal(new HeldRegister(Key, default, First), Reply().Held);
        _bench.Restart();
        Assert.Equal(new HeldRegister(Key, default, First), _bench.Voter.HeldOf(CatalogFounding.Name));
        Assert.Null(_bench.Voter.HeldOf("volume/1"));
    }

    void IProposerListener.OnDecided(RegisterKey key, RegisterValue value)
    {
    }

    void IProposerListener.OnContradiction(RegisterKey key, RegisterValue known, RegisterValue told) => Assert.Fail("no two values of one version");

    private static RegisterValue FirstOf(ValueList<VoterId> voters) => VoterBench.ValueOf(1, 0, null, [.. voters]);

    private CatalogFounding Of(params string[] named)
    {
        _bench.Sent.Clear();
        return new CatalogFounding("v", VoterBench.Id(7), named, FirstOf, _bench.Voter, _proposer, _founder, _bench, _bench, _bench, new ProposerSettings(), BugSet.Nothing);
    }

    private void AnswerAll(CatalogFounding founding, HeldRegister? held, HeldRegister? others)
    {
        Answer(founding, A, held: held);
        Answer(founding, B, held: others);
        Answer(founding, _bench.Me, held: others);
    }

    private void Answer(CatalogFounding founding, VoterId voter, ValueList<string>? named = null, HeldRegister? held = null, DecidedCatalog? decided = null, long? id = null)
    {
        CatalogQuery query = _bench.Sent.Select(sent => sent.Message).OfType<CatalogQuery>().Last();
        Assert.True(founding.On(new CatalogReply(voter.Node, query.Instance, id ?? query.Id, voter, named ?? ["a", "b", "v"], held, decided)));
    }
}
