using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>Whose requests a <see cref="SyncQueue"/> holds.</summary>
internal interface ISyncUser
{
    /// <summary>
    /// Whether to flush now for the requests that wait, or to let more join first. When it says no, the user asks for another look (<see cref="SyncQueue.Reconsider"/>) once
    /// anything changes that might make it yes.
    /// </summary>
    bool IsWorthASync(int waiting);

    /// <summary>An fdatasync has ended; those that it covered are told next.</summary>
    void OnSyncEnding();

    /// <param name="request">It is out of the queue.</param>
    /// <param name="errno">0 when what it wrote is on the medium.</param>
    void OnSynced(StoreRequest request, int errno);
}

/// <summary>
/// Group commit: requests that need an fdatasync wait together; one is in flight at a time and covers all that had joined when it was issued, at the end of a pass; those
/// that join meanwhile share the next. One that failed is never repeated: after it the kernel has forgotten what it could not write, and a second one would succeed
/// without it. Home thread only.
/// </summary>
internal sealed class SyncQueue : PassHook
{
    private const int MaxRetries = 100;

    private readonly IoThread _home;
    private readonly IoFile _file;
    private readonly ISyncUser _user;
    private readonly SyncOperation _operation;
    private StoreRequest? _waitingFirst;
    private StoreRequest? _waitingLast;
    private int _waitingCount;
    private StoreRequest? _covered;
    private int _retries;

    internal SyncQueue(IoThread home, IoFile file, ISyncUser user)
    {
        _home = home;
        _file = file;
        _user = user;
        _operation = new SyncOperation(this);
    }

    /// <summary>The errno of the first failure; 0 while there was none.</summary>
    internal int Failure { get; private set; }

    /// <summary>How many fdatasyncs were issued.</summary>
    internal long Issued { get; private set; }

    internal void Join(StoreRequest request)
    {
        request.NextQueued = null;
        if (_waitingLast is null)
        {
            _waitingFirst = request;
        }
        else
        {
            _waitingLast.NextQueued = request;
        }

        _waitingLast = request;
        _waitingCount++;
        Reconsider();
    }

    /// <summary>Whether to flush is asked again at the end of the pass.</summary>
    internal void Reconsider()
    {
        if (_covered is null && _waitingFirst is not null)
        {
            _home.AtEndOfPass(this);
        }
    }

    /// <summary>A write that was to be durable failed: its error may have been the flush's, which is told once only.</summary>
    internal void Fail(int errno) => Failure = Failure == 0 ? errno : Failure;

    protected internal override void OnEndOfPass()
    {
        if (_covered is not null || _waitingFirst is null)
        {
            return;
        }

        if (Failure != 0)
        {
            End(TakeWaiting(), Failure);
            return;
        }

        if (!_user.IsWorthASync(_waitingCount))
        {
            return;
        }

        _covered = TakeWaiting();
        Issue();
    }

    private void Issue()
    {
        Issued++;
        _home.Sync(_file, _operation);
    }

    private void OnIssuedEnded(int result)
    {
        // Interrupted is not failed: nothing was told to be lost.
        if (result is -Errno.EINTR or -Errno.EAGAIN && ++_retries <= MaxRetries)
        {
            Issue();
            return;
        }

        _retries = 0;
        int errno = result < 0 ? -result : 0;
        if (errno is not (0 or Errno.ECANCELED or Errno.EINTR))
        {
            Fail(errno);
        }

        StoreRequest? covered = _covered;
        _covered = null;
        _user.OnSyncEnding();
        End(covered, Failure != 0 ? Failure : errno);
        Reconsider();
    }

    private StoreRequest? TakeWaiting()
    {
        StoreRequest? first = _waitingFirst;
        _waitingFirst = null;
        _waitingLast = null;
        _waitingCount = 0;
        return first;
    }

    private void End(StoreRequest? request, int errno)
    {
        while (request is not null)
        {
            StoreRequest? next = request.NextQueued;
            request.NextQueued = null;
            _user.OnSynced(request, errno);
            request = next;
        }
    }

    private sealed class SyncOperation(SyncQueue queue) : IoOperation
    {
        protected internal override void OnCompleted(int result) => queue.OnIssuedEnded(result);
    }
}
