using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ActorSan.Tests.Node;
using Npgsql;
using Xunit;

namespace ActorSan.Tests.Cluster.Registers;

/// <summary>A PostgreSQL server of a test class's own, on loopback, in a directory of its own. It refuses to run as root: then it runs as the user that its package made.</summary>
public sealed class PostgresServer : IDisposable
{
    private const string User = "postgres";
    private readonly TemporaryDirectory _directory = new();
    private readonly int _port = FreePort();
    private int _databases;

    public PostgresServer()
    {
        if (WhyNot is not null)
        {
            return;
        }

        Run("initdb", "--pgdata", Data, "--username", User, "--auth", "trust", "--encoding", "UTF8", "--locale", "C");
        Run("pg_ctl", "start", "--pgdata", Data, "--wait", "--silent", "--log", Path.Combine(Data, "log"), "--options",
            $"-c listen_addresses=127.0.0.1 -c port={_port} -c unix_socket_directories='' -c max_connections=30");
    }

    /// <summary>Why there can be none here; null: there can.</summary>
    public static string? WhyNot { get; } = Binaries is null ? "PostgreSQL is not installed (Debian: postgresql)" : null;

    private static string? Binaries => !Directory.Exists("/usr/lib/postgresql")
        ? null
        : Directory.EnumerateDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin")).Where(path => File.Exists(Path.Combine(path, "initdb"))).Max(StringComparer.Ordinal);

    private string Data => Path.Combine(_directory.Path, "data");

    /// <summary>Makes an empty database and gives its connection string.</summary>
    public string NewDatabase(string options = "")
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"journal{++_databases}");
        Sql(ConnectionString(User), $"CREATE DATABASE {name}");
        return ConnectionString(name) + options;
    }

    public static object? Sql(string connectionString, string sql)
    {
        using var connection = new NpgsqlConnection(connectionString);
        connection.Open();
        using NpgsqlCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>The server dies as with kill -9 of all of it, and is started again.</summary>
    public void CrashAndStart()
    {
        Run("pg_ctl", "stop", "--pgdata", Data, "--mode", "immediate", "--silent");
        Run("pg_ctl", "start", "--pgdata", Data, "--wait", "--silent", "--log", Path.Combine(Data, "log"), "--options",
            $"-c listen_addresses=127.0.0.1 -c port={_port} -c unix_socket_directories='' -c max_connections=30");
    }

    public void Dispose()
    {
        if (WhyNot is null)
        {
            NpgsqlConnection.ClearAllPools();
            Run("pg_ctl", "stop", "--pgdata", Data, "--mode", "immediate", "--silent");
        }

        _directory.Dispose();
    }

    private string ConnectionString(string database) => string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={_port};Username={User};Database={database};Timeout=20;");

    private void Run(string program, params string[] arguments)
    {
        var command = new List<string>();
        if (Environment.UserName == "root")
        {
            // The directory is the server's, which is not root's.
            Start("chown", ["-R", User, _directory.Path]);
            command.AddRange(["setpriv", "--reuid", User, "--regid", User, "--clear-groups"]);
        }

        command.Add(Path.Combine(Binaries!, program));
        command.AddRange(arguments);
        Start(command[0], command[1..]);
    }

    private void Start(string program, IReadOnlyList<string> arguments)
    {
        // What it says goes to no pipe: the server would hold it open.
        using Process process = Process.Start(new ProcessStartInfo("sh", ["-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", program, .. arguments]) { WorkingDirectory = _directory.Path })!;
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(2)), $"{program} does not end");
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>Runs where PostgreSQL is installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() => Skip = PostgresServer.WhyNot;
}
