using System.Collections.Concurrent;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Settings;
using ActorSan.Tests.Node;
using Xunit;

namespace ActorSan.Tests.Cluster.Control;

/// <summary>P12, A3: only exit code 0 in time says that a node was killed.</summary>
public sealed class FencingCommandTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [Fact]
    public void ItIsRunWithoutAShellWithTheNodesNameInItsArguments()
    {
        using var directory = new TemporaryDirectory();
        string script = Script(directory, "printf '%s|' \"$#\" \"$@\"; echo; echo aside >&2");
        FencingOutcome outcome = Run([script, "{node}", "--host={node}.bmc", "a b; exit 1", "$HOME"], "zeus");
        Assert.True(outcome.Killed, outcome.Sentence);
        Assert.Contains("zeus has been killed", outcome.Sentence, StringComparison.Ordinal);
        Assert.Equal(["4|zeus|--host=zeus.bmc|a b; exit 1|$HOME|", "aside"], outcome.Output.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("exit 3", "exit code 3")]
    [InlineData("kill -9 $$", "exit code 137")]
    public void AnythingButZeroIsNotFenced(string body, string said)
    {
        using var directory = new TemporaryDirectory();
        FencingOutcome outcome = Run([Script(directory, body), "{node}"], "zeus");
        Assert.False(outcome.Killed);
        Assert.Contains(said, outcome.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsNotThereOrNoProgramFails()
    {
        using var directory = new TemporaryDirectory();
        foreach (string path in (string[])["/no/such/program", directory.Write("text", "not a program")])
        {
            FencingOutcome outcome = Run([path, "{node}"], "zeus");
            Assert.False(outcome.Killed);
            Assert.Contains("could not be started", outcome.Sentence, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void WhatTakesTooLongIsKilledWithItsChildrenAndHasFailed()
    {
        using var directory = new TemporaryDirectory();
        string pids = Path.Combine(directory.Path, "pids");
        string script = Script(directory, $"sleep 1000 & echo $$ $! > {pids}; wait; exit 0");
        FencingOutcome outcome = Run([script, "{node}"], "zeus", TimeSpan.FromSeconds(3));
        Assert.False(outcome.Killed);
        Assert.Contains("not ended within 3 s", outcome.Sentence, StringComparison.Ordinal);
        foreach (string pid in File.ReadAllText(pids).Split(' ', StringSplitOptions.TrimEntries))
        {
            // A killed one may be a zombie for a moment, until whoever adopted it has looked.
            Assert.True(SpinWait.SpinUntil(() => IsGone(pid), s_limit), $"process {pid} goes on");
        }
    }

    /// <summary>What it left behind holds its output open: the exit is what counts.</summary>
    [Fact]
    public void AChildThatIsLeftBehindIsNotWaitedFor()
    {
        using var directory = new TemporaryDirectory();
        string pid = Path.Combine(directory.Path, "pid");
        string script = Script(directory, $"sleep 1000 & echo $! > {pid}; exit 0");
        try
        {
            Assert.True(Run([script, "{node}"], "zeus", TimeSpan.FromSeconds(50)).Killed);
        }
        finally
        {
            System.Diagnostics.Process.GetProcessById(int.Parse(File.ReadAllText(pid), System.Globalization.CultureInfo.InvariantCulture)).Kill();
        }
    }

    /// <summary>A run promises nothing about what was started after it had begun: whoever asks meanwhile hears of the next one.</summary>
    [Fact]
    public void WhoAsksWhileItRunsWaitsForAnotherRun()
    {
        using var directory = new TemporaryDirectory();
        string count = Path.Combine(directory.Path, "count");
        string go = Path.Combine(directory.Path, "go");
        string script = Script(directory, $"echo $1 >> {count}; while [ ! -e {go} ]; do sleep 0.02; done");
        using var posts = new BlockingCollection<Action>();
        var command = new FencingCommand(new FencingSettings { Command = [script, "{node}"], Timeout = s_limit }, posts.Add);
        var told = new List<(int Who, int Runs)>();
        void Ask(int who) => command.Fence("zeus", outcome =>
        {
            Assert.True(outcome.Killed, outcome.Sentence);
            told.Add((who, File.ReadAllLines(count).Length));
        });
        Ask(1);
        Ask(2);
        Ask(3);
        Assert.True(SpinWait.SpinUntil(() => new FileInfo(count) is { Exists: true, Length: > 0 }, s_limit));
        Assert.Single(File.ReadAllLines(count));
        File.WriteAllText(go, "");
        for (int run = 0; run < 2; run++)
        {
            Assert.True(posts.TryTake(out Action? post, s_limit));
            post();
        }

        Assert.Equal([1, 2, 3], told.Select(one => one.Who));
        Assert.Equal([2, 2], told.Skip(1).Select(one => one.Runs));
    }

    private static FencingOutcome Run(string[] command, string node, TimeSpan? timeout = null)
    {
        using var posts = new BlockingCollection<Action>();
        FencingOutcome? outcome = null;
        new FencingCommand(new FencingSettings { Command = command, Timeout = timeout ?? s_limit }, posts.Add).Fence(node, ended => outcome = ended);
        Assert.True(posts.TryTake(out Action? post, s_limit * 2));
        Assert.Null(outcome);
        post();
        return outcome!;
    }

    private static string Script(TemporaryDirectory directory, string body)
    {
        string path = directory.Write($"fence-{Guid.NewGuid():N}", $"#!/bin/sh\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private static bool IsGone(string pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] is 'Z' or 'X';
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException or IOException)
        {
            return true;
        }
    }
}
