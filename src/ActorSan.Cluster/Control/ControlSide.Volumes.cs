using ActorSan.Cluster.Catalog;
using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Volume;
using ActorSan.Storage;
using ActorSan.Storage.Stores;

namespace ActorSan.Cluster.Control;

/// <summary>The volumes: known, begun, ended.</summary>
public sealed partial class ControlSide
{
    // After a lease has lapsed: whoever takes over has done it by then, or has to wait for something.
    private const long LetGoAfterNs = 500_000_000;

    /// <summary>The catalog names it. Null where it can't be read; told as a fault.</summary>
    /// <param name="volume">Of the catalog.</param>
    /// <param name="make">Makes the volume of this node's targets, given the side; it is opened by this. Null: the node has no targets.</param>
    /// <param name="hasReplica">This node has, or is to have, a replica.</param>
    public VolumeSide? Add(CatalogVolume volume, Func<VolumeSide, ReplicatedVolume?> make, bool hasReplica)
    {
        Invariant.Check(_loop.IsCurrent);
        Configuration first;
        try
        {
            first = volume.Decode();
        }
        catch (FormatException failure)
        {
            _events.Noted(volume.Id, ControlNote.Fault, failure.Message);
            return null;
        }

        RegisterKey key = volume.KeyOf(first);
        var side = new VolumeSide(volume, first, _loop, this);
        _volumes.Add(key.Name, side);
        side.Volume = make(side);
        if (!hasReplica || side.Volume is null)
        {
            _proposer.Know(key, first);
        }
        else
        {
            BeginReplica(side, null);
        }

        TakeKept(key.Name);
        return side;
    }

    /// <summary>This node has a replica of the volume from now on; once for each side.</summary>
    /// <param name="side">Of a volume that this node serves targets of.</param>
    /// <param name="stores">Where it is; null: as the volume was made with.</param>
    public void BeginReplica(VolumeSide side, IReplicaStores? stores)
    {
        if (side.Control is not null || side.Volume is null)
        {
            return;
        }

        side.Control = new VolumeControl(
            side.Catalog.KeyOf(side.First), _options.Node, _options.Instance, _options.Decisions, _proposer, _voter, _leases, side, _network, _loop, _loop, SystemChance.Instance, side.Lease, BugSet.Nothing, _founder)
        {
            FencingHook = _fencing is null ? null : new VolumeFencing(_fencing, this, side),
        };
        TellDrained(side);
        foreach ((string node, bool unreachable) in _unreachable)
        {
            if (unreachable)
            {
                side.Control.OnUnreachable(node, true);
            }
        }

        side.Control.Start();
        side.Volume.Open(stores);
    }

    /// <summary>
    /// The catalog names it no more: if its register is known to have ended, nothing is decided for it any more, and its volume is the caller's to close; so it is where this node has
    /// no replica. False: it goes on as it is.
    /// </summary>
    public bool RemoveIfDeleted(VolumeSide side)
    {
        Invariant.Check(_loop.IsCurrent);
        if (side.Control is { } control && control.Known is not { Deleted: true })
        {
            return false;
        }

        side.Control?.Stop();
        _ = _volumes.Remove(CatalogVolume.RegisterName(side.Id));
        return true;
    }

    /// <summary>S7: its first value on all voters that it names; <paramref name="told"/> hears null, or why not.</summary>
    public void BeginVolume(CatalogVolume volume, Configuration first, Action<string?> told)
    {
        var client = new VolumeFounding(told);
        if (!_founder.Begin(volume.KeyOf(first), first, client))
        {
            told("the same volume is being begun already");
        }
    }

    /// <summary>
    /// P8: every volume of which this node is primary is handed over, and nothing is decided any more; <paramref name="ended"/> comes on this thread when all that is over, or has taken
    /// too long.
    /// </summary>
    public void StopInOrder(Action ended)
    {
        int left = 1;
        foreach (VolumeSide side in _volumes.Values)
        {
            if (side.Control is { } control)
            {
                left++;
                control.StopInOrder(One);
            }
        }

        One();

        void One()
        {
            if (--left == 0)
            {
                _loop.Cancel(_beat);
                ended();
            }
        }
    }

    /// <summary>Nothing is proposed or renewed any more, without an order: for a node that begins anew.</summary>
    public void Stop()
    {
        _loop.Cancel(_beat);
        foreach (VolumeSide side in _volumes.Values)
        {
            side.Control?.Stop();
        }
    }

    internal void OnEngine(VolumeSide side, EngineEvent happened)
    {
        if (!_volumes.ContainsValue(side))
        {
            return;
        }

        switch (happened)
        {
            case StoreFailed failed:
                _events.Noted(side.Id, ControlNote.Replica, $"the store of this node's replica failed ({failed.Status}): it is out of service here, and is opened again when this node is not primary");
                break;
            case PagesDoubted doubted:
                foreach (string sentence in doubted.Sentences)
                {
                    _events.Noted(side.Id, ControlNote.Fault, $"metadata of this node's replica: {sentence}");
                }

                break;
            case FrameDropped dropped:
                _events.Noted(side.Id, ControlNote.Fault, $"a {dropped.Kind} frame of {dropped.Node} was dropped: {dropped.Sentence}");
                break;
            case SelfState { IsOldCopy: true } when !side.OldCopyTold:
                side.OldCopyTold = true;
                _events.Noted(side.Id, ControlNote.Fault, "this node's replica is an old copy: its store was put back to an older state. It is resynced before it counts again");
                break;
            case VerifyEnded verified:
                _events.Noted(side.Id, ControlNote.Replica, verified.DifferentBytes == 0
                    ? $"verify compared {verified.ComparedBytes} bytes with every replica in sync and found no difference"
                    : $"verify compared {verified.ComparedBytes} bytes and repaired {verified.DifferentBytes} that differed on a replica: suspect its disk");
                break;
            case NotDrained not:
                _events.Noted(side.Id, ControlNote.Operator, $"the handover was not done, for what had been begun did not end in time ({not.What})");
                break;
            case PeerLate late:
                _events.Noted(side.Id, ControlNote.InSync, $"{late.Node} does not answer: it is to be left out");
                break;
            case PeerBroken broken:
                _events.Noted(side.Id, ControlNote.InSync, $"{broken.Node} came back in another power session: it is left out and resynced");
                break;
            default:
                break;
        }

        side.Control?.OnEngine(happened);
    }

    internal void OnReplicaOpened(VolumeSide side, bool remembersNothing)
    {
        if (!_volumes.ContainsValue(side))
        {
            return;
        }

        if (remembersNothing)
        {
            // It begins with the value that the volume began with; the register knows more.
            _proposer.Know(side.Catalog.KeyOf(side.First), side.First);
        }

        if (side.Control?.Known is { } known)
        {
            // What was decided while it was not open: there may be nodes that it does not know.
            side.Volume?.Know(known);
        }
    }

    internal void OnReplicaUnavailable(VolumeSide side, StoreFault fault, string reason) => _events.Noted(side.Id, ControlNote.Replica, $"this node's replica can't be opened ({fault}): {reason}");

    /// <summary>
    /// A primary that is cut off can't know whether another node serves by now; its requests wait, and their initiators, who can't know it either, would wait until their own patience is
    /// over. If there is a node that may have taken over, they are sent to look for it; once, for where there is none they come back and wait here.
    /// </summary>
    private void LetGo(VolumeSide side)
    {
        if (side.HasLetGo || !_volumes.ContainsValue(side) || side.Control is not { Role: not (VolumeRole.Secondary or VolumeRole.Leasing) } control || _leases.Holds(control.Key)
            || control.Known is not { } known || !known.InSync.Any(member => member.Node != _options.Node))
        {
            return;
        }

        side.HasLetGo = true;
        _events.Noted(side.Id, ControlNote.Lease, "initiators are let go: their requests wait here, and another node that is in sync may serve them by now");
        _events.LetGo(side.Id);
    }

    internal void Note(VolumeSide side, ControlNote note, string sentence) => _events.Noted(side.Id, note, sentence);

    private sealed class LetGoTimer(ControlSide owner, VolumeSide side) : CoreTimer
    {
        public override void OnFired() => owner.LetGo(side);
    }

    private sealed class VolumeFounding(Action<string?> told) : IFoundingClient
    {
        public void OnEnded(RegisterKey key, FoundingOutcome outcome) => told(outcome.End switch
        {
            FoundingEnd.Begun => null,
            FoundingEnd.TimedOut => "not every node that is to vote has answered: nothing was made. All of them must be up while a volume begins",
            FoundingEnd.Leased => $"voter {outcome.Voter?.Node} has restarted just now and is not to be asked yet: try again in a few seconds",
            FoundingEnd.Unknown => $"voter {outcome.Voter?.Node} has another journal than it had: try again in a few seconds",
            _ => $"voter {outcome.Voter?.Node} holds another beginning of the same volume ({outcome.End})",
        });
    }
}
