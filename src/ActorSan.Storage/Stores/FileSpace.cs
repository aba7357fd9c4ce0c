using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace ActorSan.Storage.Stores;

/// <summary>What a file takes of its file system.</summary>
[SupportedOSPlatform("linux")]
public static unsafe partial class FileSpace
{
    private const int BlockBytes = 512;
    private const int StatxBlocks = 0x400;
    private const int CurrentDirectory = -100;
    private const int StatxSize = 256;
    private const int BlocksOffset = 48;

    /// <summary>Bytes that are allocated, holes not counted; null: it is not there, or the file system does not tell.</summary>
    public static long? AllocatedBytes(string path)
    {
        // struct statx (statx(2)): stx_blocks, in units of 512 bytes, at offset 48.
        byte* buffer = stackalloc byte[StatxSize];
        return Statx(CurrentDirectory, path, 0, StatxBlocks, buffer) == 0 && (*(uint*)buffer & StatxBlocks) != 0 ? *(long*)(buffer + BlocksOffset) * BlockBytes : null;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, byte* buffer);
}
