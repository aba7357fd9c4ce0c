using ActorSan.Cluster.Membership;
using ActorSan.Tests.Node;
using Akka.Actor;
using Akka.Event;
using Xunit;

namespace ActorSan.Tests.Cluster.Membership;

public sealed class AddressFileTests : IDisposable
{
    private static readonly Address Atlas = Address.Parse("akka.ssl.tcp://actorsan-1@10.0.0.1:7310");
    private static readonly Address Zeus = Address.Parse("akka.ssl.tcp://actorsan-1@10.0.0.2:7310");
    private readonly TemporaryDirectory _directory = new();

    private string File => Path.Combine(_directory.Path, AddressFile.FileName);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void WhatWasWrittenIsReadByTheNextProcess()
    {
        new AddressFile(File, NoLogger.Instance).Write([new("zeus", Zeus), new("atlas", Atlas)]);
        Assert.True(SpinWait.SpinUntil(() => System.IO.File.Exists(File), TimeSpan.FromSeconds(30)));
        Assert.Equal([new("atlas", Atlas), new("zeus", Zeus)], new AddressFile(File, NoLogger.Instance).Read(Atlas));
    }

    [Fact]
    public void NoFileIsNoAddress() => Assert.Empty(new AddressFile(File, NoLogger.Instance).Read(Atlas));

    [Theory]
    [InlineData("")]
    [InlineData("\0\0\0\0")]
    [InlineData("zeus\nzeus \nzeus 10.0.0.2:7310\nzeus a b c")]
    [InlineData("zeus akka.tcp://actorsan-1@10.0.0.2:7310")]
    [InlineData("zeus akka.ssl.tcp://actorsan-2@10.0.0.2:7310")]
    public void LinesThatAreNoneAndAddressesOfAnotherTimeAreLeftOut(string text)
    {
        System.IO.File.WriteAllText(File, text + $"\natlas {Atlas}\n");
        Assert.Equal([new("atlas", Atlas)], new AddressFile(File, NoLogger.Instance).Read(Atlas));
    }
}
