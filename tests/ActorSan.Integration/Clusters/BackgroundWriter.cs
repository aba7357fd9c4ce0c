namespace ActorSan.Integration.Clusters;

/// <summary>Writes a part of a unit over and over, each time as the next generation, one command at a time; knows what must be there in the end.</summary>
internal sealed class BackgroundWriter : IDisposable
{
    private const int BlocksAtOnce = 64;
    private readonly CancellationTokenSource _end = new();
    private readonly PathsInitiator _initiator;
    private readonly int[] _generations;
    private readonly Task _writing;
    private volatile int _written;

    /// <param name="blocks">From block 0, a multiple of 64.</param>
    internal BackgroundWriter(PathsInitiator initiator, int blocks)
    {
        _initiator = initiator;
        _generations = new int[blocks / BlocksAtOnce];
        _writing = Task.Run(Write);
    }

    /// <summary>Returns when some more were acknowledged than until now. A write that no path did, ever, fails here.</summary>
    internal async Task Advance()
    {
        int from = _written;
        while (_written < from + 10)
        {
            if (_writing.IsCompleted)
            {
                await _writing;
                throw new InvalidOperationException("the writer has ended");
            }

            await Task.Delay(5);
        }
    }

    internal Task End()
    {
        _end.Cancel();
        return _writing;
    }

    /// <summary>After the end: whether every part is what was acknowledged last.</summary>
    internal bool Verify() => Enumerable.Range(0, _generations.Length).All(part => _generations[part] == 0 || _initiator.Has(part * BlocksAtOnce, BlocksAtOnce, _generations[part]));

    public void Dispose()
    {
        _end.Cancel();
        _end.Dispose();
    }

    private void Write()
    {
        CancellationToken end = _end.Token;
        for (int i = 0; !end.IsCancellationRequested; i++)
        {
            int part = i * 7 % _generations.Length;
            _initiator.Write(part * BlocksAtOnce, BlocksAtOnce, i + 1);
            _generations[part] = i + 1;
            _written++;
        }
    }
}
