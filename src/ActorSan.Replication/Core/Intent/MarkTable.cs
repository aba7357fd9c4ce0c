using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Intent;

/// <summary>The highest mark heard of each store incarnation (W2): whoever is behind one that anyone heard of it is an old copy. A handful of entries.</summary>
public sealed class MarkTable
{
    private HeardMark[] _marks = new HeardMark[8];

    public int Count { get; private set; }

    /// <summary>Something was heard since <see cref="Saved"/>.</summary>
    public bool IsChanged { get; private set; }

    public long Of(Guid incarnation)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_marks[i].Incarnation == incarnation)
            {
                return _marks[i].Mark;
            }
        }

        return 0;
    }

    public void Hear(Guid incarnation, long mark)
    {
        if (mark <= 0)
        {
            return;
        }

        for (int i = 0; i < Count; i++)
        {
            if (_marks[i].Incarnation == incarnation)
            {
                if (mark > _marks[i].Mark)
                {
                    _marks[i] = new HeardMark(incarnation, mark);
                    IsChanged = true;
                }

                return;
            }
        }

        if (Count == _marks.Length)
        {
            Array.Resize(ref _marks, Count * 2);
        }

        _marks[Count++] = new HeardMark(incarnation, mark);
        IsChanged = true;
    }

    public void Hear(ValueList<HeardMark> marks)
    {
        foreach (HeardMark heard in marks.Span)
        {
            Hear(heard.Incarnation, heard.Mark);
        }
    }

    /// <summary>What a decided configuration says of its replicas.</summary>
    public void Hear(Configuration configuration)
    {
        foreach (ReplicaEntry replica in configuration.Replicas.Span)
        {
            Hear(replica.Incarnation, replica.HighestMark);
        }
    }

    /// <summary>Keeps only the incarnations that the configuration names; the rest is of stores that are gone.</summary>
    public void Forget(Configuration configuration)
    {
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            bool named = false;
            foreach (ReplicaEntry replica in configuration.Replicas.Span)
            {
                named |= replica.Incarnation == _marks[i].Incarnation;
            }

            if (named)
            {
                _marks[kept++] = _marks[i];
            }
        }

        IsChanged |= kept != Count;
        Count = kept;
    }

    public void Saved() => IsChanged = false;

    public ValueList<HeardMark> ToList() => [.. _marks.AsSpan(0, Count)];
}
