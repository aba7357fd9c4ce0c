namespace ActorSan.Scsi.Modes;

/// <summary>One mode page in its four forms (SPC-4 §6.11.2, PC field). Bytes 0 and 1 are page code and page length, without PS.</summary>
internal sealed class ModePage
{
    public ModePage(byte[] defaults, byte[] changeable)
    {
        Storage.Invariant.Check(defaults.Length == changeable.Length && defaults[1] == defaults.Length - 2);
        Default = defaults;
        Changeable = changeable;
        Current = (byte[])defaults.Clone();
        Saved = (byte[])defaults.Clone();
    }

    public byte Code => Default[0];

    public int Length => Default.Length;

    public byte[] Default { get; }

    /// <summary>Ones where MODE SELECT may change; code and length in place.</summary>
    public byte[] Changeable { get; }

    public byte[] Current { get; }

    public byte[] Saved { get; }

    /// <summary>By the PC field: current, changeable, default, saved.</summary>
    public byte[] Values(int pageControl) => pageControl switch
    {
        0 => Current,
        1 => Changeable,
        2 => Default,
        _ => Saved,
    };

    /// <summary>The first byte of <paramref name="wanted"/> that differs from the current one where nothing may change; −1 when there is none.</summary>
    public int FirstForbidden(ReadOnlySpan<byte> wanted)
    {
        for (int i = 2; i < Length; i++)
        {
            if (((wanted[i] ^ Current[i]) & ~Changeable[i]) != 0)
            {
                return i;
            }
        }

        return -1;
    }
}
