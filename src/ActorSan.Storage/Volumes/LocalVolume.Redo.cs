using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Volumes;

/// <summary>What must not tear goes through a redo slot (replication.md W11): who has one, who waits for one, and the way from slot to place.</summary>
public sealed unsafe partial class LocalVolume
{
    private bool TryTakeSlot(LocalOperation operation)
    {
        if (_freeSlotCount > 0)
        {
            operation.RedoSlot = _freeSlots[--_freeSlotCount];
            return true;
        }

        Enqueue(ref _firstWaitingForSlot, ref _lastWaitingForSlot, operation);
        return false;
    }

    /// <summary>A slot that could not be emptied is never used again, and the volume has failed: nobody gets another.</summary>
    private void RefuseSlotWaiters()
    {
        while (Dequeue(ref _firstWaitingForSlot, ref _lastWaitingForSlot) is { } waiting)
        {
            waiting.Refuse();
        }
    }

    private void ReturnSlot(int slot)
    {
        _freeSlots[_freeSlotCount++] = slot;
        if (_failure is not null)
        {
            RefuseSlotWaiters();
        }
        else if (Dequeue(ref _firstWaitingForSlot, ref _lastWaitingForSlot) is { } waiting)
        {
            Invariant.Check(TryTakeSlot(waiting));
            waiting.WriteRedo();
        }
    }

    private sealed partial class LocalOperation
    {
        private void Provision()
        {
            Ask(Step.Provision, _operation!.OffsetBytes, _operation.LengthBytes, null);
            _volume._store.Provision(this);
        }

        private void TakeSlot()
        {
            if (_volume._failure is not null)
            {
                Refuse();
                return;
            }

            _step = Step.Redo;
            if (_volume.TryTakeSlot(this))
            {
                WriteRedo();
            }
        }

        public void WriteRedo()
        {
            VolumeOperation operation = _operation!;
            byte* stored = Given;
            if (_volume._cipher is { } cipher)
            {
                if (Piece.IsEmpty && !_volume.TryRentPiece(this, (int)operation.LengthBytes))
                {
                    return;
                }

                cipher.Encrypt(operation.OffsetBytes, stored, Piece.Address, operation.LengthBytes);
                stored = Piece.Address;
            }

            OperationMetadata redo = Metadata;
            redo.Slot = RedoSlot;
            redo.OffsetBytes = operation.OffsetBytes;
            redo.LengthBytes = operation.LengthBytes;
            redo.Data = stored;
            _step = Step.Redo;
            _volume._metadata.WriteRedo(redo);
        }

        /// <summary>
        /// The write is complete, and durable by its slot: the answer goes now. The range stays held, for reads only shared, until the slot is empty, so that a replay can
        /// never bring old bytes back.
        /// </summary>
        private void OnInPlace()
        {
            VolumeOperation operation = TakeOperation()!;
            _volume._locks.Share(_lock!);
            Ask(Step.FlushForSlot, 0, 0, null);
            operation.Complete(VolumeStatus.Success);
            _volume._store.Flush(this);
        }

        private void ClearSlot()
        {
            _step = Step.ClearSlot;
            OperationMetadata clear = Metadata;
            clear.Slot = RedoSlot;
            _volume._metadata.ClearRedo(clear);
        }

        private void AbandonSlot(VolumeStatus status)
        {
            VolumeOperation? operation = TakeOperation();
            operation?.Complete(status);
            ClearSlot();
        }

        private void OnSlotCleared(StoreStatus status)
        {
            if (status == StoreStatus.Success)
            {
                int slot = RedoSlot;
                RedoSlot = -1;
                _volume.Finish(this, VolumeStatus.Success);
                _volume.ReturnSlot(slot);
                return;
            }

            // A slot that may be replayed over newer bytes: nothing may be written there any more, and only a replay at the next open settles it.
            LoseSlot(Judge(status, 0, flush: true));
        }

        private void LoseSlot(VolumeStatus status)
        {
            RedoSlot = -1;
            End(status);
            _volume.RefuseSlotWaiters();
        }
    }
}
