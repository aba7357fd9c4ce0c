using System.Globalization;
using System.Text;
using ActorSan.Storage;

namespace ActorSan.Cluster.Founding;

/// <summary>
/// The form of <see cref="ClusterIdentity.FileName"/>, version 1: ASCII, one line for each thing in this order, each ended by LF; the last is the CRC32C, as 8 hexadecimal digits, of
/// all before it.
/// <code>
/// actorsan-cluster-identity 1
/// cluster 8d1f0a52-6a3e-4f6b-9d0e-1c2b3a495867
/// key (64 hexadecimal digits)
/// founder yes | no
/// made 2026-01-31T12:00:00Z
/// checksum 01234567
/// </code>
/// </summary>
internal static class IdentityFile
{
    private const string Magic = "actorsan-cluster-identity";
    private const int Version = 1;
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";
    private static readonly string[] Keys = [Magic, "cluster", "key", "founder", "made", "checksum"];

    public static byte[] Format(ClusterIdentity identity)
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"""
            {Magic} {Version}
            cluster {identity.ClusterId:D}
            key {Convert.ToHexStringLower(identity.Key)}
            founder {(identity.Founder ? "yes" : "no")}
            made {identity.Made.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)}

            """);
        return Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{text}checksum {Crc32C.Compute(Encoding.ASCII.GetBytes(text)):x8}\n"));
    }

    /// <exception cref="ClusterIdentityException">These are not the bytes of an identity.</exception>
    public static ClusterIdentity Parse(string path, byte[] bytes)
    {
        string text = Encoding.Latin1.GetString(bytes);
        string[] lines = text.Split('\n');
        if (lines[0].StartsWith(Magic + " ", StringComparison.Ordinal) && int.TryParse(lines[0][(Magic.Length + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int version)
            && version != Version)
        {
            throw new ClusterIdentityException(IdentityFault.OtherFormat, $"{path} has format {version}, and this release knows {Version}. Run the release that wrote it.");
        }

        if (lines.Length != Keys.Length + 1 || lines[^1].Length > 0)
        {
            throw Damaged(path, "it does not have the lines of one");
        }

        string[] values = new string[Keys.Length];
        for (int i = 0; i < Keys.Length; i++)
        {
            values[i] = lines[i].StartsWith(Keys[i] + " ", StringComparison.Ordinal) ? lines[i][(Keys[i].Length + 1)..] : throw Damaged(path, $"line {i + 1} does not say its {Keys[i]}");
        }

        int summed = text.LastIndexOf("\nchecksum", StringComparison.Ordinal) + 1;
        if (values[5] != Crc32C.Compute(bytes.AsSpan(0, summed)).ToString("x8", CultureInfo.InvariantCulture))
        {
            throw Damaged(path, "its checksum is another");
        }

        bool good = Guid.TryParseExact(values[1], "D", out Guid cluster) & DateTimeOffset.TryParseExact(values[4], TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset made);
        if (!good || values[2].Length != 2 * ClusterIdentity.KeyBytes || !values[2].All(char.IsAsciiHexDigit) || values[3] is not ("yes" or "no"))
        {
            throw Damaged(path, "what it says is none");
        }

        return new ClusterIdentity(path, cluster, Convert.FromHexString(values[2]), values[3] == "yes", made);
    }

    public static ClusterIdentityException Damaged(string path, string what) => new(IdentityFault.Damaged,
        $"The cluster identity {path} is damaged: {what}. It is left as it is. Move it away and take the cluster's from another node: actorsan init -c CONF --from FILE.");
}
