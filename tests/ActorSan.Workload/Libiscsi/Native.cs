using System.Reflection;
using System.Runtime.InteropServices;

namespace ActorSan.Workload.Libiscsi;

/// <summary>The functions of libiscsi (a client that this project did not write) and of libc that a session needs. A context belongs to one thread.</summary>
internal static unsafe partial class Native
{
    internal const int NormalSession = 2;
    internal const int DiscoverySession = 1;
    internal const int NoHeaderDigest = 0;

    internal const short PollIn = 0x001;
    internal const short PollErr = 0x008;
    internal const short PollHup = 0x010;
    internal const short PollPeerClosed = 0x2000;

    private const string Iscsi = "iscsi";
    private const int SocketLevel = 1;
    private const int Linger = 13;

    /// <summary>Loads libiscsi.</summary>
    /// <exception cref="WorkloadException">It is not installed; the message says how to install it.</exception>
    internal static void Load()
    {
        nint library = 0;

        // The layout of scsi_task below is that of so.7 (1.18 and 1.19).
        if (!NativeLibrary.TryLoad("libiscsi.so.7", out library))
        {
            throw new WorkloadException("libiscsi (libiscsi.so.7) is not installed. On Debian: sudo apt-get install libiscsi7");
        }

        NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), (name, _, _) => name == Iscsi ? library : 0);
    }

    /// <summary>Closing this socket discards what it has not sent yet, and resets the connection: nothing that was given up may arrive later.</summary>
    internal static void ResetOnClose(int socket)
    {
        int* linger = stackalloc int[2] { 1, 0 };
        _ = setsockopt(socket, SocketLevel, Linger, linger, 8);
    }

    [LibraryImport(Iscsi, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint iscsi_create_context(string initiator);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_destroy_context(nint context);

    [LibraryImport(Iscsi, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int iscsi_set_targetname(nint context, string target);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_set_session_type(nint context, int type);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_set_header_digest(nint context, int digest);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_set_isid_random(nint context, uint random, uint qualifier);

    [LibraryImport(Iscsi)]
    internal static partial void iscsi_set_noautoreconnect(nint context, int state);

    [LibraryImport(Iscsi, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int iscsi_connect_async(nint context, string portal, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback, nint own);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_login_async(nint context, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback, nint own);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_nop_out_async(nint context, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback, byte* data, int length, nint own);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_discovery_async(nint context, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback, nint own);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_scsi_command_async(nint context, int lun, ScsiTask* task, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback, DataOut* data, nint own);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_get_fd(nint context);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_which_events(nint context);

    [LibraryImport(Iscsi)]
    internal static partial int iscsi_service(nint context, int events);

    [LibraryImport(Iscsi)]
    internal static partial nint iscsi_get_error(nint context);

    [LibraryImport(Iscsi)]
    internal static partial ScsiTask* scsi_create_task(int cdbBytes, byte* cdb, int direction, int expectedBytes);

    [LibraryImport(Iscsi)]
    internal static partial void scsi_free_scsi_task(ScsiTask* task);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int poll(PollEntry* entries, nuint count, int timeoutMs);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint read(int file, void* into, nuint bytes);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint write(int file, void* from, nuint bytes);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int close(int file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int socket, int level, int name, void* value, uint bytes);

    [StructLayout(LayoutKind.Sequential)]
    internal struct PollEntry
    {
        public int File;
        public short Events;
        public short Returned;
    }

    /// <summary>struct iscsi_data.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct DataOut
    {
        public nuint Bytes;
        public byte* Data;
    }

    /// <summary>The beginning of struct scsi_task, as far as it is read here (64-bit layout).</summary>
    [StructLayout(LayoutKind.Explicit)]
    internal struct ScsiTask
    {
        [FieldOffset(0)]
        public int Status;

        [FieldOffset(52)]
        public int SenseKey;

        [FieldOffset(56)]
        public int AdditionalSense;

        [FieldOffset(64)]
        public int DataInBytes;

        [FieldOffset(72)]
        public byte* DataIn;
    }

    /// <summary>struct iscsi_target_portal.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct TargetPortal
    {
        public TargetPortal* Next;
        public nint Portal;
    }

    /// <summary>struct iscsi_discovery_address.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct DiscoveryAddress
    {
        public DiscoveryAddress* Next;
        public nint Target;
        public TargetPortal* Portals;
    }
}
