using System.Buffers.Binary;
using System.Globalization;
using ActorSan.Workload.Paths;

namespace ActorSan.Workload.Workers;

/// <summary>
/// Two hosts and a persistent reservation (SPC-4 §5.13). The first registers for all target ports and reserves 'write exclusive, all registrants', of which every registered nexus is a holder:
/// with one holder, its other path could not release what it has taken by a path that is dead. Then it changes its key again and again, and now and
/// then releases and reserves anew. After each answered PERSISTENT RESERVE OUT the keys and the reservation must be what was answered; after one whose outcome is unknown, what was before or what was
/// asked for. The second host, never registered, writes to a block of its own: while the reservation stands, it must be kept out.
/// </summary>
internal sealed class ReservationWorker(Bench bench, PathSet second, long guardBlock, CancellationToken giveUp)
{
    private const int WriteExclusiveAllRegistrants = 7;
    private const int RegisterAndIgnoreExistingKey = 6;
    private readonly HashSet<ulong> _keys = [];
    private ulong _key;

    /// <summary>PERSISTENT RESERVE OUTs that were answered GOOD.</summary>
    internal long Changes { get; private set; }

    /// <summary>Commands that nobody answered within the patience.</summary>
    internal long Failed { get; private set; }

    internal async Task Run(CancellationToken stop)
    {
        if (!await Register(1) || !await Out("RESERVE", 1, _key, 0))
        {
            throw new WorkloadException("the first registration or reservation was not answered; does the unit support persistent reservations?");
        }

        for (ulong round = 2; !stop.IsCancellationRequested; round++)
        {
            _ = await Register(round);
            await CheckKeys();
            await CheckReserved(expected: true);
            await CheckSecondIsKeptOut();
            if (round % 16 == 0 && _keys.Count == 1)
            {
                if (await Out("RELEASE", 2, _key, 0))
                {
                    await CheckReserved(expected: false);
                }

                while (!await Out("RESERVE", 1, _key, 0) && !giveUp.IsCancellationRequested)
                {
                    // Whether it stands is unknown until it is answered.
                }
            }
        }
    }

    private async Task<bool> Register(ulong key)
    {
        _keys.Add(key);
        if (!await Out("REGISTER AND IGNORE EXISTING KEY", RegisterAndIgnoreExistingKey, 0, key))
        {
            return false;
        }

        _keys.Clear();
        _keys.Add(key);
        _key = key;
        return true;
    }

    private async Task<bool> Out(string name, int action, ulong key, ulong newKey)
    {
        OperationResult result = await bench.Paths.Execute(ScsiCommand.ReserveOut(action, action is 1 or 2 ? WriteExclusiveAllRegistrants : 0, key, newKey), null, giveUp);
        if (result.Kind == AttemptKind.Good)
        {
            Changes++;
            return true;
        }

        Failed++;
        if (result.Kind == AttemptKind.ReservationConflict && !(_keys.Count > 1))
        {
            bench.History.Violation($"{name} with the registered key {key:X}h met a RESERVATION CONFLICT: the registration is lost");
        }

        return false;
    }

    private async Task CheckKeys()
    {
        if (await In(0, 8 + (64 * 8)) is not { } data)
        {
            return;
        }

        var found = new List<ulong>();
        int bytes = Math.Min(BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(4)), data.Length - 8);
        for (int at = 8; at + 8 <= 8 + bytes; at += 8)
        {
            found.Add(BinaryPrimitives.ReadUInt64BigEndian(data.AsSpan(at)));
        }

        if (found.Count == 0 || found.Any(key => !_keys.Contains(key)))
        {
            bench.History.Violation(string.Create(CultureInfo.InvariantCulture, $"READ KEYS: {Keys(found)}; answered was {Keys(_keys)}"));
        }
    }

    private async Task CheckReserved(bool expected)
    {
        if (await In(1, 24) is not { } data)
        {
            return;
        }

        bool reserved = BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(4)) >= 16 && data.Length >= 24;
        if (reserved != expected)
        {
            bench.History.Violation(expected ? "READ RESERVATION: none, although RESERVE was answered GOOD" : "READ RESERVATION: one, although RELEASE was answered GOOD");
            return;
        }

        if (reserved && (data[21] & 0x0F) != WriteExclusiveAllRegistrants)
        {
            bench.History.Violation($"READ RESERVATION: type {data[21] & 0x0F}h, reserved was {WriteExclusiveAllRegistrants}h");
        }

        // SPC-4 §6.15.3: of all registrants none is named.
        ulong key = reserved ? BinaryPrimitives.ReadUInt64BigEndian(data.AsSpan(8)) : 0;
        if (key != 0)
        {
            bench.History.Violation(string.Create(CultureInfo.InvariantCulture, $"READ RESERVATION: key {key:X}h, and all registrants hold it"));
        }
    }

    private async Task CheckSecondIsKeptOut()
    {
        OperationResult result = await second.Execute(ScsiCommand.Write(guardBlock, 1, new byte[bench.BlockBytes], fua: false), null, giveUp);
        if (result.Kind == AttemptKind.Good)
        {
            bench.History.Violation($"a host that is not registered has written while the reservation stood (path {result.Path})");
        }
        else if (result.Kind != AttemptKind.ReservationConflict)
        {
            Failed++;
        }
    }

    private async Task<byte[]?> In(int action, int bytes)
    {
        OperationResult result = await bench.Paths.Execute(ScsiCommand.ReserveIn(action, bytes), null, giveUp);
        if (result.Kind == AttemptKind.Good && result.Data.Length >= 8)
        {
            return result.Data;
        }

        Failed++;
        return null;
    }

    private static string Keys(IEnumerable<ulong> keys) => string.Join(", ", keys.Select(key => string.Create(CultureInfo.InvariantCulture, $"{key:X}h"))) is { Length: > 0 } some ? some : "none";
}
