using ActorSan.Simulator.Check;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Clients;

/// <summary>How initiators behave.</summary>
public sealed record ClientOptions
{
    public int BlockBytes { get; init; } = 16;

    public int Blocks { get; init; } = 64;

    /// <summary>Attributes 1 to this; 0: none are used.</summary>
    public int Attributes { get; init; }

    public long TimeoutNs { get; init; } = 4_000_000_000;

    /// <summary>Between a refusal and the next try, at the next node.</summary>
    public long RetryNs { get; init; } = 50_000_000;

    /// <summary>Tries of one operation of the plan, each an operation of its own with values of its own.</summary>
    public int Tries { get; init; } = 6;

    /// <summary>Nodes that have a volume: those below this index.</summary>
    public int DataNodes { get; init; } = 2;
}

/// <summary>
/// All initiators of a run: they do what the plan says, remember what they were told, and go to another node when they are refused or wait too long. An operation begins when it
/// reaches the node and ends when the node answers; that is stricter than what an initiator sees, and still true.
/// </summary>
public sealed unsafe class SimClients
{
    private readonly SimWorld _world;
    private readonly SimRandom _random;
    private readonly ulong[] _known;
    private ulong _nextValue = 1;
    private int _likely;

    public SimClients(SimWorld world, ClientOptions options)
    {
        _world = world;
        Options = options;
        _random = world.Random("clients");
        History = new History(options.Blocks + options.Attributes + 1);
        _known = new ulong[options.Blocks + options.Attributes + 1];
    }

    public ClientOptions Options { get; }

    public History History { get; }

    public long Succeeded { get; private set; }

    public long Unknown { get; private set; }

    public long Refused { get; private set; }

    /// <summary>Operations of the plan that have not ended yet, one way or the other.</summary>
    public int Open { get; private set; }

    public void Schedule(Plan plan)
    {
        long begin = _world.Now;
        foreach (PlanOp op in plan.Ops)
        {
            Attempt attempt = Make(op, null);
            _world.At(begin + op.AtNs, attempt);
        }
    }

    /// <summary>An operation now, whatever the plan says; <paramref name="ended"/> hears how its last try ended.</summary>
    public void Submit(PlanOp op, Action<SimOutcome>? ended = null) => _world.After(0, Make(op, ended));

    private Attempt Make(PlanOp op, Action<SimOutcome>? ended)
    {
        Open++;
        return new Attempt(this, op, ended, Options.Tries);
    }

    private void Retry(PlanOp op, Action<SimOutcome>? ended, int triesLeft, SimOutcome outcome)
    {
        if (triesLeft <= 0)
        {
            Open--;
            ended?.Invoke(outcome);
            return;
        }

        _world.After(_random.Range(Options.RetryNs / 2, Options.RetryNs), new Attempt(this, op, ended, triesLeft));
    }

    private enum Stage : byte
    {
        Sent,
        Submitted,
        Ended,
    }

    // One try. First the world's event that sends it, then on the node's engine side the submission; a second event is the client's patience.
    private sealed class Attempt(SimClients clients, PlanOp op, Action<SimOutcome>? ended, int triesLeft) : SimEvent
    {
        private readonly SimWorld _world = clients._world;
        private Request? _request;
        private Patience? _patience;

        public Stage Stage;

        public override int Code => 60;

        public override void Run()
        {
            if (Side is null)
            {
                Send();
                return;
            }

            if (Stage == Stage.Ended)
            {
                return;
            }

            ISimVolume? volume = Side.Process.Program.Volume;
            if (volume is null)
            {
                End(SimOutcome.Refused);
                return;
            }

            Stage = Stage.Submitted;
            _request = new Request(clients, this, op, Side.Process);
            _request.Begin();
            volume.Submit(_request);
        }

        // The process ended before it took the request: the client waits in vain.
        public override void Drop()
        {
        }

        public void OnPatienceOver()
        {
            if (Stage == Stage.Ended)
            {
                return;
            }

            bool submitted = Stage == Stage.Submitted;
            if (submitted)
            {
                _request!.GiveUp();
            }

            End(submitted ? SimOutcome.TimedOut : SimOutcome.Refused);
        }

        public void End(SimOutcome outcome)
        {
            Stage = Stage.Ended;
            _world.Mix((ulong)outcome ^ ((ulong)op.Id << 8));
            switch (outcome)
            {
                case SimOutcome.Ok or SimOutcome.Miscompare:
                    clients.Succeeded++;
                    clients.Open--;
                    ended?.Invoke(outcome);
                    return;
                case SimOutcome.Refused:
                    clients.Refused++;
                    clients._likely++;
                    break;
                default:
                    clients.Unknown++;
                    clients._likely++;
                    break;
            }

            clients.Retry(op, ended, triesLeft - 1, outcome);
        }

        private void Send()
        {
            int nodes = Math.Max(1, Math.Min(clients.Options.DataNodes, _world.Nodes.Count));
            // At first where the plan says, now and then; mostly where it went well last time.
            int target = clients._random.Next(4) == 0 ? op.Node % nodes : clients._likely % nodes;
            SimProcess? process = _world.Nodes[target].Process;
            if (process is null)
            {
                clients._likely = target + 1;
                End(SimOutcome.Refused);
                return;
            }

            clients._likely = target;
            _patience = new Patience(this);
            _world.After(clients.Options.TimeoutNs, _patience);
            Side = process.Engine;
            _world.After(clients._random.Skewed(10_000, 500_000), this);
        }
    }

    private sealed class Patience(Attempt attempt) : SimEvent
    {
        public override int Code => 61;

        public override void Run() => attempt.OnPatienceOver();
    }

    /// <summary>What the volume has; outlives the client's patience.</summary>
    private sealed class Request : SimOp
    {
        private readonly SimClients _clients;
        private readonly Attempt _attempt;
        private readonly SimProcess _process;
        private readonly PlanOp _op;
        private readonly int _blockBytes;
        private readonly ulong[] _values;
        private readonly ulong[] _expected;
        private readonly int[] _places;
        private readonly int _firstRegister;
        private long _invoke;
        private bool _abandoned;

        public Request(SimClients clients, Attempt attempt, PlanOp op, SimProcess process)
        {
            _clients = clients;
            _attempt = attempt;
            _op = op;
            _process = process;
            Kind = op.Kind;
            Block = op.Block;
            Durable = op.Durable;
            Atomic = op.Atomic;
            _blockBytes = clients.Options.BlockBytes;
            bool attribute = Kind is SimOpKind.SetAttribute or SimOpKind.GetAttribute;
            int registers = Kind == SimOpKind.Flush ? 0 : attribute ? 1 : Math.Min(op.Count, clients.Options.Blocks - op.Block);
            Count = attribute ? 0 : registers;
            _firstRegister = attribute ? clients.Options.Blocks + op.Block : op.Block;
            _values = new ulong[registers];
            _expected = Kind == SimOpKind.CompareAndWrite ? new ulong[registers] : [];
            _places = new int[registers];
            DataBytes = Kind is SimOpKind.Flush or SimOpKind.WriteZeroes ? 0 : registers * _blockBytes * (Kind == SimOpKind.CompareAndWrite ? 2 : 1);
        }

        private bool Changes => Kind is SimOpKind.Write or SimOpKind.CompareAndWrite or SimOpKind.WriteZeroes or SimOpKind.SetAttribute;

        public void Begin()
        {
            SimWorld world = _clients._world;
            _invoke = world.Now;
            Data = DataBytes > 0 ? world.Memory.Rent(DataBytes) : null;
            for (int i = 0; i < _values.Length; i++)
            {
                if (Kind == SimOpKind.CompareAndWrite)
                {
                    _expected[i] = _clients._known[_firstRegister + i];
                    BlockCodec.Write(Part(i), _expected[i]);
                }

                if (Changes)
                {
                    _values[i] = Kind == SimOpKind.WriteZeroes ? 0 : _clients._nextValue++;
                    if (Kind != SimOpKind.WriteZeroes)
                    {
                        BlockCodec.Write(Part(Kind == SimOpKind.CompareAndWrite ? _values.Length + i : i), _values[i]);
                    }
                }

                _places[i] = _clients.History.Begin(_firstRegister + i, Describe(i, BlockOp.Never));
            }

            if (_values.Length > 1 && (Kind == SimOpKind.CompareAndWrite || (Kind == SimOpKind.Write && Atomic)))
            {
                _clients.History.MustNotTear(new AtomicGroup(_firstRegister, _places));
            }

            if (world.Tracing)
            {
                world.Trace(_process.Node.Name, "client " + _op.Client, $"{Kind} {Block}+{Count}{(Durable ? " FUA" : "")}{Values()}");
            }
        }

        public void GiveUp() => _abandoned = true;

        public override void OnCompleted()
        {
            SimWorld world = _clients._world;
            if (!_process.IsAlive)
            {
                throw new SimViolationException($"{_process.Node.Name}: a process that is gone completes a request");
            }

            if (_abandoned)
            {
                Free(world);
                return;
            }

            switch (Outcome)
            {
                case SimOutcome.Ok:
                    OnOk(world);
                    break;
                case SimOutcome.Miscompare when Kind == SimOpKind.CompareAndWrite:
                    // Of several blocks nobody says which one differed.
                    Forget(claim: _values.Length == 1);
                    break;
                case SimOutcome.Refused:
                    Forget(claim: false);
                    break;
                case SimOutcome.Unknown:
                    break;
                default:
                    throw new SimViolationException($"{_process.Node.Name}: {Kind} ends as {Outcome}");
            }

            if (world.Tracing)
            {
                world.Trace(_process.Node.Name, "answer " + _op.Client, $"{Kind} {Block}+{Count}: {Outcome}{Values()}");
            }

            Free(world);
            _attempt.End(Outcome);
        }

        private void OnOk(SimWorld world)
        {
            bool reads = Kind is SimOpKind.Read or SimOpKind.GetAttribute;
            for (int i = 0; i < _values.Length; i++)
            {
                if (reads && !BlockCodec.TryRead(Part(i), out _values[i]))
                {
                    world.Fail($"I2: {_process.Node.Name}: register {_firstRegister + i} is read as something that nobody ever wrote: {Convert.ToHexString(Part(i))}");
                }

                world.Mix(_values[i]);
                _clients._known[_firstRegister + i] = _values[i];
                _clients.History.Complete(_firstRegister + i, _places[i], Describe(i, world.Now));
            }

            if (Kind == SimOpKind.Flush)
            {
                _clients.History.Flushed(_invoke, world.Now, Lineage);
            }
        }

        // As if it had never been: a read without IsOk is passed over by the checker.
        private void Forget(bool claim)
        {
            for (int i = 0; i < _values.Length; i++)
            {
                var op = new BlockOp { Kind = BlockOpKind.NotEqual, Invoke = _invoke, Return = _clients._world.Now, IsOk = claim, Client = _op.Client, Lineage = Lineage };
                op.Expected = claim ? _expected[i] : 0;
                _clients.History.Complete(_firstRegister + i, _places[i], op);
            }
        }

        private BlockOp Describe(int i, long back) => new()
        {
            Kind = Kind switch
            {
                SimOpKind.Read or SimOpKind.GetAttribute => BlockOpKind.Read,
                SimOpKind.CompareAndWrite => BlockOpKind.Compare,
                _ => BlockOpKind.Write,
            },
            IsOk = back != BlockOp.Never,
            Durable = Durable || Kind == SimOpKind.SetAttribute,
            Client = _op.Client,
            Lineage = Lineage,
            Invoke = _invoke,
            Return = back,
            Value = _values[i],
            Expected = Kind == SimOpKind.CompareAndWrite ? _expected[i] : 0,
        };

        private Span<byte> Part(int i) => new(Data + ((long)i * _blockBytes), _blockBytes);

        private string Values() => _values.Length == 0 ? "" : " [" + string.Join(' ', _values) + "]";

        private void Free(SimWorld world)
        {
            if (Data is not null)
            {
                world.Memory.Return(Data, DataBytes);
                Data = null;
            }
        }
    }
}
