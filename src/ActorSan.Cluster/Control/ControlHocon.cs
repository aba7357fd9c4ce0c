namespace ActorSan.Cluster.Control;

/// <summary>control.conf, carried inside the assembly: serializers, dispatchers and mailboxes of control messages, as a fallback of the configuration of the node's ActorSystem.</summary>
public static class ControlHocon
{
    private const string FileName = "control.conf";
    private static readonly Lazy<string> LazyText = new(ReadText);

    public static string Text => LazyText.Value;

    private static string ReadText()
    {
        using Stream stream = typeof(ControlHocon).Assembly.GetManifestResourceStream(FileName)
            ?? throw new InvalidOperationException($"The program lacks its {FileName}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
