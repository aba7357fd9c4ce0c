using ActorSan.Node.Hocon;

namespace ActorSan.Node.Settings;

/// <summary>hocon/reference.conf, carried inside the program: every key with its default.</summary>
public static class ReferenceConf
{
    public const string FileName = "reference.conf";
    private static readonly Lazy<string> LazyText = new(ReadText);

    public static string Text => LazyText.Value;

    /// <summary>Parsed anew: nodes of a tree may end up in another.</summary>
    public static HoconTable Table => HoconParser.ParseText(FileName, Text);

    private static string ReadText()
    {
        using Stream stream = typeof(ReferenceConf).Assembly.GetManifestResourceStream(FileName)
            ?? throw new InvalidOperationException($"The program lacks its {FileName}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
