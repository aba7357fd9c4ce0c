using System.Diagnostics.CodeAnalysis;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Formats;

/// <summary>Which other replica one of the places for out-of-sync pages stands for.</summary>
/// <param name="Place">0 to 2: the pages' peer number.</param>
/// <param name="Wholly">Every granule, whatever the pages say (S1).</param>
/// <param name="Generation">Told in the pages too: a page of another one was written for whom the place stood for before, and counts as empty.</param>
public readonly record struct PeerPlace(byte Place, string Node, Guid Incarnation, bool Wholly, long Generation);

/// <summary>
/// What a replica knows of itself (replication.md §2, Replica): the content of its State page, version 1, little endian.
/// <code>
/// version (1), flags (1: detached, discarded, out wholly, session ended, written through), volume id (16), lineage (16), incarnation (16), power session (16), boot id (16), highest epoch (8), mark (8),
/// node; places: count (4), each place (1), flags (1: wholly), node, incarnation (16), generation (8); heard marks: count (4), each incarnation (16), mark (8).
/// </code>
/// </summary>
public sealed record ReplicaState
{
    public const byte Version = 1;
    public const int PeerPlaces = 3;

    /// <summary>Of store incarnations that were replaced long ago the oldest are forgotten.</summary>
    public const int MaxHeard = 64;

    private const byte DetachedFlag = 1;
    private const byte DiscardedFlag = 2;
    private const byte WhollyOutFlag = 4;
    private const byte SessionEndedFlag = 8;
    private const byte WrittenThroughFlag = 16;

    public required Guid VolumeId { get; init; }

    public required Guid Lineage { get; init; }

    /// <summary>Whose replica this is: a store that was carried to another node does not fit (I6).</summary>
    public required string Node { get; init; }

    public required Guid Incarnation { get; init; }

    /// <summary>Rewritten at every open.</summary>
    public required Guid Session { get; init; }

    /// <summary>The kernel's, when the session began.</summary>
    public required Guid BootId { get; init; }

    /// <summary>W3: a lower one is fenced.</summary>
    public long HighestEpoch { get; init; }

    /// <summary>W2. A write-intent page may have a higher one: the highest counts.</summary>
    public long Mark { get; init; }

    /// <summary>The highest heard of each other store incarnation.</summary>
    public ValueList<HeardMark> Heard { get; init; }

    /// <summary>The configuration does not name it (R8): it keeps its bytes and attaches to nobody.</summary>
    public bool Detached { get; init; }

    /// <summary>Another lineage discards its own (P11): it waits for an operator's discard.</summary>
    public bool Discarded { get; init; }

    /// <summary>It was told that it is out wholly, and has taken this incarnation for that (S1).</summary>
    public bool WhollyOut { get; init; }

    /// <summary>The store has failed an I/O in this session: whoever opens it next begins another one.</summary>
    public bool SessionEnded { get; init; }

    /// <summary>Since the store was opened nothing has been acknowledged before the medium had it.</summary>
    public bool WrittenThrough { get; init; }

    /// <summary>In the order of their places.</summary>
    public ValueList<PeerPlace> Places { get; init; }

    public void Write(ContentWriter writer)
    {
        writer.Byte(Version);
        writer.Byte((byte)((Detached ? DetachedFlag : 0) | (Discarded ? DiscardedFlag : 0) | (WhollyOut ? WhollyOutFlag : 0) | (SessionEnded ? SessionEndedFlag : 0) | (WrittenThrough ? WrittenThroughFlag : 0)));
        writer.Id(VolumeId);
        writer.Id(Lineage);
        writer.Id(Incarnation);
        writer.Id(Session);
        writer.Id(BootId);
        writer.Number(HighestEpoch);
        writer.Number(Mark);
        writer.Text(Node);
        Invariant.Check(AreInOrder(Places));
        writer.List(
            Places,
            PeerPlaces,
            static (ContentWriter to, in PeerPlace place) =>
            {
                to.Byte(place.Place);
                to.Byte(place.Wholly ? (byte)1 : (byte)0);
                to.Text(place.Node);
                to.Id(place.Incarnation);
                to.Number(place.Generation);
            });
        writer.List(
            Heard,
            MaxHeard,
            static (ContentWriter to, in HeardMark mark) =>
            {
                to.Id(mark.Incarnation);
                to.Number(mark.Mark);
            });
    }

    public static bool TryRead(ReadOnlySpan<byte> content, [NotNullWhen(true)] out ReplicaState? state, out ContentFault fault)
    {
        var reader = new ContentReader("a state page", content);
        reader.Version(Version);
        byte flags = reader.Flags("flags", DetachedFlag | DiscardedFlag | WhollyOutFlag | SessionEndedFlag | WrittenThroughFlag);
        state = new ReplicaState
        {
            VolumeId = reader.Id("volume id"),
            Lineage = reader.Id("lineage"),
            Incarnation = reader.Id("incarnation"),
            Session = reader.Id("power session"),
            BootId = reader.Id("boot id"),
            HighestEpoch = reader.Number("highest epoch"),
            Mark = reader.Number("mark"),
            Node = reader.Text("node"),
            Places = reader.List("places", PeerPlaces, 1 + 1 + 2 + 16 + 8, ReadPlace),
            Heard = reader.List("heard marks", MaxHeard, 24, static (ref ContentReader from) => new HeardMark(from.Id("incarnation of a mark"), from.Number("mark heard"))),
            Detached = (flags & DetachedFlag) != 0,
            Discarded = (flags & DiscardedFlag) != 0,
            WhollyOut = (flags & WhollyOutFlag) != 0,
            SessionEnded = (flags & SessionEndedFlag) != 0,
            WrittenThrough = (flags & WrittenThroughFlag) != 0,
        };
        if (!AreInOrder(state.Places))
        {
            reader.Refuse(ContentFaultReason.OutOfRange, "has places that are not in order");
        }

        bool good = reader.TryEnd(out fault);
        state = good ? state : null;
        return good;
    }

    private static PeerPlace ReadPlace(ref ContentReader reader)
    {
        byte place = reader.Choice("place", PeerPlaces - 1);
        bool wholly = reader.Flags("flags of a place", 1) != 0;
        return new PeerPlace(place, reader.Text("node of a place"), reader.Id("incarnation of a place"), wholly, reader.Number("generation of a place"));
    }

    private static bool AreInOrder(ValueList<PeerPlace> places)
    {
        for (int i = 1; i < places.Count; i++)
        {
            if (places[i].Place <= places[i - 1].Place)
            {
                return false;
            }
        }

        return places.Count == 0 || places[^1].Place < PeerPlaces;
    }
}
