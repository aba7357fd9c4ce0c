using ActorSan.Iscsi.Pdus;
using ActorSan.Iscsi.Sessions;
using Xunit;

namespace ActorSan.Tests.Iscsi.Sessions;

public sealed class CommandWindowTests
{
    [Theory]
    [InlineData(0u)]
    [InlineData(0xFFFF_FFFEu)] // over the end of the circle
    public void Early_commands_go_when_the_gap_is_filled(uint first)
    {
        var window = new CommandWindow(8, new SerialNumber32(first));
        var order = new List<int>();
        for (int ahead = 3; ahead >= 1; ahead--)
        {
            SerialNumber32 number = new SerialNumber32(first).Plus(ahead);
            Assert.Equal(CommandArrival.Early, window.Classify(number));
            window.Hold(number, new Held(order, ahead));
            Assert.Equal(CommandArrival.Outside, window.Classify(number));
        }

        window.Take(countsInFlight: false);
        window.ReleaseHeld();
        Assert.Equal([1, 2, 3], order);
        Assert.Equal(new SerialNumber32(first).Plus(4), window.Expected);
    }

    [Fact]
    public void Commands_in_flight_shrink_the_window_and_its_end_never_moves_back()
    {
        var window = new CommandWindow(4, new SerialNumber32(10));
        SerialNumber32 end = window.Maximum;
        Assert.Equal(13u, end.Value);
        for (uint number = 10; number <= 13; number++)
        {
            Assert.Equal(CommandArrival.InOrder, window.Classify(new SerialNumber32(number)));
            window.Take(countsInFlight: true);
            Assert.Equal(end, window.Maximum);
        }

        Assert.Equal(CommandArrival.Outside, window.Classify(new SerialNumber32(14)));
        window.LeaveFlight();
        Assert.Equal(14u, window.Maximum.Value);
        Assert.Equal(CommandArrival.InOrder, window.Classify(new SerialNumber32(14)));
    }

    [Theory]
    [InlineData(9u)]
    [InlineData(14u)]
    [InlineData(10u + 0x8000_0000u)]
    public void What_lies_outside_is_ignored(uint number) =>
        Assert.Equal(CommandArrival.Outside, new CommandWindow(4, new SerialNumber32(10)).Classify(new SerialNumber32(number)));

    [Fact]
    public void A_number_may_be_used_up_by_a_command_that_never_comes()
    {
        var window = new CommandWindow(4, new SerialNumber32(0));
        var order = new List<int>();
        window.Hold(new SerialNumber32(1), new Held(order, 1));
        window.Hold(new SerialNumber32(0), null);
        window.ReleaseHeld();
        Assert.Equal([1], order);
        Assert.Equal(2u, window.Expected.Value);
    }

    [Fact]
    public void A_window_of_any_size_goes_over_the_end_of_the_circle()
    {
        SerialNumber32 first = new(0xFFFF_FFC0);
        var window = new CommandWindow(100, first);
        var order = new List<int>();
        for (int ahead = 99; ahead >= 1; ahead--)
        {
            Assert.Equal(CommandArrival.Early, window.Classify(first.Plus(ahead)));
            window.Hold(first.Plus(ahead), new Held(order, ahead));
        }

        window.Take(countsInFlight: false);
        window.ReleaseHeld();
        Assert.Equal(Enumerable.Range(1, 99), order);
    }

    [Fact]
    public void Serial_numbers_go_round()
    {
        var last = new SerialNumber32(uint.MaxValue);
        Assert.True(last < last.Next);
        Assert.Equal(0u, last.Next.Value);
        Assert.Equal(-1, last.DistanceFrom(last.Next));
        Assert.True(new SerialNumber32(5) > new SerialNumber32(0xFFFF_FFF0));
    }

    private sealed class Held(List<int> order, int name) : IHeldRequest
    {
        public void OnInOrder() => order.Add(name);
    }
}
