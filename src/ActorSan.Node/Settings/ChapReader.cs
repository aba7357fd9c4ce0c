using System.Text;
using ActorSan.Iscsi;
using ActorSan.Node.Hocon;

namespace ActorSan.Node.Settings;

/// <summary>A <c>chap</c> section. Secrets never get into a message.</summary>
internal sealed class ChapReader(HostFacts host)
{
    /// <summary>RFC 7143 §12.1.3: less than 96 bits is refused without IPsec; much more than that nothing needs.</summary>
    private const int LeastSecretBytes = 12;
    private const int MostSecretBytes = 128;

    /// <summary>Null: nobody asks for CHAP here.</summary>
    public ChapSettings? Read(Section chap)
    {
        string user = chap.Text("user");
        string? secret = ReadSecret(chap);
        Section mutual = chap.Sub("mutual");
        string mutualUser = mutual.Text("user");
        string? mutualSecret = ReadSecret(mutual);
        IReadOnlyList<byte> algorithms = ReadAlgorithms(chap);
        if (user.Length == 0 && secret is null && mutualUser.Length == 0 && mutualSecret is null)
        {
            return null;
        }

        Complete(chap, user, secret);
        if (mutualUser.Length > 0 || mutualSecret is not null)
        {
            Complete(mutual, mutualUser, mutualSecret);
        }

        if (secret is not null && secret == mutualSecret)
        {
            mutual.Report(SettingsFault.Unsafe, "secret", "initiator and target must not have the same secret (RFC 7143 §12.1.3)");
        }

        return new ChapSettings
        {
            UserName = user,
            Secret = secret ?? "",
            MutualUserName = mutualSecret is null ? null : mutualUser,
            MutualSecret = mutualSecret,
            Algorithms = algorithms,
        };
    }

    private static void Complete(Section section, string user, string? secret)
    {
        if (user.Length == 0)
        {
            section.Report(SettingsFault.Missing, "user", "CHAP must have a user name");
        }

        if (secret is null)
        {
            section.Report(SettingsFault.Missing, "secret", "CHAP must have a secret or a secret-file");
        }
    }

    private string? ReadSecret(Section section)
    {
        string secret = section.Text("secret");
        string file = SettingsReader.Absolute(section.Text("secret-file"), host);
        string key = "secret";
        if (file.Length > 0)
        {
            if (secret.Length > 0)
            {
                section.Report(SettingsFault.Conflict, "secret-file", "give either secret or secret-file");
                return secret;
            }

            key = "secret-file";
            if (!SecretFile.TryReadSecret(file, out secret, out string? fault))
            {
                section.Report(SettingsFault.Unsafe, key, fault!);
                return "";
            }
        }
        else if (secret.Length == 0)
        {
            return null;
        }

        int length = Encoding.UTF8.GetByteCount(secret);
        if (length is < LeastSecretBytes or > MostSecretBytes)
        {
            section.Report(SettingsFault.OutOfRange, key, $"a CHAP secret has {LeastSecretBytes} to {MostSecretBytes} bytes, this one has {length} (many initiators take no more than 16)");
        }

        return secret;
    }

    private static IReadOnlyList<byte> ReadAlgorithms(Section chap)
    {
        string[] known = ["sha3-256", "sha-256", "sha1", "md5"];
        var algorithms = new List<byte>();
        foreach ((string text, HoconOrigin _) in chap.Texts("algorithms"))
        {
            byte number = text.ToLowerInvariant() switch { "sha3-256" => 8, "sha-256" => 7, "sha1" => 6, "md5" => 5, _ => 0 };
            if (number == 0)
            {
                chap.Report(SettingsFault.IllTyped, "algorithms", $"'{text}' is none of {string.Join(", ", known)}");
            }
            else if (!algorithms.Contains(number))
            {
                algorithms.Add(number);
            }
        }

        if (algorithms.Count == 0)
        {
            chap.Report(SettingsFault.Missing, "algorithms", "CHAP must have at least one algorithm");
        }

        return algorithms;
    }
}
