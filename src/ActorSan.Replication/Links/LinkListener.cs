using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links;

/// <summary>Takes the connections that come in on one address.</summary>
internal sealed class LinkListener : IoOperation
{
    private readonly NodeLinks _links;
    private readonly RetryTimer _retry;
    private IoSocket? _socket;

    public LinkListener(NodeLinks links, int fd)
    {
        _links = links;
        _retry = new RetryTimer(this);
        _socket = links.Thread.AdoptSocket(fd);
        links.Thread.Accept(_socket, this);
    }

    public void Stop()
    {
        _links.Thread.StopTimer(_retry);
        if (_socket is { } socket)
        {
            _socket = null;
            _links.Thread.CloseSocket(socket);
        }
    }

    protected override void OnCompleted(int result)
    {
        if (result >= 0)
        {
            _links.Accepted(result);
        }

        if (_socket is null)
        {
            return;
        }

        if (result >= 0 || result is -Errno.EINTR or -Errno.EAGAIN or -ConnectionAborted)
        {
            _links.Thread.Accept(_socket, this);
        }
        else
        {
            // No descriptors or memory: others may give some back.
            _links.Events.NoLink(null, "", LinkEnd.NotReached, HandshakeFault.None, $"accepting a connection failed: {Errno.Describe(-result)}");
            _links.Thread.StartTimer(_retry, TimeSpan.FromMilliseconds(100));
        }
    }

    private const int ConnectionAborted = 103;

    private sealed class RetryTimer(LinkListener listener) : IoTimer
    {
        protected override void OnFired()
        {
            if (listener._socket is { } socket)
            {
                listener._links.Thread.Accept(socket, listener);
            }
        }
    }
}
