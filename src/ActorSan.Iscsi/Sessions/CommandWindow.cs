using ActorSan.Iscsi.Pdus;
using ActorSan.Storage;

namespace ActorSan.Iscsi.Sessions;

internal enum CommandArrival : byte
{
    /// <summary>Its turn has come.</summary>
    InOrder,

    /// <summary>Inside the window, with a gap before it: hold it.</summary>
    Early,

    /// <summary>Outside the window, or a number that was used: ignored silently (RFC 7143 §4.2.2.1).</summary>
    Outside,
}

/// <summary>What waits for its CmdSN to come.</summary>
internal interface IHeldRequest
{
    /// <summary>Its turn has come.</summary>
    void OnInOrder();
}

/// <summary>
/// A session's CmdSN window: what was received (ExpCmdSN), what may be sent (MaxCmdSN), and what came early over whichever connection. The window shrinks by the
/// commands in flight, which makes it the back-pressure; MaxCmdSN never moves backwards.
/// </summary>
internal sealed class CommandWindow
{
    private readonly int _size;
    private readonly uint _mask;
    private readonly IHeldRequest?[] _held;
    private readonly bool[] _arrived;
    private int _heldCount;

    public CommandWindow(int size, SerialNumber32 first)
    {
        // A power of two, so that the places of neighbours stay apart where the numbers go round.
        int places = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)size);
        _size = size;
        _mask = (uint)places - 1;
        _held = new IHeldRequest?[places];
        _arrived = new bool[places];
        Expected = first;
    }

    /// <summary>ExpCmdSN: the next that is not received.</summary>
    public SerialNumber32 Expected { get; private set; }

    /// <summary>Commands in order that are not answered.</summary>
    public int InFlight { get; private set; }

    /// <summary>MaxCmdSN: the last that may be sent now.</summary>
    public SerialNumber32 Maximum => Expected.Plus(_size - InFlight - 1);

    public CommandArrival Classify(SerialNumber32 number)
    {
        int ahead = number.DistanceFrom(Expected);
        if (ahead < 0 || ahead >= _size - InFlight || (ahead > 0 && _arrived[Index(number)]))
        {
            return CommandArrival.Outside;
        }

        return ahead == 0 ? CommandArrival.InOrder : CommandArrival.Early;
    }

    /// <summary>Uses the number up that is <see cref="CommandArrival.InOrder"/>; the caller handles the request first and then calls <see cref="ReleaseHeld"/>.</summary>
    public void Take(bool countsInFlight)
    {
        Expected = Expected.Next;
        if (countsInFlight)
        {
            InFlight++;
        }
    }

    /// <summary>Keeps what came early; null uses the number up without a request (an aborted command that never came).</summary>
    public void Hold(SerialNumber32 number, IHeldRequest? request)
    {
        int index = Index(number);
        Invariant.Check(!_arrived[index]);
        _arrived[index] = true;
        _held[index] = request;
        _heldCount++;
    }

    /// <summary>A held command ended before its turn (aborted): its number stays used.</summary>
    public void Forget(SerialNumber32 number) => _held[Index(number)] = null;

    /// <summary>Hands on, in order, what was held and is due. A held request counts itself into flight in <see cref="IHeldRequest.OnInOrder"/> by <see cref="EnterFlight"/>.</summary>
    public void ReleaseHeld()
    {
        while (_heldCount > 0 && _arrived[Index(Expected)])
        {
            int index = Index(Expected);
            IHeldRequest? request = _held[index];
            _held[index] = null;
            _arrived[index] = false;
            _heldCount--;
            Expected = Expected.Next;
            request?.OnInOrder();
        }
    }

    public void EnterFlight() => InFlight++;

    /// <summary>A command was answered, or ended without an answer.</summary>
    public void LeaveFlight()
    {
        InFlight--;
        Invariant.Check(InFlight >= 0);
    }

    /// <summary>A connection took another's place: numbering goes on where its login says.</summary>
    public void Restart(SerialNumber32 first)
    {
        Invariant.Check(InFlight == 0);
        Array.Clear(_held);
        Array.Clear(_arrived);
        _heldCount = 0;
        Expected = first;
    }

    private int Index(SerialNumber32 number) => (int)(number.Value & _mask);
}
