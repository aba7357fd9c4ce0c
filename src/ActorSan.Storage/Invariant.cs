using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace ActorSan.Storage;

/// <summary>Assertions that stay on in Release: a broken invariant is our own bug and stops the node with the reason. Never used for input from a wire or a disk.</summary>
public static class Invariant
{
    /// <summary>Throws <see cref="InvariantViolationException"/> with the checked expression when <paramref name="holds"/> is false.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check([DoesNotReturnIf(false)] bool holds, [CallerArgumentExpression(nameof(holds))] string expression = "")
    {
        if (!holds)
        {
            Fail(expression);
        }
    }

    /// <summary>Throws: a branch that cannot be reached was reached.</summary>
    [DoesNotReturn]
    public static void Fail(string reason) => throw new InvariantViolationException(reason);
}

/// <summary>Our own bug. Nothing catches it but the outermost loop of a thread, which reports it and stops the node.</summary>
public sealed class InvariantViolationException(string reason) : Exception("Invariant violated: " + reason);
