using ActorSan.Storage.Stores;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

public sealed unsafe class XtsCipherTests
{
    // IEEE 1619-2007, annex B, vectors 10 to 14: one key, 512 bytes 00 to FF twice, data units 0xFF to 0xFFFFFFFFFF.
    private const string Key =
        "27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592";

    private const string Vector10 =
        "1C3B3A102F770386E4836C99E370CF9BEA00803F5E482357A4AE12D414A3E63B5D31E276F8FE4A8D66B317F9AC683F44680A86AC35ADFC3345BEFECB4BB188FD"
        + "5776926C49A3095EB108FD1098BAEC70AAA66999A72A82F27D848B21D4A741B0C5CD4D5FFF9DAC89AEBA122961D03A757123E9870F8ACF1000020887891429CA"
        + "2A3E7A7D7DF7B10355165C8B9A6D0A7DE8B062C4500DC4CD120C0F7418DAE3D0B5781C34803FA75421C790DFE1DE1834F280D7667B327F6C8CD7557E12AC3A0F"
        + "93EC05C52E0493EF31A12D3D9260F79A289D6A379BC70C50841473D1A8CC81EC583E9645E07B8D9670655BA5BBCFECC6DC3966380AD8FECB17B6BA02469A020A"
        + "84E18E8F84252070C13E9F1F289BE54FBC481457778F616015E1327A02B140F1505EB309326D68378F8374595C849D84F4C333EC4423885143CB47BD71C5EDAE"
        + "9BE69A2FFECEB1BEC9DE244FBE15992B11B77C040F12BD8F6A975A44A0F90C29A9ABC3D4D893927284C58754CCE294529F8614DCD2ABA991925FEDC4AE74FFAC"
        + "6E333B93EB4AFF0479DA9A410E4450E0DD7AE4C6E2910900575DA401FC07059F645E8B7E9BFDEF33943054FF84011493C27B3429EAEDB4ED5376441A77ED4385"
        + "1AD77F16F541DFD269D50D6A5F14FB0AAB1CBB4C1550BE97F7AB4066193C4CAA773DAD38014BD2092FA755C824BB5E54C4F36FFDA9FCEA70B9C6E693E148C151";

    private const string Vector11 =
        "77A31251618A15E6B92D1D66DFFE7B50B50BAD552305BA0217A610688EFF7E11E1D0225438E093242D6DB274FDE801D4CAE06F2092C728B2478559DF58E837C2"
        + "469EE4A4FA794E4BBC7F39BC026E3CB72C33B0888F25B4ACF56A2A9804F1CE6D3D6E1DC6CA181D4B546179D55544AA7760C40D06741539C7E3CD9D2F6650B201"
        + "3FD0EEB8C2B8E3D8D240CCAE2D4C98320A7442E1C8D75A42D6E6CFA4C2ECA1798D158C7AECDF82490F24BB9B38E108BCDA12C3FAF9A21141C3613B58367F922A"
        + "AA26CD22F23D708DAE699AD7CB40A8AD0B6E2784973DCB605684C08B8D6998C69AAC049921871EBB65301A4619CA80ECB485A31D744223CE8DDC2394828D6A80"
        + "470C092F5BA413C3378FA6054255C6F9DF4495862BBB3287681F931B687C888ABF844DFC8FC28331E579928CD12BD2390AE123CF03818D14DEDDE5C0C24C8AB0"
        + "18BFCA75CA096F2D531F3D1619E785F1ADA437CAB92E980558B3DCE1474AFB75BFEDBF8FF54CB2618E0244C9AC0D3C66FB51598CD2DB11F9BE39791ABE447C63"
        + "094F7C453B7FF87CB5BB36B7C79EFB0872D17058B83B15AB0866AD8A58656C5A7E20DBDF308B2461D97C0EC0024A2715055249CF3B478DDD4740DE654F75CA68"
        + "6E0D7345C69ED50CDC2A8B332B1F8824108AC937EB050585608EE734097FC09054FBFF89EEAEEA791F4A7AB1F9868294A4F9E27B42AF8100CB9D59CEF9645803";

    [Theory]
    [InlineData(0xFFL, Vector10)]
    [InlineData(0xFFFFL, Vector11)]
    [InlineData(0xFF_FFFFL, "E387AAA58BA483AFA7E8EB469778317ECF4CF573AA9D4EAC23F2CDF914E4E200")]
    [InlineData(0xFFFF_FFFFL, "BF53D2DADE78E822A4D949A9BC6766B01B06A8EF70D26748C6A7FC36D80AE4C5")]
    [InlineData(0xFF_FFFF_FFFFL, "64497E5A831E4A932C09BE3E5393376DAA599548B816031D224BBF50A818ED23")]
    public void TheStandardsVectorsHold(long sector, string expected)
    {
        byte[] plain = [.. Enumerable.Range(0, 512).Select(i => (byte)i)];
        using var cipher = new XtsCipher(Convert.FromHexString(Key), 512);
        byte[] stored = Encrypt(cipher, sector * 512, plain);
        Assert.Equal(expected, Convert.ToHexString(stored)[..expected.Length], ignoreCase: true);
        Assert.Equal(plain, Decrypt(cipher, sector * 512, stored));
    }

    [Fact]
    public void EachSectorHasItsOwnTweakAndARunIsItsSectors()
    {
        using var cipher = new XtsCipher(Convert.FromHexString(Key), 4096);
        byte[] plain = new byte[4 * 4096];
        byte[] run = Encrypt(cipher, 7 * 4096, plain);
        for (int i = 0; i < 4; i++)
        {
            byte[] one = Encrypt(cipher, (7 + i) * 4096, plain[..4096]);
            Assert.Equal(one, run[(i * 4096)..((i + 1) * 4096)]);
            Assert.Contains(one, value => value != 0);
        }

        Assert.Equal(4, Enumerable.Range(0, 4).Select(i => Convert.ToHexString(run, i * 4096, 4096)).Distinct().Count());
    }

    [Fact]
    public void ASectorThatWasNeverWrittenReadsAsZeroes()
    {
        using var cipher = new XtsCipher(Convert.FromHexString(Key), 512);
        byte[] stored = Encrypt(cipher, 0, Pattern.Of(1536, 3));
        Array.Clear(stored, 512, 512);
        byte[] plain = Decrypt(cipher, 0, stored);
        Assert.Equal(Pattern.Of(1536, 3)[..512], plain[..512]);
        Assert.Equal(new byte[512], plain[512..1024]);
        Assert.Equal(Pattern.Of(1536, 3)[1024..], plain[1024..]);
    }

    [Fact]
    public void AnotherKeyMakesNoiseOfWhatWasStored()
    {
        byte[] key = Convert.FromHexString(Key);
        using var cipher = new XtsCipher(key, 512);
        byte[] plain = Pattern.Of(512, 4);
        byte[] stored = Encrypt(cipher, 512, plain);
        key[5] ^= 1;
        cipher.ReplaceKey(key);
        Assert.NotEqual(plain, Decrypt(cipher, 512, stored));
        Assert.Equal(plain, Decrypt(cipher, 512, Encrypt(cipher, 512, plain)));
        Assert.NotEqual(stored, Encrypt(cipher, 512, plain));
    }

    [Fact]
    public void AKeyThatCannotBeOneIsRefused()
    {
        byte[] equal = [.. Enumerable.Repeat((byte)7, XtsCipher.KeyBytes)];
        Assert.Contains("differ", Assert.Throws<ArgumentException>(() => new XtsCipher(equal, 512)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new XtsCipher(new byte[32], 512));
        Assert.Throws<ArgumentOutOfRangeException>(() => new XtsCipher(Convert.FromHexString(Key), 1000));
        using var cipher = new XtsCipher(Convert.FromHexString(Key), 512);
        Assert.Throws<ArgumentException>(() => cipher.ReplaceKey(equal));
    }

    [Fact]
    public void AMissingLibraryIsToldWithWhatToDo()
    {
        StoreException refused = Assert.Throws<StoreException>(() => new LibCrypto(["libno-such-crypto.so.3"]));
        Assert.Equal(StoreFault.Refused, refused.Fault);
        Assert.Contains("libno-such-crypto.so.3", refused.Message, StringComparison.Ordinal);
        Assert.Contains("nstall", refused.Message, StringComparison.Ordinal);
    }

    private static byte[] Encrypt(XtsCipher cipher, long offset, byte[] plain)
    {
        byte[] stored = new byte[plain.Length];
        fixed (byte* from = plain, to = stored)
        {
            cipher.Encrypt(offset, from, to, plain.Length);
        }

        return stored;
    }

    /// <summary>In place, as the store does it.</summary>
    private static byte[] Decrypt(XtsCipher cipher, long offset, byte[] stored)
    {
        byte[] bytes = (byte[])stored.Clone();
        fixed (byte* at = bytes)
        {
            cipher.Decrypt(offset, at, at, bytes.Length);
        }

        return bytes;
    }
}
