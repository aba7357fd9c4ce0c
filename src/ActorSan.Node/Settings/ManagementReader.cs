using System.Net;
using ActorSan.Cluster.Settings;

namespace ActorSan.Node.Settings;

/// <summary>The section <c>petabridge.cmd</c>. The token never gets into a message.</summary>
internal sealed class ManagementReader(HostFacts host)
{
    // What can't be guessed over a network, however fast it answers.
    private const int MinTokenLength = 16;

    public ManagementSettings Read(Section command)
    {
        string text = command.Required("host", "the address to listen on");
        if (!IPAddress.TryParse(text.Trim('[', ']'), out IPAddress? address))
        {
            if (text.Length > 0)
            {
                command.Report(SettingsFault.IllTyped, "host", $"'{text}' is no IPv4 or IPv6 address");
            }

            address = IPAddress.Loopback;
        }

        return new ManagementSettings
        {
            Enabled = command.Flag("enabled"),
            Address = new IPEndPoint(address, (int)command.Integer("port", 0, 65535)),
            Token = ReadToken(command),
            Tls = ReadTls(command.Sub("tls")),
        };
    }

    private string? ReadToken(Section command)
    {
        string file = SettingsReader.Absolute(command.Text("token-file"), host);
        if (file.Length == 0)
        {
            return null;
        }

        if (!SecretFile.TryReadSecret(file, out string token, out string? fault))
        {
            command.Report(SettingsFault.Unsafe, "token-file", fault!);
        }
        else if (token.Length < MinTokenLength || !token.All(c => c is > ' ' and < '\x7f'))
        {
            command.Report(SettingsFault.OutOfRange, "token-file", $"the first line of {file} must have at least {MinTokenLength} letters, digits or signs, without blanks; 'openssl rand -hex 32' makes a good one");
        }

        return token;
    }

    private ManagementTlsFiles? ReadTls(Section tls)
    {
        string certificate = PemFiles.Read(tls, "certificate-file", host, isSecret: false);
        string key = PemFiles.Read(tls, "key-file", host, isSecret: true);
        string authority = PemFiles.Read(tls, "ca-file", host, isSecret: false);
        if (certificate.Length + key.Length + authority.Length == 0)
        {
            return null;
        }

        PemFiles.Demand(tls, ("certificate-file", certificate), ("key-file", key));
        return new ManagementTlsFiles(certificate, key, authority.Length == 0 ? null : authority);
    }
}
