using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Xunit;

namespace ActorSan.Tests.House;

/// <summary>Pure folders know no clock, randomness, task, thread, file, socket or Akka. The compiler sees to it; these tests see to the compiler.</summary>
public sealed class PureFoldersTests
{
    [Theory]
    [InlineData("src/ActorSan.Scsi")]
    [InlineData("src/ActorSan.Replication/Core")]
    [InlineData("src/ActorSan.Replication/Wire")]
    public void TheFolderIsUnderTheBannedSymbols(string folder)
    {
        string[] lines = [.. File.ReadLines(Repository.PathOf(".editorconfig")).Select(line => line.Trim())];
        int section = Array.IndexOf(lines, $"[{folder}/**.cs]");
        Assert.True(section >= 0, folder + " has no section in .editorconfig");
        string[] body = [.. lines.Skip(section + 1).TakeWhile(line => !line.StartsWith('['))];
        Assert.Contains("dotnet_diagnostic.RS0030.severity = error", body);
        Assert.DoesNotContain(lines.Skip(section + 1), line => line.StartsWith("dotnet_diagnostic.RS0030.severity", StringComparison.Ordinal) && !line.EndsWith("error", StringComparison.Ordinal));
    }

    [Fact]
    public void TheListReachesTheAnalyzerAndNamesEveryKind()
    {
        Assert.Contains("BannedSymbols.txt", Repository.Read("src/Directory.Build.props"), StringComparison.Ordinal);
        Assert.Contains("Microsoft.CodeAnalysis.BannedApiAnalyzers", Repository.Read("src/Shared.props"), StringComparison.Ordinal);
        Assert.All(
            (string[])["T:System.Threading.Tasks.Task;", "T:System.Threading.Thread;", "T:System.Net.Sockets.Socket;", "T:System.IO.File;", "T:System.Random;", "T:System.DateTime;", "N:Akka;"],
            banned => Assert.Contains(banned, Repository.Read("src/BannedSymbols.txt"), StringComparison.Ordinal));
    }

    [Fact]
    public void NoFileOfAPureFolderSwitchesTheRuleOff()
    {
        IEnumerable<string> pure = Repository.Files().Where(file => file.EndsWith(".cs", StringComparison.Ordinal)
            && (file.StartsWith("src/ActorSan.Scsi/", StringComparison.Ordinal)
                || file.StartsWith("src/ActorSan.Replication/Core/", StringComparison.Ordinal)
                || file.StartsWith("src/ActorSan.Replication/Wire/", StringComparison.Ordinal)));
        Assert.All(pure, file => Assert.DoesNotContain("RS0030", Repository.Read(file), StringComparison.Ordinal));
    }

    [Fact]
    public void TheCompiledScsiKnowsNoneOfThem()
    {
        string[] namespaces = ["System.Net.Sockets", "System.Net.Http", "Akka"];
        ImmutableHashSet<string> types = [.. File.ReadLines(Repository.PathOf("src/BannedSymbols.txt")).Where(line => line.StartsWith("T:", StringComparison.Ordinal)).Select(line => line[2..line.IndexOf(';')])];
        using var assembly = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, "ActorSan.Scsi.dll")));
        MetadataReader metadata = assembly.GetMetadataReader();
        foreach (TypeReferenceHandle handle in metadata.TypeReferences)
        {
            TypeReference type = metadata.GetTypeReference(handle);
            string space = metadata.GetString(type.Namespace);
            string name = $"{space}.{metadata.GetString(type.Name)}";
            Assert.False(types.Contains(name) || namespaces.Any(banned => space == banned || space.StartsWith(banned + ".", StringComparison.Ordinal)), $"ActorSan.Scsi uses {name}");
        }
    }
}
