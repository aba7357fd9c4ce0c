using System.Runtime.Versioning;

namespace ActorSan.Storage.Stores;

/// <summary>Small files that a node must find again after a loss of power.</summary>
[SupportedOSPlatform("linux")]
public static class DurableFile
{
    /// <summary>
    /// Puts <paramref name="bytes"/> in the place of what <paramref name="path"/> had, or of nothing: whole or not at all, on the medium when it returns, for its owner alone (mode
    /// 600). The file beside it while that is under way is <paramref name="path"/> with ".new".
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="bytes">All that it holds then.</param>
    /// <param name="overwrite">False: only in the place of nothing.</param>
    /// <exception cref="IOException">It can't be written, or is there and may not be; what was there is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written by this user.</exception>
    /// <exception cref="StoreException">It is written, and its directory could not be made durable.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> bytes, bool overwrite = true)
    {
        // What was left of an attempt that was cut short may have another mode.
        string beside = path + ".new";
        File.Delete(beside);
        using (var file = new FileStream(beside, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }

        File.Move(beside, path, overwrite);
        StoreOpener.SyncDirectoryOf(path);
    }
}
