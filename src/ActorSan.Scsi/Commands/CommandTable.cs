using System.Runtime.CompilerServices;
using ActorSan.Storage;

namespace ActorSan.Scsi;

/// <summary>The one table of all commands, by operation code and service action. Each family gives its rows.</summary>
internal static class CommandTable
{
    private const int ServiceActions = 32;

    // Operation code → its only row, or null; beside it the rows by service action.
    private static readonly CommandDescriptor?[] ByOperationCode = new CommandDescriptor?[256];
    private static readonly CommandDescriptor?[]?[] ByServiceAction = new CommandDescriptor?[]?[256];

    static CommandTable()
    {
        All =
        [
            .. PrimaryCommands.Rows,
            .. Inquiry.InquiryCommand.Rows,
            .. Inquiry.ReportLuns.Rows,
            .. RequestSense.Rows,
            .. CapacityCommands.Rows,
            .. Modes.ModeCommands.Rows,
            .. PowerCommands.Rows,
            .. ReadWriteCommands.Rows,
            .. VerifyCommands.Rows,
            .. AtomicCommands.Rows,
            .. WriteSameCommands.Rows,
            .. ProvisioningCommands.Rows,
            .. CacheCommands.Rows,
            .. Reservations.ReservationCommands.Rows,
            .. ReportSupportedOperationCodes.Rows,
            .. ReportTaskManagementFunctions.Rows,
            .. ReportTargetPortGroups.Rows,
            .. Copy.ExtendedCopy.Rows,
            .. Copy.ReceiveCopyResults.Rows,
            .. SanitizeCommands.Rows,
            .. FormatCommands.Rows,
            .. DiagnosticCommands.Rows,
            .. DefectCommands.Rows,
            .. BufferCommands.Rows,
            .. Logs.LogCommands.Rows,
        ];
        foreach (CommandDescriptor row in All)
        {
            Add(row);
        }
    }

    /// <summary>Every row, in the order of the families.</summary>
    public static IReadOnlyList<CommandDescriptor> All { get; }

    /// <summary><see cref="UnknownCommand.Row"/> for an unknown operation code or service action. At least two bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CommandDescriptor Find(ReadOnlySpan<byte> cdb) =>
        ByOperationCode[cdb[0]] ?? ByServiceAction[cdb[0]]?[cdb[1] & (ServiceActions - 1)] ?? UnknownCommand.Row;

    /// <summary>The operation code is known, perhaps only with other service actions.</summary>
    public static bool KnowsOperationCode(byte operationCode) => ByOperationCode[operationCode] is not null || ByServiceAction[operationCode] is not null;

    public static bool HasServiceActions(byte operationCode) => ByServiceAction[operationCode] is not null;

    public static CommandDescriptor? Find(byte operationCode, ushort serviceAction) =>
        serviceAction < ServiceActions ? ByServiceAction[operationCode]?[serviceAction] : null;

    public static CommandDescriptor? Find(byte operationCode) => ByOperationCode[operationCode];

    private static void Add(CommandDescriptor row)
    {
        Invariant.Check(row.Usage[0] == row.OperationCode);
        Invariant.Check(row.ExistsOn is null == ((row.Flags & CommandFlags.Conditional) == 0));
        if (row.ServiceAction is not { } serviceAction)
        {
            Invariant.Check(ByOperationCode[row.OperationCode] is null && ByServiceAction[row.OperationCode] is null);
            ByOperationCode[row.OperationCode] = row;
            return;
        }

        Invariant.Check(ByOperationCode[row.OperationCode] is null);
        Invariant.Check((row.Usage[1] & 0x1F) == serviceAction);
        CommandDescriptor?[] rows = ByServiceAction[row.OperationCode] ??= new CommandDescriptor?[ServiceActions];
        Invariant.Check(rows[serviceAction] is null);
        rows[serviceAction] = row;
    }
}
