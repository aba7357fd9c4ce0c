using ActorSan.Scsi.Reservations;

namespace ActorSan.Tests.Scsi.Reservations;

/// <summary>
/// Persistent reservations once more, told the other way round: one mutable book of keys, and the sentences of SPC-4 §5.13 as they stand. It shares nothing with the
/// machine but the names of types and verdicts.
/// </summary>
internal sealed class ReservationOracle
{
    private readonly ushort[] _ports = [1, 2];

    internal Dictionary<ReservationNexus, ulong> Keys { get; } = [];

    internal ReservationType Type { get; private set; }

    internal uint Generation { get; private set; }

    internal bool Persist { get; private set; }

    internal HashSet<(ReservationNexus, ReservationAttention)> Told { get; } = [];

    /// <summary>Null when there is no reservation or all registrants hold it.</summary>
    internal ReservationNexus? Single { get; private set; }

    internal bool Holds(ReservationNexus nexus) => Type != 0 && Keys.ContainsKey(nexus) && ((int)Type >= 7 || Single == nexus);

    internal bool May(ReservationNexus nexus, bool write)
    {
        if (Type == 0 || Holds(nexus))
        {
            return true;
        }

        return ((int)Type >= 5 && Keys.ContainsKey(nexus)) || (!write && (int)Type is 1 or 5 or 7);
    }

    internal ReservationResult Send(
        ReservationNexus sender, ReservationAction action, ulong key, ulong actionKey, ReservationType type, bool allPorts, bool persist)
    {
        Told.Clear();
        bool known = Keys.TryGetValue(sender, out ulong mine);
        if (action == ReservationAction.RegisterAndIgnoreExistingKey || action == ReservationAction.Register)
        {
            return Register(sender, action, key, actionKey, allPorts, persist, mine);
        }

        if (!known || mine != key)
        {
            return ReservationResult.Conflict;
        }

        switch (action)
        {
            case ReservationAction.Reserve when Type == 0:
                Take(sender, type);
                return ReservationResult.Good;
            case ReservationAction.Reserve:
                return Holds(sender) && Type == type ? ReservationResult.Good : ReservationResult.Conflict;
            case ReservationAction.Release when !Holds(sender):
                return ReservationResult.Good;
            case ReservationAction.Release when Type != type:
                return ReservationResult.InvalidRelease;
            case ReservationAction.Release:
                Free(tellExcept: sender);
                return ReservationResult.Good;
            case ReservationAction.Clear:
                Tell(Keys.Keys, sender, ReservationAttention.ReservationsPreempted);
                Keys.Clear();
                (Type, Single) = (0, null);
                Generation++;
                return ReservationResult.Good;
            default:
                return Preempt(sender, actionKey, type);
        }
    }

    private ReservationResult Register(
        ReservationNexus sender, ReservationAction action, ulong key, ulong actionKey, bool allPorts, bool persist, ulong mine)
    {
        bool ignore = action == ReservationAction.RegisterAndIgnoreExistingKey;
        if (!ignore && key != mine)
        {
            return ReservationResult.Conflict;
        }

        if (actionKey == 0 && mine == 0)
        {
            return ReservationResult.Good;
        }

        foreach (ushort port in _ports)
        {
            ReservationNexus nexus = sender with { RelativePortId = port };
            ulong present = Keys.GetValueOrDefault(nexus);
            if (nexus != sender && (!allPorts || (present != mine && present != 0 && !(ignore && actionKey != 0))))
            {
                continue;
            }

            if (actionKey != 0)
            {
                Keys[nexus] = actionKey;
            }
            else
            {
                Keys.Remove(nexus);
            }
        }

        if (Single is { } holder && !Keys.ContainsKey(holder))
        {
            Free(tellExcept: sender);
        }
        else if (Keys.Count == 0)
        {
            (Type, Single) = (0, null);
        }

        Persist = persist;
        Generation++;
        return ReservationResult.Good;
    }

    private ReservationResult Preempt(ReservationNexus sender, ulong victim, ReservationType type)
    {
        bool all = (int)Type >= 7;
        if (victim == 0 && !all)
        {
            return ReservationResult.InvalidFieldInParameterList;
        }

        bool takes = (all && victim == 0) || (Single is { } holder && Keys[holder] == victim);
        List<ReservationNexus> gone = [.. Keys.Where(pair => (victim == 0 || pair.Value == victim) && !(takes && pair.Key == sender)).Select(pair => pair.Key)];
        if (gone.Count == 0 && !takes)
        {
            return ReservationResult.Conflict;
        }

        gone.ForEach(nexus => Keys.Remove(nexus));
        Tell(gone, sender, ReservationAttention.RegistrationsPreempted);
        if (takes)
        {
            if (Type != type)
            {
                Tell(Keys.Keys, sender, ReservationAttention.ReservationsReleased);
            }

            Take(sender, type);
        }
        else if (Keys.Count == 0)
        {
            (Type, Single) = (0, null);
        }

        Generation++;
        return ReservationResult.Good;
    }

    private void Take(ReservationNexus by, ReservationType type) => (Type, Single) = (type, (int)type >= 7 ? null : by);

    private void Free(ReservationNexus tellExcept)
    {
        if ((int)Type >= 5)
        {
            Tell(Keys.Keys, tellExcept, ReservationAttention.ReservationsReleased);
        }

        (Type, Single) = (0, null);
    }

    private void Tell(IEnumerable<ReservationNexus> whom, ReservationNexus except, ReservationAttention what)
    {
        foreach (ReservationNexus nexus in whom.Where(nexus => nexus != except))
        {
            Told.Add((nexus, what));
        }
    }
}
