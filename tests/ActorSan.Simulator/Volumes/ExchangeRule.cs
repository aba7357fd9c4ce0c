using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Disk;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// When a disk may be exchanged without asking for the impossible: one node's disks only in a run, while another in-sync member is there that has run long enough for the marks
/// that it has heard to be durable (W2: within a second). An image that is put back shows by its mark that it is old (A2): the other one
/// has heard a higher one, or must have, since a write was answered under it.
/// </summary>
internal sealed class ExchangeRule(SimWorld world, VolumeSetup setup)
{
    private const long SettledNs = 1_500_000_000;

    private int _node = -1;
    private int _journalsLost;
    private Guid _gone;

    /// <summary>
    /// False while a member's bytes are gone with its disk and the configuration still names it: a power session that ends then at another one leaves no member that is known to
    /// be whole. Nobody may serve until an operator says what is to be lost (P9, P11), which no plan of faults does.
    /// </summary>
    public bool MayEndSession()
    {
        var latest = (Configuration?)setup.Facts.Latest(setup.Key.Name);
        return _gone == Guid.Empty || latest?.InSync.Any(member => member.Incarnation == _gone) != true;
    }

    public bool May(PlanFault fault, SimDiskContent? image)
    {
        if (fault.Kind == FaultKind.JournalPutBack)
        {
            return true;
        }

        if (fault.Kind == FaultKind.JournalLost)
        {
            return MayLoseJournal(world.Nodes[fault.Node]);
        }

        if (_node >= 0 && _node != fault.Node)
        {
            return false;
        }

        var latest = (Configuration?)setup.Facts.Latest(setup.Key.Name);
        bool other = false;
        foreach (SimNode node in world.Nodes)
        {
            bool sound = node.Index != fault.Node && node.Process?.Program is VolumeProgram { Engine.Replica: { IsFailed: false } replica } program
                && latest?.MemberOf(node.Name) == replica.Self && world.Now - program.BornNs >= SettledNs
                && (fault.Kind != FaultKind.DiskPutBack || (image is not null && Math.Max(replica.Marks.Of(image.Incarnation), setup.AnsweredMarks.GetValueOrDefault(image.Incarnation)) > MarkOf(image)));
            other |= sound;
        }

        if (other)
        {
            _node = fault.Node;
            _gone = fault.Kind == FaultKind.DiskReplaced ? latest?.MemberOf(world.Nodes[fault.Node].Name)?.Incarnation ?? _gone : _gone;
        }

        return other;
    }

    // A minority of the first voters may lose their journals in a run: a restarted node begins with asking those. One after the other, each replaced before the next, and none
    // between the moment in which a change of voters asked whether they are there and its decision.
    private bool MayLoseJournal(SimNode node)
    {
        var latest = (Configuration?)setup.Facts.Latest(setup.Key.Name);
        bool isSettled = latest is { OldVoters.Count: 0 } && latest.Voters.All(voter => world.Nodes.First(other => other.Name == voter.Node).Journal!.Incarnation == voter.Incarnation);
        bool isChanging = world.Nodes.Any(other => other.Process?.Program is VolumeProgram { Control.IsChanging: true });
        bool isLast = latest?.IsVoter(node.Name) == true && latest.Voters.Count < 3;
        if (!isSettled || isChanging || isLast || _journalsLost >= (setup.First.Voters.Count - 1) / 2)
        {
            return false;
        }

        _journalsLost++;
        return true;
    }

    private static long MarkOf(SimDiskContent image)
    {
        ReadOnlySpan<byte> page = image.Pages[SimDiskContent.PageIndex(image.Options, ReplicaPageKind.WriteIntent, 0, 0)].Content;
        Span<HeardMark> heard = stackalloc HeardMark[WriteIntentPage.MaxHeard];
        return WriteIntentPage.TryRead(page, 0, heard, out WriteIntentHeader header, out _, out _) ? header.Mark : 0;
    }
}
