using System.Text.Json;
using System.Text.Json.Serialization;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Catalog;

/// <summary>
/// What all nodes agree on beside each volume's own register: volumes, targets, LUNs, initiators, nodes. The value of the <c>catalog</c> register is its JSON. Immutable; unknown members
/// of a newer release are kept when an older one changes something else.
/// </summary>
public sealed record CatalogDocument
{
    public const int CurrentFormat = 1;

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    public int Format { get; init; } = CurrentFormat;

    public Guid ClusterId { get; init; }

    /// <summary>In the order of their names.</summary>
    public IReadOnlyList<CatalogVolume> Volumes { get; init; } = [];

    /// <summary>In the order of their names.</summary>
    public IReadOnlyList<CatalogTarget> Targets { get; init; } = [];

    /// <summary>Nodes of which something is to be remembered while they are not here.</summary>
    public IReadOnlyList<CatalogNode> Nodes { get; init; } = [];

    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Unknown { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, s_json);

    /// <exception cref="FormatException">It is no catalog, or a newer one.</exception>
    public static CatalogDocument Parse(string json)
    {
        try
        {
            CatalogDocument document = JsonSerializer.Deserialize<CatalogDocument>(json, s_json) ?? throw new FormatException("the catalog is empty");
            return document.Format <= CurrentFormat
                ? document
                : throw new FormatException($"the catalog has format {document.Format}, and this release knows up to {CurrentFormat}: run the release that wrote it");
        }
        catch (JsonException failure)
        {
            throw new FormatException($"the catalog can't be read: {failure.Message}", failure);
        }
    }

    public CatalogVolume? FindVolume(string name) => Volumes.FirstOrDefault(volume => volume.Name == name);

    public CatalogVolume? FindVolume(Guid id) => Volumes.FirstOrDefault(volume => volume.Id == id);

    public CatalogTarget? FindTarget(string iqn) => Targets.FirstOrDefault(target => target.Iqn == iqn);

    public CatalogDocument With(CatalogVolume volume) => this with { Volumes = [.. Volumes.Where(other => other.Id != volume.Id).Append(volume).OrderBy(each => each.Name, StringComparer.Ordinal)] };

    public CatalogDocument Without(CatalogVolume volume) => this with { Volumes = [.. Volumes.Where(other => other.Id != volume.Id)] };

    public CatalogDocument With(CatalogTarget target) => this with { Targets = [.. Targets.Where(other => other.Iqn != target.Iqn).Append(target).OrderBy(each => each.Iqn, StringComparer.Ordinal)] };

    public CatalogDocument Without(CatalogTarget target) => this with { Targets = [.. Targets.Where(other => other.Iqn != target.Iqn)] };

    public CatalogDocument With(CatalogNode node) => this with { Nodes = [.. Nodes.Where(other => other.Name != node.Name).Append(node).OrderBy(each => each.Name, StringComparer.Ordinal)] };
}

/// <param name="First">The value that its register began with (S7): Base64 of <see cref="ConfigurationCodec"/>'s bytes.</param>
public sealed record CatalogVolume(Guid Id, string Name, string First, int LogicalBlockBytes, int PhysicalBlockBytes, DateTimeOffset Created)
{
    /// <summary>The register of the lineage that it began with.</summary>
    public RegisterKey KeyOf(Configuration first) => new(RegisterName(Id), first.Lineage);

    public static string RegisterName(Guid id) => $"volume/{id:N}";

    public static string Encode(Configuration first)
    {
        var writer = new ContentWriter();
        ConfigurationCodec.Write(writer, first);
        return Convert.ToBase64String(writer.Written);
    }

    /// <exception cref="FormatException">It is none.</exception>
    public Configuration Decode()
    {
        byte[] bytes = Convert.FromBase64String(First);
        return ConfigurationCodec.TryRead(bytes, out Configuration? first, out ContentFault fault) ? first! : throw new FormatException($"the catalog's volume {Name}: {fault.Sentence}");
    }
}

/// <param name="Open">Whoever comes may log in.</param>
public sealed record CatalogTarget(string Iqn, string Alias, bool Open, IReadOnlyList<CatalogLun> Luns, IReadOnlyList<CatalogInitiator> Initiators, CatalogChap? Chap);

/// <param name="Volume">Its id.</param>
public sealed record CatalogLun(long Number, Guid Volume, bool ReadOnly);

/// <param name="Name">iSCSI name, or a pattern with *.</param>
public sealed record CatalogInitiator(string Name, CatalogChap? Chap);

/// <param name="Secret">Sealed (<see cref="SecretBox"/>).</param>
/// <param name="MutualUser">Null: the target proves nothing.</param>
/// <param name="MutualSecret">Sealed.</param>
public sealed record CatalogChap(string User, string Secret, string? MutualUser, string? MutualSecret);

/// <param name="Drained">It is primary of nothing while another can be.</param>
/// <param name="Forgotten">It never returns: a node of this name is a new one.</param>
public sealed record CatalogNode(string Name, bool Drained, bool Forgotten);
