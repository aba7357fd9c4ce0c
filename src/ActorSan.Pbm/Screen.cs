using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace ActorSan.Pbm;

/// <summary>Answers on a terminal, or in a pipe: there without colours, and a row is a line however long.</summary>
internal sealed class Screen
{
    private const int PipeWidth = 10_000;
    private static readonly JsonSerializerOptions Pretty = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly bool _isTerminal = !Console.IsOutputRedirected;

    public Screen()
    {
        Output = Create(Console.Out, _isTerminal);
        Error = Create(Console.Error, !Console.IsErrorRedirected);
    }

    public IAnsiConsole Output { get; }

    private IAnsiConsole Error { get; }

    public void Show(Answer answer, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(answer.Json, Pretty));
            return;
        }

        IAnsiConsole console = answer.ExitCode == ExitCode.Done ? Output : Error;
        bool first = true;
        foreach (Part part in answer.Parts)
        {
            if (!first)
            {
                console.WriteLine();
            }

            first = false;
            Show(console, part);
        }
    }

    public void Show(StreamedLine line, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(line.Json, OneLine));
            return;
        }

        Output.Write(Text(line.Line));
        Output.WriteLine();
    }

    public void Fail(string sentence) => Warn("pbm: " + sentence, "bad");

    public void Warn(string sentence, string tone)
    {
        Error.Write(Text(new Cell(sentence, tone)));
        Error.WriteLine();
    }

    /// <summary>Above each repetition: on a terminal it takes the place of the last one.</summary>
    public void BeginRepetition(string title, bool json)
    {
        if (json)
        {
            return;
        }

        if (_isTerminal)
        {
            Output.Clear();
        }

        Output.Write(new Text($"{title}   {DateTimeOffset.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)}", new Style(decoration: Decoration.Dim)));
        Output.WriteLine();
        Output.WriteLine();
    }

    private static IAnsiConsole Create(TextWriter writer, bool isTerminal)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
        });
        if (!isTerminal)
        {
            console.Profile.Width = PipeWidth;
        }

        return console;
    }

    private static void Show(IAnsiConsole console, Part part)
    {
        if (part.Title is not null)
        {
            console.Write(new Text(part.Title, new Style(decoration: Decoration.Bold)));
            console.WriteLine();
        }

        if (part.Facts is not null)
        {
            var grid = new Grid().AddColumn(new GridColumn().NoWrap().Padding(0, 0, 2, 0)).AddColumn(new GridColumn().Padding(0, 0));
            foreach (Fact fact in part.Facts)
            {
                grid.AddRow(new Text(fact.Name, new Style(decoration: Decoration.Dim)), Text(fact.Value));
            }

            console.Write(grid);
        }

        if (part.Table is not null)
        {
            console.Write(TableOf(part.Table));
        }

        foreach (Cell sentence in part.Sentences ?? [])
        {
            console.Write(Text(sentence));
            console.WriteLine();
        }

        if (part.Tree is not null)
        {
            var tree = new Spectre.Console.Tree(new Text(part.Tree.Text)) { Guide = TreeGuide.Line };
            Add(tree, part.Tree.Children);
            console.Write(tree);
        }
    }

    private static Spectre.Console.Table TableOf(Table table)
    {
        var shown = new Spectre.Console.Table { Border = TableBorder.None };
        for (int i = 0; i < table.Columns.Count; i++)
        {
            // The first column is a name, by which the rest is found: it stays whole.
            var column = new TableColumn(new Text(table.Columns[i].Title, new Style(decoration: Decoration.Bold))) { Padding = new Padding(0, 0, 2, 0), NoWrap = i == 0 || table.Columns[i].AlignRight };
            if (table.Columns[i].AlignRight)
            {
                column.RightAligned();
            }

            shown.AddColumn(column);
        }

        foreach (IReadOnlyList<Cell> row in table.Rows)
        {
            shown.AddRow(row.Select(IRenderable (cell) => Text(cell)));
        }

        return shown;
    }

    private static void Add(IHasTreeNodes parent, IReadOnlyList<Tree> children)
    {
        foreach (Tree child in children)
        {
            Add(parent.AddNode(new Text(child.Text)), child.Children);
        }
    }

    private static Text Text(Cell cell) => new(cell.Text, cell.Tone switch
    {
        "good" => new Style(Color.Green),
        "warning" => new Style(Color.Yellow),
        "bad" => new Style(Color.Red),
        "dim" => new Style(decoration: Decoration.Dim),
        _ => Style.Plain,
    });
}
