using System.Diagnostics;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>A loop device over a sparse file, perhaps with a file system mounted from it. For root, where losetup works.</summary>
internal sealed class LoopMedium : IDisposable
{
    private static readonly Lazy<string?> Obstacle = new(FindObstacle);

    private readonly string _directory = Directory.CreateTempSubdirectory("actorsan-loop-").FullName;
    private readonly bool _mounted;

    internal LoopMedium(long sizeBytes, int sectorBytes = 512, string? fileSystem = null)
    {
        BackingFile = Path.Combine(_directory, "backing.img");
        using (FileStream backing = File.Create(BackingFile))
        {
            backing.SetLength(sizeBytes);
        }

        Device = Run("losetup", "--find", "--show", "--sector-size", $"{sectorBytes}", BackingFile).Trim();
        try
        {
            if (fileSystem is not null)
            {
                Run("mkfs." + fileSystem, "-q", Device);
                Directory.CreateDirectory(MountPoint);
                Run("mount", Device, MountPoint);
                _mounted = true;
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Null where loop devices can be made.</summary>
    internal static string? WhyNot => Obstacle.Value;

    internal string Device { get; }

    internal string BackingFile { get; }

    internal string MountPoint => Path.Combine(_directory, "mount");

    public void Dispose()
    {
        if (_mounted)
        {
            Run("umount", MountPoint);
        }

        Run("losetup", "--detach", Device);
        Directory.Delete(_directory, recursive: true);
    }

    private static string? FindObstacle()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "loop devices are root's";
        }

        try
        {
            using var medium = new LoopMedium(1 << 20);
            return null;
        }
        catch (Exception failure)
        {
            return "no loop device can be made here: " + failure.Message;
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new IOException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {errors.Result}");
    }
}

/// <summary>A test that needs a loop device, and perhaps a program that makes a file system on it; where that is not to be had it is skipped with the reason.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LoopTheoryAttribute : TheoryAttribute
{
    public LoopTheoryAttribute(string? fileSystem = null)
    {
        string[] places = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"];
        Skip = LoopMedium.WhyNot ?? (fileSystem is null || places.Any(place => File.Exists($"{place}/mkfs.{fileSystem}")) ? null : $"mkfs.{fileSystem} is not installed");
    }
}
