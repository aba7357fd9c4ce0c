namespace ActorSan.Conformance;

/// <summary>The logical units that exercise everything. Each is LUN 0 of a target of its own, so that a target reset meant for one reaches no other.</summary>
internal enum Unit
{
    /// <summary>Thin, 512 byte logical and 4096 byte physical blocks, by two portals.</summary>
    Thin,

    /// <summary>Thin with physical = logical blocks.</summary>
    Flat,

    Removable,
    WriteProtected,
    Encrypted,
}

/// <summary>Says which test runs where, once and for all: never 'the best of several'.</summary>
internal static class TestTable
{
    /// <summary>Every test that Debian's iscsi-test-cu 1.19 has under ALL, by family, in the tool's order.</summary>
    private const string Families = """
        CompareAndWrite: Simple DpoFua Miscompare Unwritten InvalidDataOutSize
        ExtendedCopy: Simple ParamHdr DescrLimits DescrType ValidTgtDescr ValidSegDescr
        GetLBAStatus: Simple BeyondEol UnmapSingle
        Inquiry: Standard AllocLength EVPD BlockLimits MandatoryVPDSBC SupportedVPD VersionDescriptors
        Mandatory: MandatorySBC
        ModeSense6: AllPages Control Control-D_SENSE Control-SWP Residuals
        NoMedia: NoMediaSBC
        OrWrite: Simple BeyondEol ZeroBlocks Protect DpoFua Verify
        Prefetch10: Simple BeyondEol ZeroBlocks Flags
        Prefetch16: Simple BeyondEol ZeroBlocks Flags
        PreventAllow: Simple Eject ITNexusLoss Logout WarmReset ColdReset LUNReset 2ITNexuses
        PrinReadKeys: Simple Truncate
        PrinServiceactionRange: Range
        PrinReportCapabilities: Simple
        ProutRegister: Simple
        ProutReserve: Simple AccessEA AccessWE AccessEARO AccessWERO AccessEAAR AccessWEAR OwnershipEA OwnershipWE OwnershipEARO OwnershipWERO OwnershipEAAR OwnershipWEAR
        ProutClear: Simple
        ProutPreempt: RemoveRegistration
        Read6: Simple BeyondEol
        Read10: Simple BeyondEol ZeroBlocks ReadProtect DpoFua Async
        Read12: Simple BeyondEol ZeroBlocks ReadProtect DpoFua
        Read16: Simple BeyondEol ZeroBlocks ReadProtect DpoFua
        ReadCapacity10: Simple
        ReadCapacity16: Simple Alloclen PI Support
        ReadDefectData10: Simple
        ReadDefectData12: Simple
        ReadOnly: ReadOnlySBC
        ReceiveCopyResults: CopyStatus OpParams
        ReportSupportedOpcodes: Simple OneCommand RCTD SERVACTV
        Reserve6: Simple 2Initiators Logout ITNexusLoss TargetColdReset TargetWarmReset LUNReset
        Sanitize: BlockErase BlockEraseReserved CryptoErase CryptoEraseReserved ExitFailureMode InvalidServiceAction Overwrite OverwriteReserved Readonly Reservations Reset
        StartStopUnit: Simple PwrCnd NoLoej
        TestUnitReady: Simple
        Unmap: Simple VPD ZeroBlocks
        Verify10: Simple BeyondEol ZeroBlocks VerifyProtect Flags Dpo Mismatch MismatchNoCmp
        Verify12: Simple BeyondEol ZeroBlocks VerifyProtect Flags Dpo Mismatch MismatchNoCmp
        Verify16: Simple BeyondEol ZeroBlocks VerifyProtect Flags Dpo Mismatch MismatchNoCmp
        Write10: Simple BeyondEol ZeroBlocks WriteProtect DpoFua Async
        Write12: Simple BeyondEol ZeroBlocks WriteProtect DpoFua
        Write16: Simple BeyondEol ZeroBlocks WriteProtect DpoFua
        WriteAtomic16: Simple BeyondEol ZeroBlocks WriteProtect DpoFua VPD
        WriteSame10: Simple BeyondEol ZeroBlocks WriteProtect Unmap UnmapUnaligned UnmapUntilEnd UnmapVPD Check InvalidDataOutSize
        WriteSame16: Simple BeyondEol ZeroBlocks WriteProtect Unmap UnmapUnaligned UnmapUntilEnd UnmapVPD Check InvalidDataOutSize
        WriteVerify10: Simple BeyondEol ZeroBlocks WriteProtect Flags Dpo
        WriteVerify12: Simple BeyondEol ZeroBlocks WriteProtect Flags Dpo
        WriteVerify16: Simple BeyondEol ZeroBlocks WriteProtect Flags Dpo
        iSCSIcmdsn: iSCSICmdSnTooHigh iSCSICmdSnTooLow
        iSCSIdatasn: iSCSIDataSnInvalid
        iSCSIResiduals: Read10Invalid Read10Residuals Read12Residuals Read16Residuals Write10Residuals Write12Residuals Write16Residuals WriteVerify10Residuals WriteVerify12Residuals WriteVerify16Residuals
        iSCSITMF: AbortTaskSimpleAsync LUNResetSimpleAsync
        MultipathIO: Simple Reset CompareAndWrite CompareAndWriteAsync
        """;

    private static readonly Dictionary<string, Unit> s_families = new(StringComparer.Ordinal)
    {
        // These eject the medium, or forbid it.
        ["NoMedia"] = Unit.Removable,
        ["PreventAllow"] = Unit.Removable,
        ["StartStopUnit"] = Unit.Removable,
        ["ReadOnly"] = Unit.WriteProtected,

        // CRYPTO ERASE exists on an encrypted volume alone; the other sanitize tests run on the same unit, which is the one that is slowed down for them.
        ["Sanitize"] = Unit.Encrypted,
    };

    private static readonly Dictionary<string, Unit> s_tests = new(StringComparer.Ordinal)
    {
        // Unmaps single logical blocks and expects each to be a hole: so logical and physical block must be one.
        ["GetLBAStatus.UnmapSingle"] = Unit.Flat,
    };

    /// <summary>Tests that no target can pass: the assertion that fails in each, and why, read from its source. Anything else that fails there is a failure like any other.</summary>
    private static readonly Dictionary<string, (string Assertion, string Why)> s_impossible = new(StringComparer.Ordinal)
    {
        ["iSCSITMF.LUNResetSimpleAsync"] = (
            "CU_ASSERT_EQUAL(reconnect_succeeded,1)",
            "asserts what the answer to LUN RESET sets before it sends the request: iscsi_task_mgmt_async only queues, and the variable begins as 0"),
    };

    internal static IReadOnlyList<string> Names { get; } =
        [.. Families.Split('\n', StringSplitOptions.TrimEntries).Select(line => line.Split(": ", 2)).SelectMany(parts => parts[1].Split(' ').Select(test => parts[0] + "." + test))];

    /// <summary>Where <c>Family.Test</c> runs.</summary>
    internal static Unit UnitOf(string name) =>
        s_tests.TryGetValue(name, out Unit exact) ? exact
        : s_families.TryGetValue(name[..name.IndexOf('.', StringComparison.Ordinal)], out Unit family) ? family
        : Unit.Thin;

    /// <summary>Why no target can pass it, when it failed in the way that is known; null otherwise.</summary>
    internal static string? WhyImpossible(string name, string output) =>
        s_impossible.TryGetValue(name, out (string Assertion, string Why) known)
        && output.Contains(known.Assertion, StringComparison.Ordinal)
        && !output.Contains("\n    2. ", StringComparison.Ordinal)
            ? known.Why
            : null;

    /// <summary>Tests that need a second path to the same unit.</summary>
    internal static bool NeedsTwoPaths(string name) => name.StartsWith("MultipathIO.", StringComparison.Ordinal);

    /// <summary>Reads the tool's own list (<c>iscsi-test-cu -l</c>).</summary>
    internal static IReadOnlyList<string> ParseList(string output)
    {
        var names = new List<string>();
        foreach (string line in output.Split('\n', StringSplitOptions.TrimEntries))
        {
            string[] parts = line.Split('.');
            if (parts is ["ALL", _, _])
            {
                names.Add(line[4..]);
            }
        }

        return names;
    }

    /// <summary>What the table and the tool's list do not share; empty when the board is complete.</summary>
    internal static IReadOnlyList<string> Differences(IReadOnlyList<string> listed) =>
        [.. Names.Except(listed).Select(name => "the tool lacks " + name), .. listed.Except(Names).Select(name => "the table lacks " + name)];
}
