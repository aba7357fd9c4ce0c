using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorSan.Workload.Libiscsi;

namespace ActorSan.Workload.Paths;

/// <summary>Asks portals which portals a target has (SendTargets, RFC 7143 appendix C).</summary>
internal static unsafe class Discovery
{
    /// <summary>The union of what those portals say that answer, as ADDRESS:PORT,TAG.</summary>
    /// <param name="portals">ADDRESS:PORT each.</param>
    /// <param name="target">The target's name.</param>
    /// <param name="initiator">The asking initiator's name.</param>
    /// <param name="limit">For each portal.</param>
    /// <exception cref="WorkloadException">None answers, or none knows the target.</exception>
    internal static IReadOnlyList<string> PortalsOf(IReadOnlyList<string> portals, string target, string initiator, TimeSpan limit)
    {
        var found = new List<string>();
        var reasons = new List<string>();
        foreach (string portal in portals)
        {
            var asked = new Asked(target);
            Ask(asked, portal, initiator, limit);
            foreach (string address in asked.Portals.Where(address => !found.Contains(address)))
            {
                found.Add(address);
            }

            if (asked.Failure is { } failure)
            {
                reasons.Add(portal + ": " + failure);
            }
            else if (asked.Portals.Count == 0)
            {
                reasons.Add(portal + ": knows no target " + target);
            }
        }

        return found.Count > 0 ? found : throw new WorkloadException("no portal named a path: " + string.Join("; ", reasons));
    }

    private static void Ask(Asked asked, string portal, string initiator, TimeSpan limit)
    {
        var handle = GCHandle.Alloc(asked);
        nint context = Native.iscsi_create_context(initiator);
        try
        {
            _ = Native.iscsi_set_session_type(context, Native.DiscoverySession);
            Native.iscsi_set_noautoreconnect(context, 1);
            if (Native.iscsi_connect_async(context, portal.Split(',')[0], &OnConnected, GCHandle.ToIntPtr(handle)) != 0)
            {
                asked.Failure = Error(context);
            }

            var clock = Stopwatch.StartNew();
            while (!asked.Done && asked.Failure is null)
            {
                if (clock.Elapsed > limit)
                {
                    asked.Failure = "no answer within the time";
                    break;
                }

                var entry = new Native.PollEntry { File = Native.iscsi_get_fd(context), Events = (short)Native.iscsi_which_events(context) };
                if (Native.poll(&entry, 1, 50) > 0 && Native.iscsi_service(context, entry.Returned) != 0)
                {
                    asked.Failure ??= Error(context);
                }
            }
        }
        finally
        {
            _ = Native.iscsi_destroy_context(context);
            handle.Free();
        }
    }

    private static string Error(nint context) => Marshal.PtrToStringUTF8(Native.iscsi_get_error(context)) ?? "no reason given";

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnConnected(nint context, int status, nint data, nint own)
    {
        if (status != 0 || Native.iscsi_login_async(context, &OnLoggedIn, own) != 0)
        {
            ((Asked)GCHandle.FromIntPtr(own).Target!).Failure ??= Error(context);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnLoggedIn(nint context, int status, nint data, nint own)
    {
        if (status != 0 || Native.iscsi_discovery_async(context, &OnDiscovered, own) != 0)
        {
            ((Asked)GCHandle.FromIntPtr(own).Target!).Failure ??= Error(context);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnDiscovered(nint context, int status, nint data, nint own)
    {
        var asked = (Asked)GCHandle.FromIntPtr(own).Target!;
        if (status != 0)
        {
            asked.Failure ??= Error(context);
            return;
        }

        for (var address = (Native.DiscoveryAddress*)data; address is not null; address = address->Next)
        {
            if (Marshal.PtrToStringUTF8(address->Target) != asked.Target)
            {
                continue;
            }

            for (Native.TargetPortal* portal = address->Portals; portal is not null; portal = portal->Next)
            {
                // ADDRESS:PORT,TAG.
                asked.Portals.Add(Marshal.PtrToStringUTF8(portal->Portal)!);
            }
        }

        asked.Done = true;
    }

    private sealed class Asked(string target)
    {
        internal string Target { get; } = target;

        internal List<string> Portals { get; } = [];

        internal bool Done { get; set; }

        internal string? Failure { get; set; }
    }
}
