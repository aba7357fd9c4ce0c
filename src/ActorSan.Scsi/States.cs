namespace ActorSan.Scsi;

/// <summary>A unit's state for one task while it runs, kept by the task over reuse.</summary>
internal abstract class TaskState;

/// <summary>A unit's state for one I_T nexus: unit attentions, pending sense.</summary>
internal abstract class NexusState;
