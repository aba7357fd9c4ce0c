using System.Globalization;

namespace ActorSan.Pbm;

/// <summary>What <c>pbm</c> itself understands; every other word is the node's. No library reads the command line, because the node's own options, which pbm can't know, stand in it in an order that counts.</summary>
internal sealed record ClientOptions
{
    private const int DefaultPort = 9110;
    private const double DefaultWatchSeconds = 2;

    public const string Help = """
        pbm: manages an ActorSan cluster through any of its nodes.

          pbm HOST[:PORT]                  a prompt, with completion (Tab) and history (arrows); 'exit' ends it
          pbm HOST[:PORT] COMMAND ...      one command
          pbm HOST[:PORT] help             all commands, as the node knows them

          --json             answers for programs: JSON, one document (one line each where a command streams)
          --watch [SECONDS]  the same again and again, every 2 s without a number; Ctrl-C ends it
          --yes              what is dangerous is done without a question
          --token FILE       the first line of FILE proves who asks
          --ca FILE          the authority (PEM) that issued the node's certificate; means HTTPS
          --cert FILE        a certificate (PEM) that proves who asks, and
          --key FILE         its private key (PEM); means HTTPS
          --version, --help

        Port 9110 unless one is given; https://HOST:PORT means HTTPS with the host's own authorities.
        Exit codes: 0 done, 1 failed or refused, 2 the command line is wrong, 3 the node cannot be reached.
        """;

    public Uri? Node { get; init; }

    public IReadOnlyList<string> Words { get; init; } = [];

    public bool Json { get; init; }

    public double? WatchSeconds { get; init; }

    public bool Yes { get; init; }

    public string? TokenFile { get; init; }

    public string? AuthorityFile { get; init; }

    public string? CertificateFile { get; init; }

    public string? KeyFile { get; init; }

    public bool ShowHelp { get; init; }

    public bool ShowVersion { get; init; }

    /// <exception cref="PbmException">The command line is wrong.</exception>
    public static ClientOptions Parse(IReadOnlyList<string> arguments)
    {
        ClientOptions options = Scan(arguments, isLine: false);
        if (options.ShowHelp || options.ShowVersion)
        {
            return options;
        }

        if (options.Words.Count == 0)
        {
            throw new PbmException(ExitCode.Usage, "which node? pbm HOST:PORT COMMAND; 'pbm --help' tells more");
        }

        if (options.Words[0].StartsWith('-'))
        {
            throw new PbmException(ExitCode.Usage, $"there is no option {options.Words[0]}; 'pbm --help' has them");
        }

        if ((options.CertificateFile is null) != (options.KeyFile is null))
        {
            throw new PbmException(ExitCode.Usage, "--cert and --key go together");
        }

        bool secure = options.AuthorityFile is not null || options.CertificateFile is not null;
        return options with { Node = NodeOf(options.Words[0], secure), Words = [.. options.Words.Skip(1)] };
    }

    /// <summary>A line of the prompt: pbm's options as far as they make sense there.</summary>
    /// <exception cref="PbmException">The line is wrong.</exception>
    public static ClientOptions ParseLine(IReadOnlyList<string> words) => Scan(words, isLine: true);

    private static ClientOptions Scan(IReadOnlyList<string> arguments, bool isLine)
    {
        var options = new ClientOptions();
        List<string> words = [];
        for (int i = 0; i < arguments.Count; i++)
        {
            (string name, string? attached) = arguments[i].StartsWith("--", StringComparison.Ordinal) && arguments[i].Split('=', 2) is [var before, var after] ? (before, after) : (arguments[i], null);
            switch (name)
            {
                case "--json" when attached is null:
                    options = options with { Json = true };
                    break;
                case "--yes" when attached is null:
                    options = options with { Yes = true };
                    break;
                case "--watch":
                    string? seconds = attached ?? (i + 1 < arguments.Count && double.TryParse(arguments[i + 1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out _) ? arguments[++i] : null);
                    options = options with { WatchSeconds = seconds is null ? DefaultWatchSeconds : Seconds(seconds) };
                    break;
                case "--help" or "-h" when !isLine && attached is null && words.Count <= 1:
                    options = options with { ShowHelp = true };
                    break;
                case "--version" when !isLine && attached is null:
                    options = options with { ShowVersion = true };
                    break;
                case "--token" or "--ca" or "--cert" or "--key" when !isLine:
                    string file = attached ?? (i + 1 < arguments.Count ? arguments[++i] : throw new PbmException(ExitCode.Usage, $"{name} wants a file"));
                    options = name switch
                    {
                        "--token" => options with { TokenFile = file },
                        "--ca" => options with { AuthorityFile = file },
                        "--cert" => options with { CertificateFile = file },
                        _ => options with { KeyFile = file },
                    };
                    break;
                case "--token" or "--ca" or "--cert" or "--key":
                    throw new PbmException(ExitCode.Usage, $"{name} is given when pbm is started, not here");
                default:
                    words.Add(arguments[i]);
                    break;
            }
        }

        return options with { Words = words };
    }

    private static double Seconds(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds > 0 ? seconds
            : throw new PbmException(ExitCode.Usage, $"--watch takes seconds, not '{text}'");

    private static Uri NodeOf(string text, bool secure)
    {
        string url = text.Contains("://", StringComparison.Ordinal) ? text : (secure ? "https://" : "http://") + text;
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? node) || node.Host.Length == 0 || node.Scheme is not ("http" or "https") || node.PathAndQuery != "/" || node.UserInfo.Length > 0)
        {
            throw new PbmException(ExitCode.Usage, $"'{text}' is not a node: HOST:PORT, like 127.0.0.1:9110 or [::1]:9110");
        }

        if (secure && node.Scheme == "http")
        {
            throw new PbmException(ExitCode.Usage, "--ca and --cert mean HTTPS: leave http:// away");
        }

        // A port that is the scheme's own can't be told from none; a node listens on neither 80 nor 443 unless it is told so, and then it is named with its scheme.
        bool hasPort = !node.IsDefaultPort || text.Contains("://", StringComparison.Ordinal) || text.EndsWith(':' + node.Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        return hasPort ? node : new UriBuilder(node) { Port = DefaultPort }.Uri;
    }
}
