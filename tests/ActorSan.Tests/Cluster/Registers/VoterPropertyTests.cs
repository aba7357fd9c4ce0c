using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Tests.Node;
using ActorSan.Tests.Replication.Register;
using Xunit;

namespace ActorSan.Tests.Cluster.Registers;

/// <summary>
/// One voter on a real journal and one on a journal in memory are asked the same, and say the same, whatever becomes of their processes: the file is no more and no less than the
/// model that the cores are proven with.
/// </summary>
[Collection(Alone.Name)]
public sealed class VoterPropertyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void AVoterOnAFileIsTheVoterOfTheModel(int seed)
    {
        using var directory = new TemporaryDirectory();
        using (var twins = new Twins(directory.Path, new Chance((ulong)seed)))
        {
            for (int step = 0; step < 160; step++)
            {
                twins.Step();
            }

            // The history was one: values were accepted, and processes died.
            Assert.True(twins.Accepted > 5 && twins.Restarts > 3, $"{twins.Accepted} accepted, {twins.Restarts} restarts");
        }

        // And the journal was shortened on the way.
        Assert.NotEqual(0L, VoterHost.Sql(VoterHost.FileIn(directory.Path), "SELECT count(*) FROM snapshot"));
    }

    private sealed class Twins : IClock, IDisposable
    {
        private static readonly string[] Names = ["volume/1", "volume/2", "volume/3", "volume/4", "volume/5", "volume/6"];
        private readonly string _directory;
        private readonly Chance _chance;
        private readonly Side _onFile = new();
        private readonly Side _inMemory = new();
        private readonly SimulatedJournal _model;
        private VoterHost _host;
        private long _counter;

        public Twins(string directory, Chance chance)
        {
            (_directory, _chance) = (directory, chance);
            _host = new VoterHost(VoterHost.Sqlite(directory, snapshotInterval: 10));
            VoterState held = _host.Open();
            _model = new SimulatedJournal(_host.Journal.Incarnation);
            MakeVoters(held);
        }

        public long NowNs { get; private set; } = 5_000_000_000;

        public int Accepted { get; private set; }

        public int Restarts { get; private set; }

        public void Step()
        {
            for (int burst = _chance.Below(4); burst >= 0; burst--)
            {
                ControlMessage message = Message();
                Assert.Equal(_inMemory.Voter.On(message), _onFile.Voter.On(message));
            }

            if (_chance.Hits(0.08))
            {
                Restart();
            }
            else
            {
                Flush();
                Compare();
            }

            NowNs += _chance.Below(4) * 400_000_000L;
        }

        public void Dispose() => _host.Dispose();

        private void Flush()
        {
            _host.Flush();
            while (_model.Pending > 0)
            {
                _model.CompleteOne().OnDurable();
            }
        }

        // What was on its way is lost from some record on, and the file says from which.
        private void Restart()
        {
            Restarts++;
            long told = _model.WriteCount;
            VoterState held;
            if (_chance.Hits(0.3))
            {
                Flush();
                told = _model.WriteCount;
                _host.Dispose();
                _host = new VoterHost(VoterHost.Sqlite(_directory, snapshotInterval: 10));
                held = _host.Open();
            }
            else
            {
                held = _host.Reopen();
            }

            Assert.InRange(_host.Journal.WriteCount, told, told + _model.Pending);
            _model.Crash((int)(_host.Journal.WriteCount - told));
            MakeVoters(held);
            Compare();

            // L6: mute for a lease. Mostly it is over when the next request comes.
            NowNs += _chance.Hits(0.7) ? 3_000_000_000 : 0;
        }

        private void MakeVoters(VoterState held)
        {
            _onFile.Voter = new Voter("v", held, _host.Journal, _onFile, this, _onFile, new LeaseSettings(), BugSet.Nothing);
            _inMemory.Voter = new Voter("v", _model.Load(), _model, _inMemory, this, _inMemory, new LeaseSettings(), BugSet.Nothing);
            _onFile.Said.Clear();
            _inMemory.Said.Clear();
            Flush();
        }

        private void Compare()
        {
            Assert.Equal(_inMemory.Said, _onFile.Said);
            Assert.Equal(VoterSamples.Sorted(_inMemory.Voter.Snapshot()), VoterSamples.Sorted(_onFile.Voter.Snapshot()));
            Assert.Equal(_model.WriteCount, _host.Journal.WriteCount);
            Accepted += _onFile.Said.Count(said => said.Contains("Accepted {", StringComparison.Ordinal) || said.Contains("Begun {", StringComparison.Ordinal));
            _onFile.Said.Clear();
            _inMemory.Said.Clear();
        }

        private ControlMessage Message()
        {
            // A second lineage, heard of without a word about the first, ends both (P11): it is rare, so that registers live.
            var key = new RegisterKey(_chance.Pick(Names), VoterSamples.Id(_chance.Hits(0.03) ? 2 : 1));
            VoterId to = _chance.Hits(0.05) ? new VoterId("v", VoterSamples.Id(999)) : _onFile.Voter.Id;
            string node = _chance.Hits(0.5) ? "a" : "b";
            long counter = _chance.Hits(0.8) ? ++_counter : _chance.Between(1, _counter + 1);
            long seen = _chance.Hits(0.5) ? 0 : _model.WriteCount;
            switch (_chance.Below(8))
            {
                case 0 or 1:
                    return new Prepare(node, key, to, seen, VoterSamples.Ballot(counter, node));
                case 2 or 3 or 4:
                    return new Accept(node, key, to, seen, VoterSamples.Ballot(counter, node), VoterSamples.Value(key, counter, counter, _chance.Hits(0.5) ? node : null, to));
                case 5:
                    return new Begin(node, key, to, seen, VoterSamples.Value(key, 1, 0, null, to), _chance.Hits(0.3));
                case 6:
                    Configuration told = VoterSamples.Value(key, counter, counter, node, to);
                    return new Learn(node, key, _chance.Hits(0.5) && key.Lineage == VoterSamples.Id(2) ? told with { Parents = [VoterSamples.Id(1)] } : told);
                default:
                    return new Renew(node, VoterSamples.Id(7), to, seen, counter, _chance.Hits(0.2) ? 2_000_000_000 : 1_000_000_000, [new LeaseRequest(key, counter)]);
            }
        }

        private sealed class Side : IControlNetwork, IVoterListener
        {
            public Voter Voter { get; set; } = null!;

            public List<string> Said { get; } = [];

            public void Send(string node, ControlMessage message) => Said.Add($"{node}: {message}");

            public void OnPutBack(long seen, long writeCount) => Said.Add($"put back: {writeCount} of {seen}");

            public void OnRefusedLineage(RegisterKey key, UnknownReason reason, Guid by) => Said.Add($"{reason} {key} by {by}");
        }
    }
}
