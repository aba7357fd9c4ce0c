namespace ActorSan.Workload.Paths;

/// <summary>What all paths of one initiator share.</summary>
/// <param name="Initiator">Its iSCSI name.</param>
/// <param name="Target">The target's iSCSI name.</param>
/// <param name="Lun">The logical unit.</param>
/// <param name="Isid">24 random bits of the ISID: the same on all paths to different portal groups, so that it is one initiator port to the target (RFC 7143 §4.4.3).</param>
/// <param name="CommandTimeout">An attempt without an answer for so long is given up, and its session reset.</param>
/// <param name="PathTimeout">A ping (NOP-Out), a connection or a login without an answer for so long is the end of the path, until it can be opened anew.</param>
internal sealed record PathOptions(string Initiator, string Target, int Lun, uint Isid, TimeSpan CommandTimeout, TimeSpan PathTimeout);
