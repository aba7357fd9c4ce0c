using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Xunit;

namespace ActorSan.Integration.Clusters;

/// <summary>What tests do to the files of a node that does not run.</summary>
internal static class StoreFiles
{
    private const int SlotBytes = 4096;
    private const int ContentAt = 64;
    private const ushort ReplicaPage = 4;
    private const int SearchedBytes = 1 << 20;

    /// <summary>Flips a bit in the content of every slot of the page in which a replica keeps what it knows of itself; how many were found.</summary>
    internal static int DamageReplicaPage(string store)
    {
        using var file = new FileStream(store, FileMode.Open, FileAccess.ReadWrite);
        byte[] slot = new byte[SlotBytes];
        int damaged = 0;
        for (long at = 0; at < SearchedBytes; at += SlotBytes)
        {
            file.Position = at;
            file.ReadExactly(slot);
            if (slot.AsSpan(0, 4).SequenceEqual("ASPG"u8) && BinaryPrimitives.ReadUInt16LittleEndian(slot.AsSpan(4)) == ReplicaPage)
            {
                slot[ContentAt] ^= 0x10;
                file.Position = at;
                file.Write(slot);
                damaged++;
            }
        }

        return damaged;
    }

    /// <summary>Copies a store and keeps its holes, though a node has it open and locked.</summary>
    internal static void Copy(string from, string to)
    {
        using var copy = Process.Start(new ProcessStartInfo("cp", ["--sparse=always", from, to]) { RedirectStandardError = true, UseShellExecute = false })!;
        string error = copy.StandardError.ReadToEnd();
        copy.WaitForExit();
        Assert.True(copy.ExitCode == 0, error);
    }

    internal static string HashOf(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Convert.ToHexString(SHA256.HashData(stream));
    }

    /// <summary>The same cluster id with another key, in a file that is whole.</summary>
    internal static void ChangeKey(string identity)
    {
        List<string> lines = [.. File.ReadAllLines(identity).Where(line => !line.StartsWith("checksum ", StringComparison.Ordinal))];
        int at = lines.FindIndex(line => line.StartsWith("key ", StringComparison.Ordinal));
        lines[at] = "key " + new string([.. lines[at]["key ".Length..].Select(digit => digit == '1' ? '2' : '1')]);
        string text = string.Concat(lines.Select(line => line + "\n"));
        File.WriteAllText(identity, text + string.Create(CultureInfo.InvariantCulture, $"checksum {Crc32C(Encoding.ASCII.GetBytes(text)):x8}\n"));
    }

    private static uint Crc32C(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return ~crc;
    }
}
