using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>What became of a wish to grow.</summary>
public enum GrowAnswer : byte
{
    /// <summary>Begun, or sent to the node that is primary. Whether it was done is told by the configuration.</summary>
    Begun,

    /// <summary>The volume has that size.</summary>
    NothingToDo,

    /// <summary>S7: a volume never becomes smaller.</summary>
    Smaller,

    /// <summary>Nobody serves who could do it.</summary>
    NotNow,
}

/// <summary>S7: first everyone who is required makes room, then the size is decided, then it is served.</summary>
public sealed partial class VolumeControl
{
    private long _growTo;
    private GrowReady? _growReady;

    /// <summary>The node whose store could not be grown to the size that was wished last; null: none has refused.</summary>
    public GrowRefused? LastGrowRefusal { get; private set; }

    public GrowAnswer RequestGrow(long sizeBytes)
    {
        if (Known is not { Deleted: false } known)
        {
            return GrowAnswer.NotNow;
        }

        if (sizeBytes <= known.SizeBytes)
        {
            return sizeBytes == known.SizeBytes ? GrowAnswer.NothingToDo : GrowAnswer.Smaller;
        }

        if (Role != VolumeRole.Serving)
        {
            if (known.Primary is { } primary && primary.Node != _node)
            {
                _network.Send(primary.Node, new GrowWish(_node, _key, sizeBytes));
                return GrowAnswer.Begun;
            }

            return GrowAnswer.NotNow;
        }

        LastGrowRefusal = null;
        _growTo = sizeBytes;
        _growReady = null;
        _engine.Execute(new Grow(sizeBytes));
        return GrowAnswer.Begun;
    }

    private void OnGrowReady(GrowReady ready)
    {
        if (ready.SizeBytes == _growTo)
        {
            _growReady = ready;
        }
    }

    private void OnGrowRefused(GrowRefused refused)
    {
        if (refused.SizeBytes == _growTo)
        {
            LastGrowRefusal = refused;
            ForgetGrowth();
        }
    }

    private void ForgetGrowth()
    {
        _growTo = 0;
        _growReady = null;
    }

    // Room that was made for another configuration says nothing about those whom this one requires.
    private GrowRound? NextGrowth(Configuration known)
    {
        if (_growTo > 0 && _growTo <= known.SizeBytes)
        {
            ForgetGrowth();
        }

        return _growReady is { } ready && ready.Version == known.Version ? new GrowRound(this, ready) : null;
    }

    /// <summary>R6: an unknown outcome is settled by the next round; until then nothing of the new part is served, and everyone has room for it.</summary>
    private sealed class GrowRound(VolumeControl control, GrowReady ready) : Edit(control)
    {
        public override string Aim => "to grow";

        protected override Configuration? Change(Configuration current) =>
            current.Version == ready.Version && current.SizeBytes < ready.SizeBytes ? Volume.Next(current) with { SizeBytes = ready.SizeBytes } : null;
    }
}
