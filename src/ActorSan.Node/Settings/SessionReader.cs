using ActorSan.Iscsi;

namespace ActorSan.Node.Settings;

/// <summary>A target's <c>session</c> section: what it offers and bounds at login (RFC 7143 §13).</summary>
internal static class SessionReader
{
    private const int MaxLength = (1 << 24) - 1;

    public static SessionSettings Read(Section session)
    {
        var settings = new SessionSettings
        {
            MaxRecvDataSegmentLength = (int)session.Size("max-recv-data-segment", 512, MaxLength),
            MaxBurstLength = (int)session.Size("max-burst", 512, MaxLength),
            FirstBurstLength = (int)session.Size("first-burst", 512, MaxLength),
            InitialR2T = session.Flag("initial-r2t"),
            ImmediateData = session.Flag("immediate-data"),
            MaxOutstandingR2T = (int)session.Integer("max-outstanding-r2t", 1, 65535),
            CommandWindow = (int)session.Integer("command-window", 1, 4096),
            HeaderDigest = session.Flag("header-digest"),
            DataDigest = session.Flag("data-digest"),
            RequireDigests = session.Flag("require-digests"),
            NopInterval = session.Duration("nop-interval", TimeSpan.Zero, TimeSpan.FromHours(1)),
            NopTimeout = session.Duration("nop-timeout", TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
        };
        if (settings.FirstBurstLength > settings.MaxBurstLength)
        {
            session.Report(SettingsFault.Conflict, "first-burst", "must not be larger than max-burst (RFC 7143 §13.14)");
        }

        if (settings.RequireDigests && !(settings.HeaderDigest && settings.DataDigest))
        {
            session.Report(SettingsFault.Conflict, "require-digests", "digests that are switched off cannot be required");
        }

        return settings;
    }
}
