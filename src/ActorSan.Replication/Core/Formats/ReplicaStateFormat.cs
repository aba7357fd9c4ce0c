using ActorSan.Replication.Core.Replicas;

namespace ActorSan.Replication.Core.Formats;

internal static class ReplicaStateFormat
{
    public static int Write(ReplicaState state, Span<byte> content) => 0;
}
