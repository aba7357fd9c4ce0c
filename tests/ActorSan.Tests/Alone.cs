using Xunit;

namespace ActorSan.Tests;

/// <summary>Tests of whole threads, sockets and databases with patience in them: one after the other, when the others are done, so that none waits for a processor.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
