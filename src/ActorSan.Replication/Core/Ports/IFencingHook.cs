namespace ActorSan.Replication.Core.Ports;

/// <summary>P12: makes sure that another node does nothing any more.</summary>
public interface IFencingHook
{
    /// <summary>
    /// Returns at once; <paramref name="ended"/> follows once, at any time or never, on the caller's thread. True only if whatever ran on the node when this was called has been killed
    /// since (A3): a process that is started there afterwards is another one.
    /// </summary>
    void Fence(string node, Action<bool> ended);
}
