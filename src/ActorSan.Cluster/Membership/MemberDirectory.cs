using ActorSan.Cluster.Control;
using Akka.Actor;

namespace ActorSan.Cluster.Membership;

/// <summary>
/// Which member has which name. Of several that say the same name the oldest has it until it is gone. Not for several threads.
/// </summary>
/// <param name="age">Negative: the first has been a member for longer. May change with time.</param>
/// <param name="complain">Told of a name that is said twice.</param>
public sealed class MemberDirectory(AddressBook book, IMembershipListener listener, Comparison<MemberFacts> age, Action<string> complain)
{
    // A group has tens of members at most.
    private readonly List<MemberFacts> _members = [];
    private readonly Dictionary<string, MemberFacts> _holders = new(StringComparer.Ordinal);

    /// <summary>All members with the name that each says, also those that do not hold it.</summary>
    public IReadOnlyList<MemberFacts> Members => _members;

    /// <summary>The member that holds the name; null: none.</summary>
    public MemberFacts? Find(string node) => _holders.GetValueOrDefault(node);

    /// <summary>A member is new, or its status is another.</summary>
    public void Put(MemberFacts facts)
    {
        int at = IndexOf(facts.Address, facts.Uid);
        if (at >= 0)
        {
            facts = facts with { Since = _members[at].Since, IsUnreachable = _members[at].IsUnreachable };
            _members[at] = facts;
        }
        else
        {
            _members.Add(facts);
            if (_members.Find(member => member.Node == facts.Node && !IsSame(member, facts)) is { } other)
            {
                complain($"Two nodes say that they are {facts.Node}: {other.Address} and {facts.Address}. Only the older one is spoken with until it is gone. "
                    + "Give each node a name of its own (actorsan.node.name), or stop the one that should not run.");
            }
        }

        Decide(facts.Node, downed: false, changed: facts);
    }

    /// <summary>A failure detector lost or found a member.</summary>
    public void SetUnreachable(Address address, int uid, bool unreachable)
    {
        int at = IndexOf(address, uid);
        if (at < 0 || _members[at].IsUnreachable == unreachable)
        {
            return;
        }

        MemberFacts facts = _members[at] with { IsUnreachable = unreachable };
        _members[at] = facts;
        if (Find(facts.Node) is { } holder && IsSame(holder, facts))
        {
            _holders[facts.Node] = facts;
            listener.OnUnreachable(facts.Node, unreachable);
        }
    }

    /// <summary>A member is gone.</summary>
    public void Remove(Address address, int uid, bool downed)
    {
        int at = IndexOf(address, uid);
        if (at >= 0)
        {
            MemberFacts gone = _members[at];
            _members.RemoveAt(at);
            Decide(gone.Node, downed, changed: null);
        }
    }

    private static bool IsSame(MemberFacts left, MemberFacts right) => left.Uid == right.Uid && left.Address == right.Address;

    // Who holds the name from now on. The listener hears of the one before that it is gone, before it hears of the next.
    private void Decide(string node, bool downed, MemberFacts? changed)
    {
        MemberFacts? before = Find(node);
        MemberFacts? after = null;
        foreach (MemberFacts member in _members.Where(member => member.Node == node))
        {
            after = after is null || age(member, after) < 0 ? member : after;
        }

        bool replaced = before is not null && (after is null || !IsSame(before, after));
        if (replaced)
        {
            // Where it was stays known: it may vote again before the group has let it in.
            _ = _holders.Remove(node);
            listener.OnRemoved(node, downed);
        }

        if (after is not null && (before is null || replaced || (changed is not null && IsSame(after, changed))))
        {
            _holders[node] = after;
            book.Put(node, after.Address);
            listener.OnMember(after);
        }
    }

    private int IndexOf(Address address, int uid) => _members.FindIndex(member => member.Uid == uid && member.Address == address);
}
