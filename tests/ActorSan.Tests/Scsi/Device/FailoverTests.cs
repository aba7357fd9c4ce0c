using ActorSan.Scsi;
using ActorSan.Scsi.Reservations;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Harness;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Scsi.Device;

/// <summary>Persistent reservations when the volume goes to another node (replication.md W12): a failover is no loss of power, and what was answered is in force.</summary>
public sealed class FailoverTests
{
    private const string Conflict = "ReservationConflict";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_promoted_unit_knows_every_registration_before_it_serves(bool persist)
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas, keepsRegistrations: false);
        LunNexus holder = nodes.Attach(nodes.Atlas, 1);
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Register, 0, 7, persist: persist));
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Reserve, 7, type: ReservationType.WriteExclusive));
        LunNexus foreign = nodes.Attach(nodes.Zeus, 2);
        nodes.Serve(nodes.Zeus);
        foreign.State!.Attentions.Clear();
        Assert.Equal(Conflict, nodes.Write(foreign));
        Assert.Equal("good", nodes.Read(foreign));

        // The holder's nexus by the other port is another one, and not registered.
        LunNexus samePort = nodes.Attach(nodes.Zeus, 1);
        Assert.Equal(Conflict, nodes.Write(samePort));

        // Key 7 by port 1, holder, with generation 1, as it was.
        TestTask full = nodes.Send(foreign, Bytes.Hex("5E030000000000040000"));
        Assert.Equal("00000001", full.Hex[..8]);
        Assert.Equal("0000000000000007", full.Hex[16..32]);
        Assert.Equal("0101", full.Hex[40..44]);
        Assert.Equal("0001", full.Hex[52..56]);

        // And back, where its session is.
        nodes.Serve(nodes.Atlas);
        holder.State!.Attentions.Clear();
        Assert.Equal("good", nodes.Write(holder));
    }

    /// <summary>I3: a node that is cut off and whose lease has lapsed serves for all that it knows, while another one does, and changes reservations.</summary>
    [Fact]
    public void A_unit_that_can_not_be_certain_to_serve_tells_nothing_of_reservations()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas, keepsRegistrations: false);
        LunNexus holder = nodes.Attach(nodes.Atlas, 1);
        LunNexus foreign = nodes.Attach(nodes.Atlas, 2);
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Register, 0, 7));
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Reserve, 7, type: ReservationType.WriteExclusive));
        nodes.Atlas.Volume.MayTell = false;
        Assert.Equal("2/040a", nodes.Write(foreign));
        Assert.Equal("2/040a", nodes.RunHex(foreign, "000000000000"));
        Assert.Equal("2/040a", nodes.RunHex(foreign, "5E000000000000040000"));
        Assert.Equal("2/040a", nodes.RunHex(foreign, "160000000000"));
        Assert.Equal("2/040a", nodes.Reserve(foreign, ReservationAction.Preempt, 9, 7, ReservationType.WriteExclusive));

        // What changes nothing is answered from what is known, too.
        Assert.Equal("2/040a", nodes.Reserve(foreign, ReservationAction.Register, 0, 0));
        nodes.Atlas.Volume.MayTell = true;
        Assert.Equal("good", nodes.RunHex(foreign, "000000000000"));
        Assert.Equal(Conflict, nodes.Write(foreign));
        Assert.Equal("good", nodes.Reserve(foreign, ReservationAction.Register, 0, 0));
    }

    [Fact]
    public void A_registration_for_all_ports_covers_those_of_other_nodes()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas, keepsRegistrations: false);
        LunNexus holder = nodes.Attach(nodes.Atlas, 1);
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Register, 0, 7, allPorts: true));
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Reserve, 7, type: ReservationType.WriteExclusiveRegistrantsOnly));
        nodes.Serve(nodes.Zeus);
        Assert.Equal("good", nodes.Write(nodes.Attach(nodes.Zeus, 1)));
        Assert.Equal(Conflict, nodes.Write(nodes.Attach(nodes.Zeus, 2)));
    }

    [Theory]
    [InlineData(false, "0000000000000000")]
    [InlineData(true, "00000000000000080000000000000007")]
    public void After_a_full_stop_only_what_persists_is_left_on_every_node(bool persist, string keys)
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas, keepsRegistrations: false);
        LunNexus holder = nodes.Attach(nodes.Atlas, 1);
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Register, 0, 7, persist: persist));
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Reserve, 7, type: ReservationType.WriteExclusive));
        nodes.Serve(nodes.Zeus, keepsRegistrations: false);
        LunNexus foreign = nodes.Attach(nodes.Zeus, 2);
        Assert.Equal(persist ? Conflict : "good", nodes.Write(foreign));
        Assert.Equal(keys, nodes.Send(foreign, Bytes.Hex("5E000000000000040000")).Hex);

        // The next failover finds the same, PRgeneration included.
        nodes.Serve(nodes.Atlas);
        holder.State!.Attentions.Clear();
        Assert.Equal(keys, nodes.Send(holder, Bytes.Hex("5E000000000000040000")).Hex);
    }

    [Fact]
    public void Nothing_is_admitted_until_it_is_durable_what_a_full_stop_took_away()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas, keepsRegistrations: false);
        LunNexus holder = nodes.Attach(nodes.Atlas, 1);
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Register, 0, 7));
        nodes.Zeus.Volume.Holds = true;
        nodes.Serve(nodes.Zeus, keepsRegistrations: false);
        LunNexus foreign = nodes.Attach(nodes.Zeus, 2);
        TestTask keys = nodes.Send(foreign, Bytes.Hex("5E000000000000040000"));
        Assert.Equal("pending", keys.Outcome);

        // Deposed before it is: nothing was forgotten, and the next one is asked again.
        nodes.Zeus.Unit.Standby();
        Assert.Equal("2/040b", keys.Outcome);
        nodes.Zeus.Volume.EndHeld();
        nodes.Serve(nodes.Atlas);
        holder.State!.Attentions.Clear();
        Assert.Equal("00000001000000080000000000000007", nodes.Send(holder, Bytes.Hex("5E000000000000040000")).Hex);
    }

    [Fact]
    public void A_unit_that_is_told_to_serve_again_waits_for_the_end_of_what_it_had_begun_before()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas, keepsRegistrations: false);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.Holds = true;
        TestTask register = nodes.SendReserve(nexus, ReservationAction.Register, 0, 7);
        nodes.Atlas.Unit.Standby();
        nodes.Atlas.Unit.Activate(keepsRegistrations: true);
        nexus.State!.Attentions.Clear();
        TestTask keys = nodes.Send(nexus, Bytes.Hex("5E000000000000040000"));
        Assert.Equal(("pending", "pending"), (register.Outcome, keys.Outcome));
        nodes.Atlas.Volume.Holds = false;
        nodes.Atlas.Volume.Release();
        nodes.Settle();
        Assert.Equal("good", register.Outcome);
        Assert.Equal("00000001000000080000000000000007", keys.Hex);
    }

    [Fact]
    public void A_change_that_waits_for_older_commands_does_not_reach_into_the_next_reign()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas, keepsRegistrations: false);
        LunNexus a = nodes.Attach(nodes.Atlas, 1);
        LunNexus b = nodes.Attach(nodes.Atlas, 2);
        Assert.Equal("good", nodes.Reserve(a, ReservationAction.Register, 0, 7));
        nodes.Atlas.Volume.Holds = true;
        TestTask write = nodes.Send(b, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        TestTask reserve = nodes.SendReserve(a, ReservationAction.Reserve, 7, type: ReservationType.WriteExclusive);
        Assert.Equal(("pending", "pending"), (write.Outcome, reserve.Outcome));
        nodes.Atlas.Unit.Standby();
        nodes.Atlas.Unit.Activate(keepsRegistrations: true);
        nodes.Atlas.Volume.EndHeld();
        nodes.Atlas.Volume.Holds = false;
        nodes.Settle();
        Assert.Equal(("b/2f02", "2/040a"), (write.Outcome, reserve.Outcome));
        b.State!.Attentions.Clear();
        Assert.Equal("good", nodes.Write(b));
    }

    [Fact]
    public void Damaged_reservations_are_refused_and_nothing_waits_for_them()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas, keepsRegistrations: false);
        LunNexus holder = nodes.Attach(nodes.Atlas, 1);
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Register, 0, 7));
        nodes.Atlas.Volume.DamageAttribute(VolumeAttribute.Reservations);
        nodes.Serve(nodes.Zeus);
        LunNexus nexus = nodes.Attach(nodes.Zeus, 2);
        Assert.Equal("2/0403", nodes.Write(nexus));
        Assert.Equal("2/0403", nodes.Reserve(nexus, ReservationAction.Register, 0, 9));
        Assert.Equal("good", nodes.RunHex(nexus, "120000006000"));
    }

    /// <summary>
    /// The primary is killed somewhere in a history of PERSISTENT RESERVE OUT, perhaps with one of them under way, done or not done: what was answered is there, what was not
    /// may be, and nothing else.
    /// </summary>
    [Fact]
    public void Killed_between_two_changes_what_was_answered_is_in_force_and_what_was_not_may_be()
    {
        Gen.Select(s_command.Array[1, 20], Gen.Int[0, 2]).Sample(
            (history, last) =>
            {
                using var nodes = new TwoNodes();
                nodes.Serve(nodes.Atlas, keepsRegistrations: false);
                LunNexus[] nexuses = [nodes.Attach(nodes.Atlas, 1), nodes.Attach(nodes.Atlas, 2)];
                foreach (Command command in history[..^1])
                {
                    Do(nodes, nexuses, command);
                }

                // 0: nothing is under way. 1: the last one is, and not done. 2: it is done, and nobody was told.
                (nodes.Atlas.Volume.Holds, nodes.Atlas.Volume.HoldsAnswers) = (last == 1, last == 2);
                bool answered = Do(nodes, nexuses, history[^1]).Completions != 0;
                nodes.Atlas.Volume.Kill();

                ServingNode next = nodes.Zeus;
                next.Unit.Activate(keepsRegistrations: true);
                nodes.Settle();
                string found = StateOf(nodes, nodes.Attach(next, 3));
                Assert.Equal(StateAfter(last == 1 && !answered ? history[..^1] : history), found);
                next.Unit.Standby();
                next.Unit.Activate(keepsRegistrations: true);
                nodes.Settle();
                Assert.Equal(found, StateOf(nodes, nodes.Attach(next, 4)));
                nodes.Abandon();
            },
            iter: 300);
    }

    private static readonly ReservationAction[] s_actions =
    [
        ReservationAction.RegisterAndIgnoreExistingKey, ReservationAction.Reserve, ReservationAction.Release, ReservationAction.Clear, ReservationAction.Preempt,
    ];

    private static readonly Gen<Command> s_command = Gen.Select(
        Gen.Int[0, 1],
        Gen.Int[0, s_actions.Length - 1].Select(i => s_actions[i]),
        Gen.ULong[1, 3],
        Gen.Bool,
        (from, action, key, persist) => new Command(from, action, key, persist));

    private static TestTask Do(TwoNodes nodes, LunNexus[] nexuses, Command command)
    {
        LunNexus nexus = nexuses[command.From];
        nexus.State!.Attentions.Clear();
        var identity = ReservationNexus.Of(nexus.Nexus);
        ReservationState state = ((BlockDevice)nexus.Unit).Reservations.State;
        int own = state.IndexOf(identity);
        ulong key = own < 0 ? 0 : state.Registrations[own].Key;
        return nodes.SendReserve(nexus, command.Action, key, command.Key, ReservationType.WriteExclusiveRegistrantsOnly, command.Persist);
    }

    private static string StateAfter(Command[] history)
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas, keepsRegistrations: false);
        LunNexus[] nexuses = [nodes.Attach(nodes.Atlas, 1), nodes.Attach(nodes.Atlas, 2)];
        foreach (Command command in history)
        {
            Assert.Equal(1, Do(nodes, nexuses, command).Completions);
        }

        return StateOf(nodes, nexuses[0]);
    }

    // All that PERSISTENT RESERVE IN tells: keys with holders and ports, generation, and whether it persists.
    private static string StateOf(TwoNodes nodes, LunNexus nexus)
    {
        nexus.State!.Attentions.Clear();
        TestTask full = nodes.Send(nexus, Bytes.Hex("5E030000000000100000"));
        TestTask capabilities = nodes.Send(nexus, Bytes.Hex("5E020000000000100000"));
        Assert.Equal(("good", "good"), (full.Outcome, capabilities.Outcome));
        return full.Hex + " " + capabilities.Hex;
    }

    private sealed record Command(int From, ReservationAction Action, ulong Key, bool Persist);
}
