using ActorSan.Simulator.Disk;
using ActorSan.Simulator.Net;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Runner;

/// <summary>Does what a plan's faults say, at their times, and ends them; at the heal all that still goes on ends, and every node runs.</summary>
public sealed class FaultInjector
{
    private const long StopPatienceNs = 6_000_000_000;

    private readonly SimWorld _world;
    private readonly Plan _plan;
    private readonly SimControlNet? _control;
    private readonly SimDataNet? _data;
    private readonly Dictionary<int, SimDiskContent> _images = [];
    private readonly SimRandom _random;
    private readonly long _begin;
    private bool _healed;

    public FaultInjector(SimWorld world, Plan plan, SimControlNet? control, SimDataNet? data)
    {
        _world = world;
        _plan = plan;
        _control = control;
        _data = data;
        _random = world.Random("faults");
        _begin = world.Now;
    }

    /// <summary>What <see cref="FaultKind.Operator"/> means here.</summary>
    public Action<PlanFault>? OnOperator { get; init; }

    /// <summary>What the node's membership says from now on: unreachable or not.</summary>
    public Action<PlanFault, bool>? OnMembership { get; init; }

    /// <summary>Before a node whose disk or journal is about to be exchanged is stopped, and after: the scenario's to know what that means for what was promised.</summary>
    public Action<PlanFault>? OnMediumExchanged { get; init; }

    /// <summary>False: this exchange of a medium would destroy what nobody could have kept, and does not happen.</summary>
    public Func<PlanFault, SimDiskContent?, bool>? MayExchange { get; init; }

    /// <summary>False: a power session that ends now would take the last whole copy, and the fault does not happen.</summary>
    public Func<bool>? MayEndSession { get; init; }

    public void Schedule()
    {
        foreach (PlanFault fault in _plan.Faults)
        {
            if (fault.Node < _world.Nodes.Count && fault.Peer < _world.Nodes.Count)
            {
                _world.At(_begin + fault.AtNs, () => Begin(fault));
            }
        }

        _world.At(_begin + _plan.HealAtNs, Heal);
    }

    private void Begin(PlanFault fault)
    {
        if (_healed || (EndsSession(fault.Kind) && MayEndSession?.Invoke() == false))
        {
            return;
        }

        SimNode node = _world.Nodes[fault.Node];
        if (_world.Tracing)
        {
            _world.Trace(node.Name, "FAULT", fault.ToString());
        }

        switch (fault.Kind)
        {
            case FaultKind.Crash:
                node.Crash();
                StartLater(fault, node);
                break;
            case FaultKind.Stop:
                node.Stop(StopPatienceNs, () => StartLater(fault, node));
                break;
            case FaultKind.PowerLoss:
                node.LosePower();
                StartLater(fault, node);
                break;
            case FaultKind.PowerLossOfAll:
                foreach (SimNode each in _world.Nodes)
                {
                    _world.After(_random.Range(0, fault.Value), () =>
                    {
                        each.LosePower();
                        StartLater(fault, each);
                    });
                }

                break;
            case FaultKind.Freeze:
                SimProcess? frozen = node.Process;
                node.Freeze((SimSides)fault.Value);
                EndLater(fault, () => Thaw(node, frozen, (SimSides)fault.Value));
                break;
            case FaultKind.DiskImage:
                _images[fault.Node] = node.Disk!.Snapshot();
                break;
            case FaultKind.DiskPutBack or FaultKind.DiskReplaced or FaultKind.JournalLost or FaultKind.JournalPutBack:
                if (MayExchange?.Invoke(fault, _images.GetValueOrDefault(fault.Node)) ?? true)
                {
                    Exchange(fault, node);
                }

                break;
            case FaultKind.ClockDrift:
                node.Clock.SetDrift((int)fault.Value);
                break;
            case FaultKind.Operator:
                OnOperator?.Invoke(fault);
                break;
            case FaultKind.Unreachable:
                OnMembership?.Invoke(fault, true);
                EndLater(fault, () => OnMembership?.Invoke(fault, false));
                break;
            default:
                if (!BeginNet(fault) && !BeginDisk(fault, node))
                {
                    throw new SimViolationException($"nobody knows how to do {fault}");
                }

                break;
        }
    }

    private static bool EndsSession(FaultKind kind) => kind is FaultKind.PowerLoss or FaultKind.PowerLossOfAll or FaultKind.DiskHang or FaultKind.DiskVanish or FaultKind.DiskFull
        or FaultKind.FailReads or FaultKind.FailWrites or FaultKind.FailFlushes or FaultKind.FailPages;

    private bool BeginNet(PlanFault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.CutControl:
                _control?.Cut(fault.Node, fault.Peer);
                EndLater(fault, () => _control?.Mend(fault.Node, fault.Peer));
                return true;
            case FaultKind.CutData:
                _data?.Cut(fault.Node, fault.Peer);
                EndLater(fault, () => _data?.Mend(fault.Node, fault.Peer));
                return true;
            case FaultKind.Isolate:
                ForOthers(fault.Node, cut: true);
                EndLater(fault, () => ForOthers(fault.Node, cut: false));
                return true;
            case FaultKind.ResetLink:
                if (fault.Node != fault.Peer)
                {
                    _data?.Reset(fault.Node, fault.Peer);
                }

                return true;
            case FaultKind.ControlLoss when _control is not null:
                _control.Options.Loss = fault.Value / 1000.0;
                EndLater(fault, () => _control.Options.Loss = 0);
                return true;
            case FaultKind.ControlDouble when _control is not null:
                _control.Options.Double = fault.Value / 1000.0;
                EndLater(fault, () => _control.Options.Double = 0);
                return true;
            case FaultKind.ControlLate when _control is not null:
                _control.Options.Late = fault.Value / 1000.0;
                EndLater(fault, () => _control.Options.Late = 0);
                return true;
            default:
                return false;
        }
    }

    private bool BeginDisk(PlanFault fault, SimNode node)
    {
        if (fault.Kind == FaultKind.JournalSlow && node.Journal is { } journal)
        {
            journal.Slowness = fault.Value;
            EndLater(fault, () => journal.Slowness = 1);
            return true;
        }

        if (node.Disk is not { } disk)
        {
            return true;
        }

        switch (fault.Kind)
        {
            case FaultKind.DiskHang:
                disk.Hang();
                EndLater(fault, disk.Unhang);
                return true;
            case FaultKind.DiskFull:
                disk.Full = true;
                EndLater(fault, () => disk.Full = false);
                return true;
            case FaultKind.DiskVanish:
                disk.Vanish();
                EndLater(fault, disk.ComeBack);
                return true;
            case FaultKind.FailReads:
                disk.FailReads = (int)fault.Value;
                return true;
            case FaultKind.FailWrites:
                disk.FailWrites = (int)fault.Value;
                return true;
            case FaultKind.FailFlushes:
                disk.FailFlushes = (int)fault.Value;
                return true;
            case FaultKind.FailPages:
                disk.FailPages = (int)fault.Value;
                return true;
            case FaultKind.DiskSlow:
                disk.Slowness = fault.Value;
                EndLater(fault, () => disk.Slowness = 1);
                return true;
            case FaultKind.BitRot:
                disk.Rot((int)(fault.Value % disk.Content.Blocks), _random.Next(disk.Options.BlockBytes * 8));
                return true;
            default:
                return fault.Kind == FaultKind.JournalSlow;
        }
    }

    private void Exchange(PlanFault fault, SimNode node)
    {
        node.Crash();
        switch (fault.Kind)
        {
            case FaultKind.DiskPutBack when node.Disk is { } disk && _images.TryGetValue(fault.Node, out SimDiskContent? image):
                disk.PutBack(image);
                OnMediumExchanged?.Invoke(fault);
                break;
            case FaultKind.DiskReplaced when node.Disk is { } disk:
                disk.Replace(disk.Content.VolumeId, _random.NextGuid());
                OnMediumExchanged?.Invoke(fault);
                break;
            case FaultKind.JournalLost:
                node.Journal?.Lose();
                OnMediumExchanged?.Invoke(fault);
                break;
            case FaultKind.JournalPutBack when node.Journal is { } journal:
                journal.PutBack((int)(journal.WriteCount * fault.Value / 1000));
                OnMediumExchanged?.Invoke(fault);
                break;
            default:
                break;
        }

        StartLater(fault, node);
    }

    private void ForOthers(int node, bool cut)
    {
        for (int other = 0; other < _world.Nodes.Count; other++)
        {
            if (other == node)
            {
                continue;
            }

            if (cut)
            {
                _control?.Cut(node, other);
                _control?.Cut(other, node);
                _data?.Cut(node, other);
                _data?.Cut(other, node);
            }
            else
            {
                _control?.Mend(node, other);
                _control?.Mend(other, node);
                _data?.Mend(node, other);
                _data?.Mend(other, node);
            }
        }
    }

    private static void Thaw(SimNode node, SimProcess? frozen, SimSides which)
    {
        if (node.Process == frozen)
        {
            node.Thaw(which);
        }
    }

    private void StartLater(PlanFault fault, SimNode node)
    {
        if (fault.DurationNs > 0)
        {
            _world.After(fault.DurationNs, node.Start);
        }
    }

    private void EndLater(PlanFault fault, Action end)
    {
        if (fault.DurationNs > 0)
        {
            _world.After(fault.DurationNs, () =>
            {
                if (!_healed)
                {
                    if (_world.Tracing)
                    {
                        _world.Trace(_world.Nodes[fault.Node].Name, "FAULT ENDS", fault.ToString());
                    }

                    end();
                }
            });
        }
    }

    private void Heal()
    {
        _healed = true;
        if (_world.Tracing)
        {
            _world.Trace(null, "HEAL", "all faults end, every node runs");
        }

        if (_control is not null)
        {
            (_control.Options.Loss, _control.Options.Double, _control.Options.Late) = (0, 0, 0);
        }

        foreach (PlanFault fault in _plan.Faults)
        {
            if (fault.Kind == FaultKind.Unreachable)
            {
                OnMembership?.Invoke(fault, false);
            }
        }

        foreach (SimNode node in _world.Nodes)
        {
            ForOthers(node.Index, cut: false);
            if (node.Disk is { } disk)
            {
                (disk.FailReads, disk.FailWrites, disk.FailFlushes, disk.FailPages, disk.Full, disk.Slowness) = (0, 0, 0, 0, false, 1);
                if (disk.Hung)
                {
                    disk.Unhang();
                }

                if (disk.Vanished)
                {
                    disk.ComeBack();
                }
            }

            if (node.Journal is { } journal)
            {
                (journal.Slowness, journal.FailAppends) = (1, 0);
            }

            node.Process?.ThawAll();
            node.Start();
        }
    }
}
