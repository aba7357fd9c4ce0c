using System.Text;

namespace ActorSan.Node.Hocon;

/// <summary>Writes a resolved tree as HOCON that any parser reads alike, every key and value quoted: how the <c>akka</c> part reaches Akka's own parser.</summary>
public static class HoconWriter
{
    public static string Write(HoconNode node)
    {
        var text = new StringBuilder();
        Write(node, text);
        return text.ToString();
    }

    private static void Write(HoconNode node, StringBuilder text)
    {
        switch (node)
        {
            case HoconTable table:
                text.Append("{\n");
                foreach (string key in table.Keys)
                {
                    table.TryGet(key, out HoconNode? value);
                    WriteQuoted(key, text);
                    text.Append(" = ");
                    Write(value!, text);
                    text.Append('\n');
                }

                text.Append('}');
                break;
            case HoconArray array:
                text.Append('[');
                for (int i = 0; i < array.Items.Count; i++)
                {
                    text.Append(i == 0 ? "" : ", ");
                    Write(array.Items[i], text);
                }

                text.Append(']');
                break;
            case HoconScalar { IsNull: true }:
                text.Append("null");
                break;
            case HoconScalar scalar:
                WriteQuoted(scalar.Text, text);
                break;
            default:
                throw new InvalidOperationException($"The tree is not resolved: it holds {node.KindName}.");
        }
    }

    private static void WriteQuoted(string value, StringBuilder text)
    {
        text.Append('"');
        foreach (char c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                _ => text.Append(c),
            };
        }

        text.Append('"');
    }
}
