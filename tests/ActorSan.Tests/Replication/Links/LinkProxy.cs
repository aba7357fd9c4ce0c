using System.Net;
using System.Net.Sockets;

namespace ActorSan.Tests.Replication.Links;

/// <summary>Stands between two nodes: records, flips a bit, cuts, or falls silent.</summary>
internal sealed class LinkProxy : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly IPEndPoint _target;
    private readonly Func<int, bool, (long At, byte Mask)> _flip;
    private readonly Lock _gate = new();
    private readonly List<Socket> _open = [];
    private volatile bool _disposed;
    private volatile bool _silent;

    /// <param name="flip">For each connection (from 0) and way (from the dialer or not): which byte of the stream has the bits of this mask changed; none: (−1, 0).</param>
    public LinkProxy(IPEndPoint target, Func<int, bool, (long At, byte Mask)>? flip = null)
    {
        _target = target;
        _flip = flip ?? (static (_, _) => (-1, 0));
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(16);
        Address = (IPEndPoint)_listener.LocalEndPoint!;
        _ = Run();
    }

    public IPEndPoint Address { get; }

    /// <summary>What the dialer of the last connection said; one before it may have been refused half-way.</summary>
    public MemoryStream Recorded { get; private set; } = new();

    public int Connections { get; private set; }

    /// <summary>Nothing goes through, and nothing ends.</summary>
    public void FallSilent() => _silent = true;

    public void Speak() => _silent = false;

    /// <summary>Ends what is open, with a reset.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            foreach (Socket socket in _open)
            {
                socket.LingerState = new LingerOption(true, 0);
                socket.Dispose();
            }

            _open.Clear();
        }
    }

    public void Dispose()
    {
        _disposed = true;
        _listener.Dispose();
        Cut();
    }

    private async Task Run()
    {
        try
        {
            while (!_disposed)
            {
                Socket near = await _listener.AcceptAsync();
                var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                near.NoDelay = true;
                await far.ConnectAsync(_target);
                lock (_gate)
                {
                    _open.Add(near);
                    _open.Add(far);
                }

                int number = Connections++;
                var said = new MemoryStream();
                Recorded = said;
                _ = Pump(near, far, number, said);
                _ = Pump(far, near, number, said: null);
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task Pump(Socket from, Socket to, int number, MemoryStream? said)
    {
        byte[] buffer = new byte[64 << 10];
        (long at, byte mask) = _flip(number, said is not null);
        long passed = 0;
        try
        {
            while (true)
            {
                int count = await from.ReceiveAsync(buffer);
                if (count == 0)
                {
                    break;
                }

                said?.Write(buffer, 0, count);

                if (at >= passed && at < passed + count)
                {
                    buffer[at - passed] ^= mask;
                }

                passed += count;
                if (_silent)
                {
                    continue;
                }

                for (int sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
                }
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
        }

        lock (_gate)
        {
            _open.Remove(from);
            _open.Remove(to);
        }

        from.Dispose();
        to.Dispose();
    }
}
