namespace ActorSan.Node.Settings;

/// <summary>Files that hold a secret or a key: regular, and nobody's but the owner's.</summary>
public static class SecretFile
{
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Why a file must not be used; null if it may.</summary>
    public static string? Fault(string path)
    {
        try
        {
            if (!File.Exists(path))
            {
                return $"the file {path} does not exist";
            }

            UnixFileMode mode = File.GetUnixFileMode(path);
            return (mode & Others) == 0 ? null : $"the file {path} can be read or written by others than its owner (mode {Convert.ToString((int)mode, 8)}); chmod 600 it";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return $"the file {path} cannot be examined: {failure.Message}";
        }
    }

    /// <summary>The first line, without blanks around it.</summary>
    public static bool TryReadSecret(string path, out string secret, out string? fault)
    {
        secret = "";
        fault = Fault(path);
        if (fault is not null)
        {
            return false;
        }

        try
        {
            secret = (File.ReadLines(path).FirstOrDefault() ?? "").Trim();
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            fault = $"the file {path} cannot be read: {failure.Message}";
            return false;
        }
    }
}
