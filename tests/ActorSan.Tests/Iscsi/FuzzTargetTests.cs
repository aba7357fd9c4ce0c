using ActorSan.Fuzz.Iscsi;
using Xunit;

namespace ActorSan.Tests.Iscsi;

/// <summary>A first layer of what the fuzz program does for longer; every input is made from its number, so that a failure names itself.</summary>
public sealed class FuzzTargetTests
{
    [Fact]
    public void Nearly_right_streams_leave_nothing_behind()
    {
        for (int seed = 0; seed < 3000; seed++)
        {
            Run(seed, PduStreamMaker.Make(new Random(seed)), input => PduStreamFuzz.Run(input));
        }
    }

    [Fact]
    public void Random_streams_leave_nothing_behind()
    {
        for (int seed = 0; seed < 1000; seed++)
        {
            var random = new Random(seed);
            byte[] bytes = new byte[random.Next(2, 1000)];
            random.NextBytes(bytes);
            Run(seed, bytes, input => PduStreamFuzz.Run(input));
        }
    }

    [Fact]
    public void Random_login_texts_agree_on_nothing_that_may_not_be()
    {
        string[] pieces =
        [
            "InitiatorName=iqn.2026-01.fuzz:i\0", "TargetName=iqn.2026-01.fuzz:open\0", "TargetName=iqn.2026-01.fuzz:chap\0", "SessionType=Discovery\0", "AuthMethod=CHAP,None\0",
            "AuthMethod=None\0", "CHAP_A=5,7\0", "CHAP_N=u\0", "CHAP_R=0x00\0", "CHAP_I=1\0", "CHAP_C=0x0000000000000000000000000000000000\0", "HeaderDigest=CRC32C,None\0",
            "MaxBurstLength=512\0", "FirstBurstLength=0xffffff\0", "MaxRecvDataSegmentLength=511\0", "MaxConnections=0\0", "ErrorRecoveryLevel=2\0", "X=", "\0", "=\0", "\xff\0",
            "DataPDUInOrder=No\0", "ImmediateData=Maybe\0", "IFMarker=Yes\0",
        ];
        for (int seed = 0; seed < 20000; seed++)
        {
            var random = new Random(seed);
            var bytes = new List<byte> { (byte)random.Next(4) };
            for (int request = random.Next(1, 6); request > 0; request--)
            {
                var text = new System.Text.StringBuilder();
                for (int i = random.Next(6); i > 0; i--)
                {
                    text.Append(pieces[random.Next(pieces.Length)]);
                }

                byte[] body = System.Text.Encoding.Latin1.GetBytes(text.ToString());
                byte[] padded = new byte[(body.Length + 3) & ~3];
                body.CopyTo(padded, 0);
                bytes.Add(random.Next(2) == 0 ? (byte)new[] { 0x00, 0x81, 0x87, 0x04, 0x83, 0x44 }[random.Next(6)] : (byte)random.Next(256));
                bytes.Add((byte)(padded.Length / 4));
                bytes.AddRange(padded);
            }

            Run(seed, [.. bytes], input => LoginTextFuzz.Run(input));
        }
    }

    private static void Run(int seed, byte[] input, Action<byte[]> target)
    {
        try
        {
            target(input);
        }
        catch (Exception failure)
        {
            Assert.Fail($"input {seed}: {failure}");
        }
    }
}
