using ActorSan.Replication.Core.Intent;
using ActorSan.Replication.Core.Primaries;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Clients;
using ActorSan.Storage.Blocks;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// What a node's target does with an initiator's commands: to the engine, and the answer back. Attributes are known by those that were completed here and by what the replica held
/// when it began to serve, as the SCSI layer knows them.
/// </summary>
internal sealed unsafe class VolumeFront(VolumeProgram program) : ISimVolume
{
    private readonly Stack<Command> _free = new();
    private readonly byte[][] _attributes = [[], [], [], []];
    private Primary? _known;

    public int BlockBytes => program.Process.Node.Disk!.Options.BlockBytes;

    public int Blocks => (int)(program.Setup.First.SizeBytes / BlockBytes);

    public void Submit(SimOp op)
    {
        if (program.Engine?.Primary is not { } primary)
        {
            op.Complete(SimOutcome.Refused);
            return;
        }

        if (_known != primary)
        {
            // Before anything was changed under this promotion: what the replica holds is complete by the time that it serves.
            _known = primary;
            for (int i = 1; i < _attributes.Length; i++)
            {
                _attributes[i] = program.Engine.Replica.GetAttribute((VolumeAttribute)i).ToArray();
            }
        }

        Command command = _free.Count > 0 ? _free.Pop() : new Command(this);
        command.Op = op;
        command.Primary = primary;
        command.Lineage = program.Engine.Replica.Lineage;
        command.OffsetBytes = (long)op.Block * BlockBytes;
        command.LengthBytes = (long)op.Count * BlockBytes;
        command.Data = op.Data;
        command.ForceUnitAccess = op.Durable;
        command.Atomic = op.Atomic;
        command.MayDeallocate = false;
        command.TakesRightsAway = false;
        command.Attribute = VolumeAttribute.None;
        command.Kind = op.Kind switch
        {
            SimOpKind.Read => VolumeOperationKind.Read,
            SimOpKind.Write => VolumeOperationKind.Write,
            SimOpKind.CompareAndWrite => VolumeOperationKind.CompareAndWrite,
            SimOpKind.WriteZeroes => VolumeOperationKind.WriteZeroes,
            SimOpKind.Flush => VolumeOperationKind.Flush,
            SimOpKind.SetAttribute => VolumeOperationKind.SetAttribute,
            _ => VolumeOperationKind.Read,
        };
        if (op.Kind == SimOpKind.SetAttribute)
        {
            command.Attribute = (VolumeAttribute)(op.Block);
            command.LengthBytes = op.DataBytes;

            // As a caller's object that was a write before: nobody may care.
            command.OffsetBytes = op.DataBytes;
            command.TakesRightsAway = (op.DataBytes & 1) != 0;
        }
        else if (op.Kind == SimOpKind.GetAttribute)
        {
            // As PERSISTENT RESERVE IN: an answer that tells state, under the rules of a read.
            command.OffsetBytes = 0;
            command.LengthBytes = BlockBytes;
            command.Data = command.Spare;
        }

        WriteIntent intent = program.Engine.Replica.Intent;
        bool isNew = op.Kind is SimOpKind.Write or SimOpKind.WriteZeroes && command.OffsetBytes < intent.SizeBytes && !intent.IsSet(intent.ChunkOf(command.OffsetBytes));
        command.NewMark = isNew ? program.Engine.Replica.Mark + 1 : 0;
        program.Engine.Submit(command);
    }

    private void OnCompleted(Command command)
    {
        SimOp op = command.Op!;
        command.Op = null;
        op.Lineage = program.Setup.Lineages.NumberOf(command.Lineage);
        SimOutcome outcome = command.Status switch
        {
            VolumeStatus.Success => SimOutcome.Ok,
            VolumeStatus.Miscompare => SimOutcome.Miscompare,
            VolumeStatus.OutOfRange or VolumeStatus.NotSupported => SimOutcome.Refused,
            _ => SimOutcome.Unknown,
        };
        if (outcome is SimOutcome.Ok or SimOutcome.Miscompare)
        {
            Primary primary = command.Primary!;
            if (command.OffsetBytes + command.LengthBytes > ((Configuration)program.Setup.Facts.Latest(program.Setup.Key.Name)!).SizeBytes && op.Kind != SimOpKind.SetAttribute)
            {
                program.Setup.Facts.Violation("S7", program.Process.Node.Name, $"block {op.Block + op.Count - 1} is served before anyone has decided that the volume has it");
            }

            if (command.NewMark > 0 && !primary.IsDiskless)
            {
                Dictionary<Guid, long> marks = program.Setup.AnsweredMarks;
                Guid incarnation = program.Engine!.Replica.Incarnation;
                marks[incarnation] = Math.Max(marks.GetValueOrDefault(incarnation), command.NewMark);
            }

            program.Setup.Lineages.Answered(command.Lineage, program.Process);
            program.Setup.Facts.Answered(program.Setup.Lineages.NameOf(command.Lineage), program.Process.Node.Name, program.Process.Instance, primary.Epoch);
            Attributes(command, op);
        }

        _free.Push(command);
        op.Complete(outcome);
    }

    private void Attributes(Command command, SimOp op)
    {
        if (op.Kind is not (SimOpKind.SetAttribute or SimOpKind.GetAttribute))
        {
            return;
        }

        if (op.Kind == SimOpKind.SetAttribute)
        {
            _attributes[(int)command.Attribute] = new ReadOnlySpan<byte>(op.Data, op.DataBytes).ToArray();
            return;
        }

        byte[] value = _attributes[op.Block];
        var target = new Span<byte>(op.Data, op.DataBytes);
        target.Clear();
        value.AsSpan(0, Math.Min(value.Length, target.Length)).CopyTo(target);
    }

    private sealed class Command(VolumeFront front) : VolumeOperation
    {
        public SimOp? Op;
        public Primary? Primary;

        /// <summary>No less than the mark under which the store will have it, when its chunk was clear; else 0.</summary>
        public long NewMark;
        public Guid Lineage;
        private readonly byte[] _spare = GC.AllocateArray<byte>(64, pinned: true);

        public byte* Spare => (byte*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_spare, 0);

        protected internal override void OnCompleted() => front.OnCompleted(this);
    }
}
