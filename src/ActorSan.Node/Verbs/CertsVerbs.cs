using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ActorSan.Node.Certificates;
using ActorSan.Node.Settings;
using ActorSan.Storage.Stores;

namespace ActorSan.Node.Verbs;

/// <summary><c>actorsan certs</c>: an authority for the cluster, certificates for its nodes.</summary>
internal static class CertsVerbs
{
    private const string AuthorityFile = "ca.pem";
    private const string AuthorityKeyFile = "ca.key";
    private const int AuthorityDays = 3650;
    private const int NodeDays = 825;
    private const int MostDays = 36500;

    public static Command Create(TextWriter output, TextWriter error) => new("certs", "Make the certificates by which the nodes of a cluster know each other (actorsan.cluster.tls), and look at one.")
    {
        CreateAuthority(output, error),
        CreateNode(output, error),
        CreateShow(output, error),
    };

    private static Command CreateAuthority(TextWriter output, TextWriter error)
    {
        Option<string> directory = OutOption();
        var name = new Option<string>("--name") { Description = "The authority's name, for people.", DefaultValueFactory = _ => "ActorSan cluster" };
        Option<int> days = DaysOption(AuthorityDays);
        var command = new Command("ca", $"Make a cluster's authority: {AuthorityFile}, which goes to every node, and {AuthorityKeyFile}, which goes to none and signs their certificates.") { directory, name, days };
        command.SetAction(parsed => Act(error, () =>
        {
            string place = Path.GetFullPath(parsed.GetRequiredValue(directory));
            PemPair made = CertificateMaker.MakeAuthority(NameOf(parsed.GetRequiredValue(name)), DateTimeOffset.UtcNow, ValidityOf(parsed.GetValue(days)));
            PemStore.Write(place, (AuthorityFile, made.Certificate), (AuthorityKeyFile, made.Key));
            output.WriteLine($"Made {Path.Combine(place, AuthorityFile)} and {Path.Combine(place, AuthorityKeyFile)}, valid for {parsed.GetValue(days)} days. Keep the key off the nodes.");
            output.WriteLine($"Next, for each node: actorsan certs node NAME --host HOST --ca {place} --out DIR");
        }));
        return command;
    }

    private static Command CreateNode(TextWriter output, TextWriter error)
    {
        var name = new Argument<string>("name") { Description = "Name of the node, as in actorsan.node.name." };
        var hosts = new Option<string[]>("--host") { Description = "Name or address under which others reach the node; may be given more than once.", Required = true, HelpName = "HOST" };
        var authority = new Option<string>("--ca") { Description = $"The directory with {AuthorityFile} and {AuthorityKeyFile}.", Required = true, HelpName = "DIR" };
        Option<string> directory = OutOption();
        Option<int> days = DaysOption(NodeDays);
        var command = new Command("node", "Make the certificate of a node: NAME.pem and NAME.key, signed by the cluster's authority.") { name, hosts, authority, directory, days };
        command.SetAction(parsed => Act(error, () =>
        {
            string node = NameOf(parsed.GetRequiredValue(name));
            if (ClusterReader.NameFault(node) is { } fault)
            {
                throw new UsageException($"'{node}' cannot be the name of a node: {fault}");
            }

            string[] names = parsed.GetRequiredValue(hosts);
            foreach (string host in names.Where(host => Uri.CheckHostName(host) == UriHostNameType.Unknown))
            {
                throw new UsageException($"--host '{host}' is neither a name nor an address");
            }

            string from = Path.GetFullPath(parsed.GetRequiredValue(authority));
            string place = Path.GetFullPath(parsed.GetRequiredValue(directory));
            TimeSpan validity = ValidityOf(parsed.GetValue(days));
            using X509Certificate2 signer = ReadAuthority(from);
            DateTimeOffset now = DateTimeOffset.UtcNow;
            var last = new DateTimeOffset(signer.NotAfter);
            if (now + validity > last)
            {
                throw new UsageException($"the authority is valid until {signer.NotAfter.ToUniversalTime():u} only; give fewer --days ({(int)(last - now).TotalDays} at most), or make another authority");
            }

            PemPair made = CertificateMaker.MakeNode(node, names, signer, now, validity);
            PemStore.Write(place, (node + ".pem", made.Certificate), (node + ".key", made.Key));
            output.WriteLine($"Made {Path.Combine(place, node + ".pem")} and {Path.Combine(place, node + ".key")} for {string.Join(", ", names)}, valid for {parsed.GetValue(days)} days.");
            output.WriteLine($"Put both and {Path.Combine(from, AuthorityFile)} on the node, and into its configuration: "
                + $"actorsan.cluster.tls {{ certificate-file = \"{node}.pem\", key-file = \"{node}.key\", ca-file = \"{AuthorityFile}\" }}");
        }));
        return command;
    }

    private static Command CreateShow(TextWriter output, TextWriter error)
    {
        var file = new Argument<string>("file") { Description = "A PEM file with certificates." };
        var command = new Command("show", "Tell what the certificates in a file say.") { file };
        command.SetAction(parsed => Act(error, () =>
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPemFile(parsed.GetRequiredValue(file));
            if (certificates.Count == 0)
            {
                throw new CryptographicException($"there is no certificate in {parsed.GetValue(file)}");
            }

            foreach (X509Certificate2 certificate in certificates)
            {
                using (certificate)
                {
                    Describe(certificate, output);
                }
            }
        }));
        return command;
    }

    private static void Describe(X509Certificate2 certificate, TextWriter output)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        var last = new DateTimeOffset(certificate.NotAfter);
        string state = now > last ? " (expired)"
            : now < new DateTimeOffset(certificate.NotBefore) ? " (not valid yet)"
            : string.Create(CultureInfo.InvariantCulture, $" ({(last - now).TotalDays:0} days left)");
        string use = certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(basic => basic.CertificateAuthority) ? "an authority" : "a node";
        output.WriteLine($"{certificate.Subject}: certificate of {use}, issued by {certificate.Issuer}");
        output.WriteLine($"  valid   {certificate.NotBefore.ToUniversalTime():u} to {certificate.NotAfter.ToUniversalTime():u}{state}");
        if (certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault() is { } names)
        {
            output.WriteLine($"  hosts   {string.Join(", ", names.EnumerateDnsNames().Concat(names.EnumerateIPAddresses().Select(address => address.ToString())))}");
        }

        output.WriteLine($"  key     {(certificate.GetECDsaPublicKey() is { } key ? $"ECDSA, {key.KeySize} bits" : certificate.PublicKey.Oid.FriendlyName)}");
        output.WriteLine($"  serial  {certificate.SerialNumber.ToLowerInvariant()}");
        output.WriteLine($"  sha-256 {certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant()}");
    }

    private static X509Certificate2 ReadAuthority(string directory)
    {
        string key = Path.Combine(directory, AuthorityKeyFile);
        if (SecretFile.Fault(key) is { } fault)
        {
            throw new UsageException($"{fault}; 'actorsan certs ca --out {directory}' makes an authority");
        }

        X509Certificate2 authority = X509Certificate2.CreateFromPemFile(Path.Combine(directory, AuthorityFile), key);
        if (authority.Extensions.OfType<X509BasicConstraintsExtension>().Any(basic => basic.CertificateAuthority))
        {
            return authority;
        }

        authority.Dispose();
        throw new UsageException($"{Path.Combine(directory, AuthorityFile)} is not the certificate of an authority");
    }

    private static Option<string> OutOption() => new("--out") { Description = "The directory to write to; made when missing. Nothing in it is written over.", Required = true, HelpName = "DIR" };

    private static Option<int> DaysOption(int days) => new("--days") { Description = $"For how many days it is valid, 1 to {MostDays}.", DefaultValueFactory = _ => days };

    private static TimeSpan ValidityOf(int days) => days is >= 1 and <= MostDays ? TimeSpan.FromDays(days) : throw new UsageException($"--days {days} is not between 1 and {MostDays}");

    private static string NameOf(string name) => name.Trim() is { Length: > 0 and <= 64 } good ? good : throw new UsageException("a name has 1 to 64 characters");

    private static int Act(TextWriter error, Action act)
    {
        try
        {
            act();
            return ExitCode.Success;
        }
        catch (UsageException failure)
        {
            error.WriteLine("actorsan: " + failure.Message);
            return ExitCode.Usage;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException or StoreException)
        {
            error.WriteLine("actorsan: " + failure.Message);
            return ExitCode.Failure;
        }
    }

    private sealed class UsageException(string sentence) : Exception(sentence);
}
