using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace ActorSan.Tests.House;

public sealed class NoticeTests
{
    // Two blanks or more between the columns: name, licence, owner, home.
    private static readonly Regex Line = new(@"^  (?<name>\S.*?)\s{2,}(?<licence>[A-Za-z0-9.\-]+)\s{2,}(?<owner>\S.*?)\s+(?<home>https://\S+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5));

    [Fact]
    public void EveryPackageIsNamedWithItsLicence()
    {
        IEnumerable<string> central = XDocument.Load(Repository.PathOf("src/Directory.Packages.props")).Descendants("PackageVersion").Select(package => package.Attribute("Include")!.Value);
        Assert.Empty(central.Concat(Restored()).Except(Noticed()));
    }

    [Fact]
    public void NothingIsNamedThatIsNotUsed()
    {
        string[] ofTheHost = [".NET runtime", "OpenSSL libcrypto, libssl"];
        IEnumerable<string> central = XDocument.Load(Repository.PathOf("src/Directory.Packages.props")).Descendants("PackageVersion").Select(package => package.Attribute("Include")!.Value);
        Assert.Empty(Noticed().Except(central).Except(Restored()).Except(ofTheHost));
    }

    [Fact]
    public void EveryLicenceIsOneThatThisProjectMayUse()
    {
        string[] good = ["Apache-2.0", "MIT", "MIT-0", "BSD-3-Clause", "BSD-2-Clause", "PostgreSQL"];
        Assert.All(Line.Matches(Repository.Read("NOTICE")), line => Assert.Contains(line.Groups["licence"].Value, good));
    }

    private static IEnumerable<string> Noticed() => Line.Matches(Repository.Read("NOTICE")).Select(line => line.Groups["name"].Value);

    // What restore found for the programs, transitive packages included: the SDK leaves it beside the project.
    private static IEnumerable<string> Restored() => ((string[])["ActorSan.Node", "ActorSan.Pbm"]).SelectMany(Restored).Distinct(StringComparer.Ordinal);

    private static IEnumerable<string> Restored(string project)
    {
        using JsonDocument assets = JsonDocument.Parse(Repository.Read($"src/{project}/obj/project.assets.json"));
        return [.. assets.RootElement.GetProperty("libraries").EnumerateObject()
            .Where(library => library.Value.GetProperty("type").GetString() == "package").Select(library => library.Name.Split('/')[0])];
    }
}
