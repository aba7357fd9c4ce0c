using System.Numerics;
using System.Runtime.InteropServices;

namespace ActorSan.Storage.Stores.Faults;

/// <summary>The contents of a volatile write cache: pages of a store by number, with a bit for each 512-byte sector that is held, in the order in which they became dirty.</summary>
internal sealed unsafe class HeldPages
{
    internal const int PageBytes = 4096;
    private const int SectorBytes = 512;
    private const uint AllSectors = 0xFF;

    private readonly Dictionary<long, Page> _pages = [];
    private readonly LinkedList<Page> _order = new();

    internal long HeldBytes => (long)_pages.Count * PageBytes;

    internal bool IsEmpty => _pages.Count == 0;

    /// <summary>Keeps a copy; null data stands for zeroes, <paramref name="hole"/> for zeroes that may become a hole.</summary>
    internal void Put(long offsetBytes, long lengthBytes, byte* data, bool hole)
    {
        long end = offsetBytes + lengthBytes;
        for (long at = offsetBytes; at < end;)
        {
            (long index, int skip, int take) = Part(at, end);
            if (!_pages.TryGetValue(index, out Page? page))
            {
                page = new Page(index);
                _pages.Add(index, page);
                page.Node = _order.AddLast(page);
            }

            if (data is null)
            {
                NativeMemory.Clear(page.Data + skip, (nuint)take);
            }
            else
            {
                Buffer.MemoryCopy(data + (at - offsetBytes), page.Data + skip, take, take);
            }

            page.Sectors |= Mask(skip, take);
            page.IsHole = hole && take == PageBytes;
            at += take;
        }
    }

    /// <summary>What was written past the cache replaces what it holds.</summary>
    internal void Drop(long offsetBytes, long lengthBytes)
    {
        long end = offsetBytes + lengthBytes;
        if (lengthBytes / PageBytes > _pages.Count)
        {
            foreach (Page page in _order.Where(page => page.Index * PageBytes < end && (page.Index + 1) * PageBytes > offsetBytes).ToArray())
            {
                DropPart(page, Math.Max(offsetBytes, page.Index * PageBytes), end);
            }

            return;
        }

        for (long at = offsetBytes; at < end; at = ((at / PageBytes) + 1) * PageBytes)
        {
            if (_pages.TryGetValue(at / PageBytes, out Page? page))
            {
                DropPart(page, at, end);
            }
        }
    }

    /// <summary>Puts what is held over what was read from the medium.</summary>
    internal void Overlay(long offsetBytes, long lengthBytes, byte* data)
    {
        long end = offsetBytes + lengthBytes;
        for (long at = offsetBytes; at < end;)
        {
            (long index, int skip, int take) = Part(at, end);
            if (_pages.TryGetValue(index, out Page? page))
            {
                for (int sector = skip / SectorBytes; sector < (skip + take) / SectorBytes; sector++)
                {
                    if ((page.Sectors & (1u << sector)) != 0)
                    {
                        Buffer.MemoryCopy(page.Data + (sector * SectorBytes), data + (at - offsetBytes) + (sector * SectorBytes) - skip, SectorBytes, SectorBytes);
                    }
                }
            }

            at += take;
        }
    }

    /// <summary>The map of the medium corrected by what is held.</summary>
    internal void CorrectMap(StoreRequest request)
    {
        if (_pages.TryGetValue(request.OffsetBytes / PageBytes, out Page? first))
        {
            request.ResultMapped = !first.IsHole;
            request.ResultLengthBytes = Math.Min(request.LengthBytes, ((first.Index + 1) * PageBytes) - request.OffsetBytes);
            return;
        }

        foreach (long index in _pages.Keys)
        {
            long distance = (index * PageBytes) - request.OffsetBytes;
            request.ResultLengthBytes = distance > 0 ? Math.Min(request.ResultLengthBytes, distance) : request.ResultLengthBytes;
        }
    }

    /// <summary>Takes the oldest page out; whoever takes it frees it.</summary>
    internal Page TakeOldest()
    {
        Page page = _order.First!.Value;
        Remove(page);
        return page;
    }

    private static (long Index, int Skip, int Take) Part(long at, long end)
    {
        int skip = (int)(at % PageBytes);
        return (at / PageBytes, skip, (int)Math.Min(PageBytes - skip, end - at));
    }

    private static uint Mask(int skip, int take) => (AllSectors >> (8 - (take / SectorBytes))) << (skip / SectorBytes);

    private void DropPart(Page page, long from, long end)
    {
        (_, int skip, int take) = Part(from, end);
        page.Sectors &= ~Mask(skip, take);
        page.IsHole = false;
        if (page.Sectors == 0)
        {
            Remove(page);
            page.Free();
        }
    }

    private void Remove(Page page)
    {
        _pages.Remove(page.Index);
        _order.Remove(page.Node!);
    }

    internal sealed class Page(long index)
    {
        internal byte* Data { get; private set; } = (byte*)NativeMemory.AlignedAlloc(PageBytes, PageBytes);

        internal long Index { get; } = index;

        internal uint Sectors { get; set; }

        internal bool IsHole { get; set; }

        internal LinkedListNode<Page>? Node { get; set; }

        /// <summary>Takes the first run of held sectors out; false when none is left.</summary>
        internal bool TryTakeRun(out int skipBytes, out int lengthBytes)
        {
            int first = BitOperations.TrailingZeroCount(Sectors);
            int count = Sectors == 0 ? 0 : BitOperations.TrailingZeroCount(~(Sectors >> first));
            skipBytes = first * SectorBytes;
            lengthBytes = count * SectorBytes;
            Sectors &= count == 0 ? 0 : ~Mask(skipBytes, lengthBytes);
            return count > 0;
        }

        internal void Free()
        {
            NativeMemory.AlignedFree(Data);
            Data = null;
        }
    }
}
