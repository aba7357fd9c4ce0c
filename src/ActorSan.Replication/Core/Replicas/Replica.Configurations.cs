using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>The Configuration page (§2, Replica): a node that starts again goes on from the newest configuration that it was told. P11 keeps there what a lineage is to begin with.</summary>
public sealed unsafe partial class Replica
{
    private readonly ConfigurationWriter _configurationWriter;
    private readonly List<string> _pageFaults = [];

    // What the page surely holds; null: nothing, or what may not be the latest.
    private Configuration? _page;

    /// <summary>What the page held when the store was opened, of whatever lineage; null: nothing that can be read.</summary>
    public Configuration? Remembered { get; private set; }

    /// <summary>False: a slot of the page is damaged, and the other one may be the older of the two. It was decided once; what is decided now, only the register knows.</summary>
    public bool IsRememberedLatest { get; private set; }

    /// <summary>Of the newest configuration of the own lineage that is durable here.</summary>
    public long RememberedVersion => _page is { } page && page.Lineage == Lineage ? page.Version : 0;

    /// <summary>A sentence for each page that cannot be trusted, as far as they were looked at: of a bitmap all bits count as set.</summary>
    public IReadOnlyList<string> PageFaults => _pageFaults;

    /// <summary>P11: durable when this ends well. What the page holds of another lineage than the replica's stays, until it has entered that one.</summary>
    public void KeepConfiguration(Configuration configuration, Action<bool> done) => _configurationWriter.Keep(configuration, done);

    private void LoadConfiguration()
    {
        ReadOnlySpan<byte> content = _metadata.LoadedPage(ReplicaPageKind.Configuration, 0, 0, out PageHealth health);
        if (health == PageHealth.Blank)
        {
            return;
        }

        if (!ConfigurationCodec.TryRead(content, out Configuration? found, out ContentFault fault))
        {
            _pageFaults.Add(fault.Sentence);
            return;
        }

        if (found!.VolumeId != VolumeId)
        {
            _pageFaults.Add($"the configuration page is of volume {found.VolumeId}, and this replica of {VolumeId}");
            return;
        }

        Remembered = found;
        IsRememberedLatest = health == PageHealth.Sound;
        _page = IsRememberedLatest || found.Lineage != Lineage ? found : null;
        if (!IsRememberedLatest)
        {
            _pageFaults.Add("the configuration page has a damaged slot: what it says may not be the latest");
        }
    }

    /// <summary>One write at a time: what was asked for, else the newest that the replica was told.</summary>
    private sealed class ConfigurationWriter : PageWrite
    {
        private readonly Replica _replica;
        private readonly ContentWriter _writer = new();
        private readonly int _maxBytes;
        private Configuration? _writing;
        private Action<bool>? _told;
        private Configuration? _asked;
        private Action<bool>? _done;

        public ConfigurationWriter(Replica replica)
        {
            _replica = replica;
            _maxBytes = replica._metadata.PageContentBytes(ReplicaPageKind.Configuration);
            Kind = ReplicaPageKind.Configuration;
            Content = (byte*)NativeMemory.AllocZeroed((nuint)_maxBytes);
        }

        ~ConfigurationWriter() => NativeMemory.Free(Content);

        public void Keep(Configuration configuration, Action<bool> done)
        {
            Invariant.Check(_asked is null);
            (_asked, _done) = (configuration, done);
            Next();
        }

        public void Save() => Next();

        public override void OnEnded()
        {
            bool held = Status == StoreStatus.Success;
            if (held)
            {
                _replica._page = _writing;
            }
            else
            {
                _replica.Fail(Status);
            }

            _writing = null;
            Action<bool>? told = _told;
            _told = null;
            told?.Invoke(held);
            Next();
        }

        private void Next()
        {
            if (_writing is not null)
            {
                return;
            }

            if (_asked is { } asked)
            {
                (_told, _asked, _done) = (_done, null, null);
                Write(asked);
            }
            else if (!_replica.IsFailed && _replica._configuration is { } newest && (_replica._page is not { } page || (page.Lineage == newest.Lineage && page.Version < newest.Version)))
            {
                Write(newest);
            }
        }

        private void Write(Configuration configuration)
        {
            _writing = configuration;
            if (_replica._bugs.Has(Bug.ForgetConfiguration) && _told is null)
            {
                End(StoreStatus.Success);
                return;
            }

            _writer.Clear();
            ConfigurationCodec.Write(_writer, configuration);
            LengthBytes = _writer.Length;
            _writer.Written.CopyTo(new Span<byte>(Content, _maxBytes));
            _replica._metadata.WritePage(this);
        }
    }
}
