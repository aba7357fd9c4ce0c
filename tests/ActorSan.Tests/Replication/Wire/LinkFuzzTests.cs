using ActorSan.Fuzz.Engine;
using ActorSan.Fuzz.Targets;
using ActorSan.Tests.House;
using Xunit;

namespace ActorSan.Tests.Replication.Wire;

/// <summary>A first layer of what <c>ops/fuzz link</c> does for longer: what it has kept, and some thousand mutants that are the same in every run.</summary>
public sealed class LinkFuzzTests
{
    private readonly LinkTarget _target = new();
    private readonly Features _features = new();

    [Fact]
    public void WhatWasKeptIsReadWithoutHarm()
    {
        string[] kept = Directory.GetFiles(Repository.PathOf("tests/ActorSan.Fuzz/Corpus/link"));
        Assert.NotEmpty(kept);
        foreach (string file in kept)
        {
            Run(File.ReadAllBytes(file), Path.GetFileName(file));
        }
    }

    [Fact]
    public void MutantsAreReadWithoutHarm()
    {
        byte[][] seeds = [.. _target.Seeds()];
        var random = new Random(1);
        var mutator = new Mutator(random, _target.MaxInputBytes);
        for (int i = 0; i < 30_000; i++)
        {
            Run(mutator.Make(_target, seeds[random.Next(seeds.Length)], seeds[random.Next(seeds.Length)]), $"mutant {i}");
        }
    }

    private void Run(ReadOnlySpan<byte> input, string name)
    {
        try
        {
            _features.Clear();
            _target.Run(input, _features);
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"{name}: {Convert.ToHexString(input)}", failure);
        }
    }
}
