using System.Reflection;
using System.Xml.Linq;
using Xunit;

namespace ActorSan.Tests.House;

/// <summary>The rooms and the doors between them: a project exists only where the compiler has to forbid something.</summary>
public sealed class ReferenceRulesTests
{
    private static readonly SortedDictionary<string, string[]> Rooms = new(StringComparer.Ordinal)
    {
        ["ActorSan.Storage"] = [],
        ["ActorSan.Replication"] = ["ActorSan.Storage"],
        ["ActorSan.Scsi"] = ["ActorSan.Storage"],
        ["ActorSan.Iscsi"] = ["ActorSan.Scsi", "ActorSan.Storage"],
        ["ActorSan.Cluster"] = ["ActorSan.Iscsi", "ActorSan.Replication", "ActorSan.Scsi", "ActorSan.Storage"],
        ["ActorSan.Node"] = ["ActorSan.Cluster", "ActorSan.Iscsi", "ActorSan.Replication", "ActorSan.Scsi", "ActorSan.Storage"],
        ["ActorSan.Pbm"] = [],
    };

    private static readonly string[] WithAkka = ["ActorSan.Cluster", "ActorSan.Node"];

    [Fact]
    public void EveryProjectReferencesExactlyTheRoomsItMay()
    {
        foreach (string project in Projects())
        {
            string name = Path.GetFileNameWithoutExtension(project);
            Assert.True(Rooms.ContainsKey(name), $"{name} is no room of the house");
            Assert.Equal(Rooms[name], ProjectReferences(project));
        }
    }

    [Fact]
    public void EveryRoomButThePbmThatIsToComeExists() =>
        Assert.Equal(Rooms.Keys.Where(name => name != "ActorSan.Pbm" || File.Exists(Repository.PathOf("src/ActorSan.Pbm/ActorSan.Pbm.csproj"))),
            Projects().Select(project => Path.GetFileNameWithoutExtension(project)!));

    [Fact]
    public void AkkaIsReferencedByClusterAndNodeAlone()
    {
        foreach (string project in Projects())
        {
            string name = Path.GetFileNameWithoutExtension(project);
            bool akka = Packages(project).Any(package => package.StartsWith("Akka", StringComparison.Ordinal) || package.StartsWith("Petabridge", StringComparison.Ordinal));
            Assert.True(!akka || WithAkka.Contains(name), $"{name} references Akka");
        }
    }

    [Theory]
    [InlineData("ActorSan.Storage")]
    [InlineData("ActorSan.Replication")]
    [InlineData("ActorSan.Scsi")]
    [InlineData("ActorSan.Iscsi")]
    public void CompiledRoomsOfTheDataPathKnowNothingButEachOtherAndTheRuntime(string room)
    {
        string[] foreign = [.. Assembly.Load(room).GetReferencedAssemblies().Select(reference => reference.Name!)
            .Where(name => !name.StartsWith("System.", StringComparison.Ordinal) && !Rooms[room].Contains(name) && name is not ("System" or "netstandard" or "mscorlib" or "Microsoft.Win32.Primitives"))];
        Assert.Empty(foreign);
    }

    [Fact]
    public void VersionsStandInOnePlace()
    {
        foreach (string project in Repository.Files().Where(file => file.EndsWith(".csproj", StringComparison.Ordinal)))
        {
            IEnumerable<XElement> versioned = XDocument.Load(Repository.PathOf(project)).Descendants("PackageReference").Where(reference => reference.Attribute("Version") is not null);
            Assert.True(!versioned.Any(), $"{project} has a version of its own");
        }
    }

    [Fact]
    public void EveryProjectIsInTheSolution()
    {
        string solution = Repository.Read("ActorSan.sln").Replace('\\', '/');
        Assert.All(Repository.Files().Where(file => file.EndsWith(".csproj", StringComparison.Ordinal)), project => Assert.Contains($"\"{project}\"", solution, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Projects() =>
        Repository.Files().Where(file => file.StartsWith("src/", StringComparison.Ordinal) && file.EndsWith(".csproj", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    private static string[] ProjectReferences(string project) =>
        [.. Includes(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/'))).Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Packages(string project) => Includes(project, "PackageReference");

    private static IEnumerable<string> Includes(string project, string element) =>
        XDocument.Load(Repository.PathOf(project)).Descendants(element).Select(reference => reference.Attribute("Include")!.Value);
}
