using ActorSan.Cluster.Management;

namespace ActorSan.Node.Management.Commands;

/// <summary><c>session …</c>.</summary>
internal static class SessionPalette
{
    public static Palette Create() => new("session", "Who is logged in",
    [
        new("list", "All sessions of all nodes", []) { Run = List },
        new("kick", "Ends a session; its initiator may log in again", [new("SESSION", WordKind.Session, "NODE/ID, as 'session list' prints it")])
        {
            IsChange = true,
            Danger = call => new(Word(call), $"Session {Word(call)} ends at once: commands in flight are lost for its initiator, which may log in again."),
            Run = call => call.Do(new ManagementOperation.KickSession(call.Session("SESSION").Node, call.Session("SESSION").Id)),
        },
    ]);

    public static Table TableOf(IReadOnlyList<SessionReport> sessions) => new(
        [new("Session"), new("Initiator"), new("Address"), new("Target"), new("Since"), new("Read", true), new("Written", true), new("In flight", true)],
        [
            .. sessions.Select(session => (IReadOnlyList<Cell>)
            [
                $"{session.Node}/{session.Id}", session.Initiator, session.Address, session.Target.Length == 0 ? "(discovery)" : session.Target, Human.Time(session.Since),
                Human.Bytes(session.ReadBytes), Human.Bytes(session.WrittenBytes), Human.Count(session.TasksInFlight),
            ]),
        ]);

    private static async Task<CommandAnswer> List(CommandCall call)
    {
        Gathered<SessionReport> sessions = await call.Ask((management, limit) => management.Sessions(limit));
        return CommandAnswer.Of(sessions, Silence.With(sessions.Silent, sessions.Items.Count == 0 ? new Part(Sentences: ["Nobody is logged in."]) : new Part(Table: TableOf(sessions.Items))));
    }

    private static string Word(CommandCall call) => $"{call.Session("SESSION").Node}/{call.Session("SESSION").Id}";
}
