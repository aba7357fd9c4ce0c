using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Net;

/// <summary>Two nodes and the connection between them, if there is one.</summary>
internal sealed class SimPair
{
    private readonly SimLinkEnd?[] _ends = new SimLinkEnd?[2];
    private readonly SimNode[] _nodes;
    private bool _connecting;
    private bool _whole;

    // The machine has no power: nobody answers for a process that is gone.
    private readonly bool[] _isDark = new bool[2];

    public SimPair(SimDataNet net, SimNode a, SimNode b)
    {
        Net = net;
        _nodes = [a, b];
        Ways = [new Way(this, 0), new Way(this, 1)];
    }

    public SimDataNet Net { get; }

    /// <summary>Way i leads to end i.</summary>
    public Way[] Ways { get; }

    /// <summary>Of the latest connection.</summary>
    public long Connection { get; private set; }

    /// <summary>The latest connection carries what is sent.</summary>
    public bool IsWhole => _whole;

    public SimLinkEnd? End(int place) => _ends[place];

    public int PlaceOf(SimNode node) => node == _nodes[0] ? 0 : 1;

    public bool IsCutTo(int place) => Net.IsCut(_nodes[1 - place].Index, _nodes[place].Index);

    public void Add(SimLinkEnd end)
    {
        // A new process where the other end still believes in an old one: the first packet is answered with a reset.
        Break("restarted");
        _ends[end.Place] = end;
        _isDark[end.Place] = false;
        TryLater();
        AskLater(end.Place);
    }

    public void OnGone(SimLinkEnd end, bool power)
    {
        _ends[end.Place] = null;
        _isDark[end.Place] = power;
        if (!_whole)
        {
            TryLater();
            return;
        }

        if (!power)
        {
            Break("process gone");
            return;
        }

        long connection = Connection;
        Net.World.After(Net.Random.Range(Net.Options.TimeoutNs / 2, Net.Options.TimeoutNs), () => BreakIf(connection, "silent"));
    }

    public void OnCut()
    {
        long connection = Connection;
        if (!_whole)
        {
            for (int place = 0; place < 2; place++)
            {
                if (IsCutTo(place))
                {
                    Ways[place].LoseFrames(0);
                    Ways[place].Resume();
                }
            }

            return;
        }

        Net.World.After(Net.Random.Range(Net.Options.TimeoutNs / 2, Net.Options.TimeoutNs), () =>
        {
            if (IsCutTo(0) || IsCutTo(1))
            {
                BreakIf(connection, "timeout");
            }
        });
    }

    public void OnMended()
    {
        Ways[0].Resume();
        Ways[1].Resume();
        TryLater();
    }

    public void Break(string why)
    {
        if (!_whole)
        {
            return;
        }

        _whole = false;
        if (Net.World.Tracing)
        {
            Net.World.Trace(_nodes[0].Name, "link", $"connection {Connection} with {_nodes[1].Name} breaks: {why}");
        }

        for (int place = 0; place < 2; place++)
        {
            Way way = Ways[place];
            way.LoseFrames(IsCutTo(place) ? 0 : Net.Random.Next(way.Frames + 1));
            way.ReturnParkedHolds();
            if (_ends[place] is not null)
            {
                way.Mark(TransitKind.Down, Net.Random.Skewed(0, 50_000_000));
            }
        }

        TryLater();
    }

    /// <summary>An end was told that the connection is down, or came, or went: perhaps the next one can be made.</summary>
    public void TryLater()
    {
        if (_connecting || _whole || _ends[0] is null || _ends[1] is null)
        {
            return;
        }

        _connecting = true;
        Net.World.After(Net.Random.Skewed(Net.Options.ConnectLowNs, Net.Options.ConnectHighNs), Connect);
    }

    /// <summary>An end without a connection asks the other's host whether a process listens there, as a real link's does; a host that has power and is not cut off says no at once.</summary>
    public void AskLater(int place)
    {
        if (!Net.SaysGone)
        {
            return;
        }

        SimLinkEnd? end = _ends[place];
        Net.World.After(Net.GoneChance.Skewed(50_000, 20_000_000), () =>
        {
            if (end is not null && _ends[place] == end && !_whole && _ends[1 - place] is null && !_isDark[1 - place] && !IsCutTo(0) && !IsCutTo(1))
            {
                Ways[place].Mark(TransitKind.Gone, Net.Options.LowNs);
            }
        });
    }

    public void CheckNothingIsKept()
    {
        _ends[0]?.CheckNothingIsKept();
        _ends[1]?.CheckNothingIsKept();
    }

    private void BreakIf(long connection, string why)
    {
        if (Connection == connection)
        {
            Break(why);
        }
    }

    private void Connect()
    {
        _connecting = false;
        bool possible = !_whole && _ends[0] is { Told: false } && _ends[1] is { Told: false } && !IsCutTo(0) && !IsCutTo(1);
        if (!possible)
        {
            return;
        }

        Connection++;
        _whole = true;
        for (int place = 0; place < 2; place++)
        {
            // What a dead process's marks or frames left in the way is of no connection any more.
            Ways[place].Clear();
            _ends[place]!.Told = true;
            Ways[place].Mark(TransitKind.Up, Net.Random.Skewed(10_000, 2_000_000));
        }
    }
}
