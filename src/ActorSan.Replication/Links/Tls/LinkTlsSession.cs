using System.Runtime.InteropServices;
using ActorSan.Storage;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links.Tls;

/// <summary>
/// The TLS of one connection, without a socket: what is to be sent lies in a ring until the kernel has taken it, what was received is put into another. One thread; nothing here waits, or
/// allocates, once it stands.
/// </summary>
/// <remarks>While a receive is in flight nothing is opened: the kernel writes where the ring, which is empty then, begins.</remarks>
internal sealed unsafe class LinkTlsSession : IDisposable
{
    /// <summary>Of plain text, in one record (RFC 8446, §5.1).</summary>
    public const int MaxRecordBytes = 1 << 14;

    // A record's header and seal, and a change of keys before it.
    private const int RoomForRecord = MaxRecordBytes + 512;
    private const int OutBytes = 256 << 10;
    private const int InBytes = 128 << 10;

    private readonly int _rekeyAfterRecords;
    private nint _ssl;
    private nint _near;
    private nint _far;
    private byte* _record;
    private int _records;

    public LinkTlsSession(nint ssl, bool dials, int rekeyAfterRecords)
    {
        _ssl = ssl;
        _rekeyAfterRecords = rekeyAfterRecords;
        nint near = 0, far = 0;
        if (OpenSsl.NewPair(&near, OutBytes, &far, InBytes) != 1)
        {
            OpenSsl.Free(ssl);
            throw new IOException($"OpenSSL has no room for a session: {OpenSsl.TakeError()}");
        }

        (_near, _far) = (near, far);
        OpenSsl.SetBio(ssl, near, near);
        if (dials)
        {
            // Nobody has a certificate, and one that somebody shows is trusted by nobody.
            OpenSsl.SetVerify(ssl, OpenSsl.VerifyPeer, 0);
            OpenSsl.SetDials(ssl);
        }
        else
        {
            OpenSsl.SetAccepts(ssl);
        }

        _record = (byte*)NativeMemory.Alloc(MaxRecordBytes);
    }

    /// <summary>Both have proved that they hold the key.</summary>
    public bool IsUp { get; private set; }

    /// <summary>Why it failed; null: it has not.</summary>
    public string? Fault { get; private set; }

    /// <summary>How often other keys were asked for.</summary>
    public int Rekeyed { get; private set; }

    /// <summary>Goes on with the handshake. True: it is over, well or with a <see cref="Fault"/>; false: more has to come first. Either way something may have to be sent.</summary>
    public bool Shake()
    {
        OpenSsl.ClearErrors();
        int result = OpenSsl.Shake(_ssl);
        if (result == 1)
        {
            // With a certificate there would be no key in it, and anybody could be there.
            Fault = OpenSsl.IsByKey(_ssl) == 1 ? null : "the other side wants to do without the cluster's key";
            IsUp = Fault is null;
            return true;
        }

        if (OpenSsl.GetError(_ssl, result) == OpenSsl.ErrorWantRead)
        {
            return false;
        }

        Fault = OpenSsl.TakeError();
        return true;
    }

    /// <summary>Makes one record of what the vectors begin with; returns how much it took. 0: there is no room, or a <see cref="Fault"/>.</summary>
    public int Seal(IoVector* vectors, int count)
    {
        if (OpenSsl.RoomFor(_near) < RoomForRecord)
        {
            return 0;
        }

        if (++_records >= _rekeyAfterRecords)
        {
            _records = 0;
            Rekeyed++;
            if (OpenSsl.UpdateKeys(_ssl, OpenSsl.KeyUpdateRequested) != 1)
            {
                Fault = $"no other keys: {OpenSsl.TakeError()}";
                return 0;
            }
        }

        byte* from = vectors->Address;
        int bytes = (int)Math.Min(vectors->LengthBytes, MaxRecordBytes);
        if (bytes < MaxRecordBytes && count > 1)
        {
            from = _record;
            bytes = 0;
            for (int i = 0; i < count && bytes < MaxRecordBytes; i++)
            {
                int take = (int)Math.Min(vectors[i].LengthBytes, (nuint)(MaxRecordBytes - bytes));
                Buffer.MemoryCopy(vectors[i].Address, _record + bytes, MaxRecordBytes - bytes, take);
                bytes += take;
            }
        }

        nuint written = 0;
        if (OpenSsl.Write(_ssl, from, (nuint)bytes, &written) == 1)
        {
            // Less, where the peer wants small records.
            return (int)written;
        }

        Fault = OpenSsl.TakeError();
        return 0;
    }

    /// <summary>In the ring.</summary>
    public int OutgoingBytes => OpenSsl.Pending(_far);

    /// <summary>What the kernel is to have next; false: nothing.</summary>
    public bool TryGetOutgoing(out IoVector outgoing)
    {
        byte* at = null;
        int bytes = OutgoingBytes > 0 ? OpenSsl.Readable(_far, &at) : 0;
        outgoing = bytes > 0 ? new IoVector(at, (nuint)bytes) : default;
        return bytes > 0;
    }

    /// <summary>The kernel has taken that many bytes of it.</summary>
    public void Sent(int bytes)
    {
        while (bytes > 0)
        {
            byte* at;
            int taken = OpenSsl.TookRead(_far, &at, bytes);
            Invariant.Check(taken > 0);
            bytes -= taken;
        }
    }

    /// <summary>Where the next of what comes is to be put.</summary>
    public IoVector Incoming()
    {
        byte* at;
        int bytes = OpenSsl.Writable(_far, &at);
        Invariant.Check(bytes > 0);
        return new IoVector(at, (nuint)bytes);
    }

    /// <summary>So many bytes have been put there.</summary>
    public void Arrived(int bytes)
    {
        byte* at;
        int taken = OpenSsl.Wrote(_far, &at, bytes);
        Invariant.Check(taken == bytes);
    }

    /// <summary>What came before it was known to be TLS.</summary>
    public void Arrived(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            IoVector room = Incoming();
            int take = (int)Math.Min(room.LengthBytes, (nuint)bytes.Length);
            bytes[..take].CopyTo(new Span<byte>(room.Address, take));
            Arrived(take);
            bytes = bytes[take..];
        }
    }

    /// <summary>Plain text, as far as it is here; returns how much. 0: more has to come first, or the peer has said that it is over, or a <see cref="Fault"/>.</summary>
    public int Open(byte* into, int most)
    {
        // What other code of this thread may have left would be taken for this call's.
        OpenSsl.ClearErrors();
        nuint count = 0;
        int result = OpenSsl.Read(_ssl, into, (nuint)most, &count);
        if (result == 1)
        {
            return (int)count;
        }

        int error = OpenSsl.GetError(_ssl, result);
        if (error is not OpenSsl.ErrorWantRead)
        {
            Fault = error == OpenSsl.ErrorZeroReturn ? "the peer has ended it" : OpenSsl.TakeError();
        }

        return 0;
    }

    public void Dispose()
    {
        if (_record is null)
        {
            return;
        }

        OpenSsl.Free(_ssl);
        _ = OpenSsl.FreeBio(_far);
        NativeMemory.Free(_record);
        (_ssl, _near, _far) = (0, 0, 0);
        _record = null;
    }
}
