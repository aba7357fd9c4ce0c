using System.Security.Cryptography;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>The metadata area of an open store, on its home thread.</summary>
internal sealed unsafe class StoredMetadata : IVolumeMetadata
{
    private readonly SizeQueue _size;
    private readonly RoomQueue _room;
    private readonly bool _readOnly;
    private readonly StateQueue _state;
    private readonly KeyQueue? _key;
    private readonly AttributeQueue[] _attributes;
    private readonly RedoSlot[] _redo;
    private readonly byte[] _dataKey;
    private ulong _redoSequence;

    public StoredMetadata(
        IStore store,
        VolumeMetadata loaded,
        StateContent stateNow,
        FoundPage state,
        FoundPage key,
        FoundPage[] attributes,
        byte[] dataKey,
        ulong redoSequence)
    {
        Superblock superblock = loaded.Superblock;
        _size = new SizeQueue(store, superblock);
        _room = new RoomQueue(store, _size);
        _readOnly = store.Traits.ReadOnly;
        _redoSequence = redoSequence;
        _dataKey = dataKey;
        _state = new StateQueue(store, superblock, state, stateNow);
        _key = loaded.NodeKey is { } nodeKey ? new KeyQueue(store, superblock, key, nodeKey, dataKey) : null;
        _attributes = [.. attributes.Select(page => new AttributeQueue(store, superblock, page))];
        MetadataRegion redo = superblock.Region(MetadataRegionKind.RedoSlots);
        RedoSlotBytes = (int)(redo.UnitBytes - MetadataFormat.UnitBytes);
        MaxAttributeBytes = (int)(superblock.Region(MetadataRegionKind.Attributes).UnitBytes - MetadataFormat.UnitBytes);
        _redo = [.. Enumerable.Range(0, redo.Count).Select(slot => new RedoSlot(store, superblock.VolumeId, slot, redo.OffsetBytes + (slot * redo.UnitBytes)))];
    }

    public Guid VolumeId => _size.Superblock.VolumeId;

    public VolumeGeometry Geometry => _size.Superblock.Geometry;

    public long DataOffsetBytes => _size.Superblock.DataOffsetBytes;

    public int MaxAttributeBytes { get; }

    public int RedoSlotBytes { get; }

    public int RedoSlotCount => _redo.Length;

    public ReadOnlySpan<byte> DataKey => _dataKey;

    public long GrowLimitBytes => _size.Superblock.GrowLimitBytes;

    public bool IsThick => _size.Superblock.Thick;

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => Of(attribute).Value;

    public void SetAttribute(MetadataRequest request)
    {
        Invariant.Check(request.LengthBytes >= 0 && request.LengthBytes <= MaxAttributeBytes);
        Submit(Of(request.Attribute), request);
    }

    public void WriteRedo(MetadataRequest request)
    {
        Invariant.Check(request.LengthBytes > 0 && request.LengthBytes <= RedoSlotBytes && request.OffsetBytes >= 0 && request.OffsetBytes <= Geometry.SizeBytes - request.LengthBytes);
        if (!Refuses(request))
        {
            _redo[request.Slot].Write(request, ++_redoSequence);
        }
    }

    public void ClearRedo(MetadataRequest request)
    {
        if (!Refuses(request))
        {
            _redo[request.Slot].Clear(request);
        }
    }

    public void MarkDirty(MetadataRequest request)
    {
        request.SetsClean = false;
        Submit(_state, request);
    }

    public void MarkClean(MetadataRequest request)
    {
        request.SetsClean = true;
        Submit(_state, request);
    }

    public void ReplaceDataKey(MetadataRequest request)
    {
        Invariant.Check(_key is not null);
        Submit(_key, request);
    }

    public void Extend(MetadataRequest request)
    {
        if (request.LengthBytes > GrowLimitBytes || request.LengthBytes % Geometry.LogicalBlockBytes != 0)
        {
            request.End(StoreStatus.NoSpace);
        }
        else
        {
            Submit(_room, request);
        }
    }

    public void SetSize(MetadataRequest request)
    {
        if (_size.IsInDoubt)
        {
            request.End(StoreStatus.WriteError);
        }
        else
        {
            Submit(_size, request);
        }
    }

    private AttributeQueue Of(VolumeAttribute attribute)
    {
        Invariant.Check(attribute > VolumeAttribute.None && (int)attribute <= _attributes.Length);
        return _attributes[(int)attribute - 1];
    }

    private void Submit(PageQueue queue, MetadataRequest request)
    {
        if (!Refuses(request))
        {
            queue.Submit(request);
        }
    }

    private bool Refuses(MetadataRequest request)
    {
        if (_readOnly)
        {
            request.End(StoreStatus.ReadOnly);
        }

        return _readOnly;
    }

    private sealed class StateQueue : PageQueue
    {
        private readonly PageWriter _writer;
        private StateContent _now;
        private bool _certain = true;

        public StateQueue(IStore store, Superblock superblock, FoundPage found, StateContent now)
        {
            _writer = new PageWriter(store, this, superblock, found);
            _now = now;
        }

        protected override bool Begin(MetadataRequest request)
        {
            if (_certain && request.SetsClean == _now.Clean)
            {
                return false;
            }

            Span<byte> content = stackalloc byte[StateContent.Bytes];
            (_now with { Clean = request.SetsClean }).Write(content);
            _writer.Begin(content);
            return true;
        }

        protected override bool IsDone(MetadataRequest request, StoreStatus status, out StoreStatus answer)
        {
            // After a failed write the mark on the medium is either: what is asked next is written, whatever it is.
            _certain = status == StoreStatus.Success;
            _now = _certain ? _now with { Clean = request.SetsClean } : _now;
            answer = status;
            return true;
        }
    }

    private sealed class AttributeQueue : PageQueue
    {
        private readonly PageWriter _writer;
        private byte[] _value;
        private byte[] _next = [];

        public AttributeQueue(IStore store, Superblock superblock, FoundPage found)
        {
            _writer = new PageWriter(store, this, superblock, found);
            _value = found[found.Latest].Content;
        }

        public ReadOnlySpan<byte> Value => _value;

        protected override bool Begin(MetadataRequest request)
        {
            _next = new ReadOnlySpan<byte>(request.Data, (int)request.LengthBytes).ToArray();
            _writer.Begin(_next);
            return true;
        }

        protected override bool IsDone(MetadataRequest request, StoreStatus status, out StoreStatus answer)
        {
            _value = status == StoreStatus.Success ? _next : _value;
            answer = status;
            return true;
        }
    }

    /// <summary>
    /// Crypto erase: the new key into the older slot; when it is durable, over the old key in the other. Cut in between, opening finishes it (the newer slot counts). A write
    /// that fails leaves open which key the next opening finds: going on with either could make bytes unreadable, so the store is as good as gone.
    /// </summary>
    private sealed class KeyQueue : PageQueue
    {
        private readonly PageWriter _writer;
        private readonly Guid _volumeId;
        private readonly NodeKey _nodeKey;
        private readonly byte[] _dataKey;
        private readonly byte[] _newKey = GC.AllocateArray<byte>(KeyContent.DataKeyBytes, pinned: true);
        private readonly byte[] _content = new byte[KeyContent.Bytes];
        private bool _second;

        public KeyQueue(IStore store, Superblock superblock, FoundPage found, NodeKey nodeKey, byte[] dataKey)
        {
            _writer = new PageWriter(store, this, superblock, found);
            _volumeId = superblock.VolumeId;
            _nodeKey = nodeKey;
            _dataKey = dataKey;
        }

        protected override bool Begin(MetadataRequest request)
        {
            KeyContent.MakeDataKey(_newKey, RandomNumberGenerator.Fill);
            KeyContent.Wrap(_content, _nodeKey, _newKey, _volumeId, RandomNumberGenerator.Fill);
            _second = false;
            _writer.Begin(_content);
            return true;
        }

        protected override bool IsDone(MetadataRequest request, StoreStatus status, out StoreStatus answer)
        {
            answer = status;
            if (status == StoreStatus.Success && !_second)
            {
                _second = true;
                _writer.Begin(_content);
                return false;
            }

            if (status == StoreStatus.Success)
            {
                _newKey.CopyTo(_dataKey, 0);
            }
            else if (_second || status != StoreStatus.Cancelled)
            {
                answer = StoreStatus.Vanished;
            }

            CryptographicOperations.ZeroMemory(_newKey);
            return true;
        }
    }
}
