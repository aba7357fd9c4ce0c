using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorSan.Workload.Libiscsi;

namespace ActorSan.Workload.Paths;

/// <summary>
/// A session through one portal, with a thread of its own: it logs in, carries attempts, pings, and when it dies it comes back by itself. A session that is given up is reset, never
/// closed gently, so that nothing that it still had to send arrives later; the next login with the same ISID makes the target end what the old session left behind (RFC 7143 §6.3.5).
/// </summary>
internal sealed unsafe class PathSession : IDisposable
{
    private static readonly long s_pingEvery = Stopwatch.Frequency / 2;

    private readonly PathOptions _options;
    private readonly uint _qualifier;
    private readonly ConcurrentQueue<Attempt> _submitted = new();
    private readonly HashSet<Attempt> _inFlight = [];
    private readonly Lock _closing = new();
    private readonly Thread _thread;
    private readonly long _pathTimeout;
    private readonly int _wake;
    private GCHandle _self;
    private nint _context;
    private long _pingedAt;
    private long _openingSince;
    private bool _pingInFlight;
    private volatile bool _up;
    private volatile bool _stopping;
    private bool _closed;
    private string? _deadBecause;

    /// <param name="number">Its place among the paths.</param>
    /// <param name="portal">ADDRESS:PORT.</param>
    /// <param name="qualifier">The rest of the ISID: tells sessions to one portal group apart.</param>
    /// <param name="options">What it shares with the other paths.</param>
    internal PathSession(int number, string portal, uint qualifier, PathOptions options)
    {
        (Number, Portal, _qualifier, _options) = (number, portal, qualifier, options);
        _pathTimeout = (long)(options.PathTimeout.TotalSeconds * Stopwatch.Frequency);
        _wake = Native.eventfd(0, 0x80800);
        _self = GCHandle.Alloc(this);
        _thread = new Thread(Run) { IsBackground = true, Name = "path " + portal };
        _thread.Start();
    }

    internal int Number { get; }

    internal string Portal { get; }

    internal bool IsUp => _up;

    /// <summary>Logins that succeeded.</summary>
    internal int Logins { get; private set; }

    /// <summary>Attempts that were answered: with success, a conflict or a miscompare.</summary>
    internal long Answered { get; private set; }

    /// <summary>Attempts that the unit did not carry out, and said so.</summary>
    internal long Refused { get; private set; }

    /// <summary>Attempts of which nobody knows the outcome.</summary>
    internal long Lost { get; private set; }

    /// <summary>Why it is down, or was last.</summary>
    internal string LastError { get; private set; } = "not connected yet";

    /// <summary>Completes with whatever the path says; at once with <see cref="AttemptKind.NotSent"/> when it is down.</summary>
    internal Task<AttemptResult> Submit(ScsiCommand command)
    {
        var attempt = new Attempt(this, command, _options.CommandTimeout);
        lock (_closing)
        {
            if (!_up || _closed)
            {
                return Task.FromResult(AttemptResult.NotSent);
            }

            _submitted.Enqueue(attempt);
            Wake();
        }

        return attempt.Result;
    }

    /// <summary>Ends it; what is in flight is lost. Whoever still submits is told that nothing was sent.</summary>
    public void Dispose()
    {
        _stopping = true;
        Wake();
        _thread.Join();
        lock (_closing)
        {
            _closed = true;
            DrainSubmitted();
            _ = Native.close(_wake);
        }

        _self.Free();
    }

    private void Wake()
    {
        ulong one = 1;
        _ = Native.write(_wake, &one, 8);
    }

    private void Run()
    {
        int pauseMs = 50;
        while (!_stopping)
        {
            Open();
            while (!_stopping && _deadBecause is null)
            {
                Turn();
            }

            pauseMs = _up ? 50 : Math.Min(pauseMs * 2, 800);
            GiveUp(_deadBecause ?? "stopped");
            Pause(pauseMs);
        }
    }

    private void Open()
    {
        _deadBecause = null;
        _pingInFlight = false;
        _openingSince = Stopwatch.GetTimestamp();
        _context = Native.iscsi_create_context(_options.Initiator);
        if (_context == 0)
        {
            throw new WorkloadException("libiscsi is out of memory");
        }

        _ = Native.iscsi_set_targetname(_context, _options.Target);
        _ = Native.iscsi_set_session_type(_context, Native.NormalSession);
        _ = Native.iscsi_set_header_digest(_context, Native.NoHeaderDigest);
        _ = Native.iscsi_set_isid_random(_context, _options.Isid, _qualifier);
        Native.iscsi_set_noautoreconnect(_context, 1);
        if (Native.iscsi_connect_async(_context, Portal, &OnConnected, GCHandle.ToIntPtr(_self)) != 0)
        {
            _deadBecause = "connect: " + Error();
        }
    }

    // One wait for events, and what follows from them.
    private void Turn()
    {
        Native.PollEntry* entries = stackalloc Native.PollEntry[2];
        entries[0] = new Native.PollEntry { File = _wake, Events = Native.PollIn };
        entries[1] = new Native.PollEntry { File = Native.iscsi_get_fd(_context), Events = (short)(Native.iscsi_which_events(_context) | Native.PollPeerClosed) };
        _ = Native.poll(entries, entries[1].File >= 0 ? 2u : 1u, 50);
        if ((entries[0].Returned & Native.PollIn) != 0)
        {
            ulong count;
            _ = Native.read(_wake, &count, 8);
        }

        short returned = entries[1].Returned;
        if (returned != 0 && Native.iscsi_service(_context, returned & ~Native.PollPeerClosed) != 0)
        {
            _deadBecause ??= "connection lost: " + Error();
        }

        if ((returned & (Native.PollPeerClosed | Native.PollErr | Native.PollHup)) != 0)
        {
            _deadBecause ??= "connection lost: the peer closed it";
        }

        if (_deadBecause is null)
        {
            SendSubmitted();
            Watch(Stopwatch.GetTimestamp());
        }

        // What was sent leaves at once, not when the next event comes.
        if (_deadBecause is null && (Native.iscsi_which_events(_context) & 0x004) != 0 && _up && Native.iscsi_service(_context, 0x004) != 0)
        {
            _deadBecause = "connection lost: " + Error();
        }
    }

    private void SendSubmitted()
    {
        while (_deadBecause is null && _up && _submitted.TryDequeue(out Attempt? attempt))
        {
            ScsiCommand command = attempt.Command;
            int direction = command.Out is not null ? 2 : command.InBytes > 0 ? 1 : 0;
            Native.ScsiTask* task;
            fixed (byte* cdb = command.Cdb)
            {
                task = Native.scsi_create_task(command.Cdb.Length, cdb, direction, command.Out?.Length ?? command.InBytes);
            }

            Native.DataOut data = default;
            if (command.Out is { } bytes)
            {
                attempt.Buffer = (nint)NativeMemory.Alloc((nuint)bytes.Length);
                Marshal.Copy(bytes, 0, attempt.Buffer, bytes.Length);
                data = new Native.DataOut { Bytes = (nuint)bytes.Length, Data = (byte*)attempt.Buffer };
            }

            attempt.Native = (nint)task;
            var handle = GCHandle.Alloc(attempt);
            _inFlight.Add(attempt);
            if (Native.iscsi_scsi_command_async(_context, _options.Lun, task, &OnCommand, command.Out is null ? null : &data, GCHandle.ToIntPtr(handle)) != 0)
            {
                handle.Free();
                _deadBecause = "send: " + Error();
                Finish(attempt, AttemptResult.NotSent);
            }
        }
    }

    private void Watch(long now)
    {
        if (!_up)
        {
            if (now - _openingSince > _pathTimeout)
            {
                _deadBecause = "no login within the time";
            }

            return;
        }

        foreach (Attempt attempt in _inFlight)
        {
            if (now > attempt.Deadline)
            {
                _deadBecause = "a command timed out";
                return;
            }
        }

        if (_pingInFlight && now - _pingedAt > _pathTimeout)
        {
            _deadBecause = "a ping timed out";
        }
        else if (!_pingInFlight && now - _pingedAt > s_pingEvery)
        {
            (_pingInFlight, _pingedAt) = (true, now);
            if (Native.iscsi_nop_out_async(_context, &OnPing, null, 0, GCHandle.ToIntPtr(_self)) != 0)
            {
                _deadBecause = "ping: " + Error();
            }
        }
    }

    private void GiveUp(string why)
    {
        LastError = why;
        _up = false;
        _deadBecause ??= why;
        int socket = Native.iscsi_get_fd(_context);
        if (socket >= 0)
        {
            Native.ResetOnClose(socket);
        }

        // Ends all tasks by their callbacks.
        _ = Native.iscsi_destroy_context(_context);
        _context = 0;
        foreach (Attempt attempt in _inFlight.ToArray())
        {
            Finish(attempt, AttemptResult.Lost(why));
        }

        DrainSubmitted();
    }

    private void DrainSubmitted()
    {
        while (_submitted.TryDequeue(out Attempt? attempt))
        {
            attempt.End(AttemptResult.NotSent);
        }
    }

    private void Pause(int ms)
    {
        long until = Stopwatch.GetTimestamp() + (ms * Stopwatch.Frequency / 1000);
        while (!_stopping && Stopwatch.GetTimestamp() < until)
        {
            Thread.Sleep(10);

            // One that was submitted as the path went down.
            DrainSubmitted();
        }

        DrainSubmitted();
    }

    private void Finish(Attempt attempt, AttemptResult result)
    {
        if (!_inFlight.Remove(attempt))
        {
            return;
        }

        Native.scsi_free_scsi_task((Native.ScsiTask*)attempt.Native);
        NativeMemory.Free((void*)attempt.Buffer);
        switch (result.Kind)
        {
            case AttemptKind.Good or AttemptKind.ReservationConflict or AttemptKind.Miscompare:
                Answered++;
                break;
            case AttemptKind.Lost:
                Lost++;
                break;
            case AttemptKind.NotSent:
                break;
            default:
                Refused++;
                break;
        }

        attempt.End(result);
    }

    private string Error() => Marshal.PtrToStringUTF8(Native.iscsi_get_error(_context)) ?? "no reason given";

    private void Complete(Attempt attempt, int status)
    {
        var task = (Native.ScsiTask*)attempt.Native;
        if (status is < 0 or > 0xFF)
        {
            _deadBecause ??= "connection lost under a command";
            Finish(attempt, AttemptResult.Lost(_deadBecause));
            return;
        }

        byte[] data = status == 0 && task->DataInBytes > 0 && task->DataIn is not null ? new Span<byte>(task->DataIn, task->DataInBytes).ToArray() : [];
        Finish(attempt, AttemptResult.Of(status, task->SenseKey, task->AdditionalSense, data));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnConnected(nint context, int status, nint data, nint own)
    {
        var session = (PathSession)GCHandle.FromIntPtr(own).Target!;
        if (status != 0)
        {
            session._deadBecause ??= "connect: " + session.Error();
        }
        else if (Native.iscsi_login_async(context, &OnLoggedIn, own) != 0)
        {
            session._deadBecause ??= "login: " + session.Error();
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnLoggedIn(nint context, int status, nint data, nint own)
    {
        var session = (PathSession)GCHandle.FromIntPtr(own).Target!;
        if (status != 0)
        {
            session._deadBecause ??= "login: " + session.Error();
            return;
        }

        session._pingedAt = Stopwatch.GetTimestamp();
        session.Logins++;
        session._up = true;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnPing(nint context, int status, nint data, nint own)
    {
        var session = (PathSession)GCHandle.FromIntPtr(own).Target!;
        session._pingInFlight = false;
        if (status != 0)
        {
            session._deadBecause ??= "a ping was not answered";
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnCommand(nint context, int status, nint data, nint own)
    {
        var handle = GCHandle.FromIntPtr(own);
        var attempt = (Attempt)handle.Target!;
        handle.Free();
        attempt.Session.Complete(attempt, status);
    }
}
