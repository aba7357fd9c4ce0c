namespace ActorSan.Replication.Core.Formats;

/// <summary>Why a body or a stored content is refused.</summary>
public enum ContentFaultReason : byte
{
    None,

    /// <summary>It ends within a field, or a list says more entries than there are bytes for.</summary>
    Truncated,

    /// <summary>A version that this release does not know.</summary>
    OtherVersion,

    /// <summary>A text or a list longer than it may be.</summary>
    TooLong,

    /// <summary>A number or flag that cannot be.</summary>
    OutOfRange,

    /// <summary>Not UTF-8.</summary>
    BadText,

    /// <summary>Bytes are left behind the last field.</summary>
    Trailing,

    /// <summary>Not the bytes that were written.</summary>
    Checksum,
}

/// <summary>Why a body or a stored content is refused, and where.</summary>
/// <param name="Reason">For those who decide.</param>
/// <param name="Sentence">For the log.</param>
public readonly record struct ContentFault(ContentFaultReason Reason, string Sentence);
