using System.Diagnostics;

namespace ActorSan.Tests.Pbm;

/// <summary>pbm as it is installed: a process of its own, with pipes instead of a terminal.</summary>
internal static class PbmProcess
{
    public static async Task<(int Code, string Output, string Error)> Run(string? input, string home, params string[] arguments)
    {
        using Process process = Start(home, arguments);
        if (input is not null)
        {
            await process.StandardInput.WriteAsync(input);
        }

        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await error);
    }

    public static Process Start(string home, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "pbm.dll"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["HOME"] = home;
        return Process.Start(start)!;
    }
}
