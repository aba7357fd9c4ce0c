namespace ActorSan.Cluster.Security;

/// <summary>The certificates of a node cannot be used. The message is a sentence that says what to do.</summary>
public sealed class ClusterTlsException(string sentence, Exception? inner = null) : Exception(sentence, inner);
