using System.Text;
using ActorSan.Cluster.Serialization;
using ActorSan.Replication.Core.Ports;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using Xunit;

namespace ActorSan.Tests.Cluster.Serialization;

/// <summary>What a version puts on the wire never changes: a node of another release reads it. A changed message gets a new version, and new types at the end of the list.</summary>
public sealed class ControlGoldenBytesTests : TestKit
{
    private const string Bytes = """
        voter-query:1
          EBFA3163FE0C000661746C6173FE1C0033221100554477668899AABBCCDDEEFF09766F6C756D652F
          31
        begun:1
          136144CBFE0900FE1F0000000000000000000000000000000000000000000000000000FE1C003322
          1100554477668899AABBCCDDEEFF09766F6C756D652F310400000000000000FE1D00332211005544
          77668899AABBCCDDEEFF05686572610500000000000000
        renew:1
          E7110FA1FE100033221100554477668899AABBCCDDEEFF005ED0B200000000FE3E00020000000200
          000000000000FE1C0033221100554477668899AABBCCDDEEFF09766F6C756D652F31030000000000
          0000FE1C0033221100554477668899AABBCCDDEEFF09766F6C756D652F310661746C617311000000
          000000000400000000000000FE1D0033221100554477668899AABBCCDDEEFF0568657261
        member-reply:1
          34F3E92FFE1500057A65757301FE1C0033221100554477668899AABBCCDDEEFF09766F6C756D652F
          312C000000000000000900000000000000FE260033221100554477668899AABBCCDDEEFF057A6575
          7333221100554477668899AABBCCDDEEFF
        learn:1
          1DD9484CFE03000661746C6173FE1C0033221100554477668899AABBCCDDEEFF09766F6C756D652F
          31FE2B00000300000000000000FE3C000100000033221100554477668899AABBCCDDEEFF0661746C
          617333221100554477668899AABBCCDDEEFF33221100554477668899AABBCCDDEEFFFE3B00000000
          00FE3A000100000033221100554477668899AABBCCDDEEFFFE1E0033221100554477668899AABBCC
          DDEEFF0661746C61730300000000000000FE3D000200000000000000000000000033221100554477
          668899AABBCCDDEEFF000661746C6173FE28000001070000000000000033221100554477668899AA
          BBCCDDEEFF020600000000000000057A657573FE280001FE2A0000FE2900010661746C6173000010
          0000000000020000000000000033221100554477668899AABBCCDDEEFFFE3B000100000033221100
          554477668899AABBCCDDEEFF0568657261
        change-wish:1
          10ECAE8FFE1A00FE3400FE3900020000000661746C6173057A657573057A65757301000000000000
          0033221100554477668899AABBCCDDEEFFFE1C0033221100554477668899AABBCCDDEEFF09766F6C
          756D652F31
        """;

    // Number, type, fields in their order. A line that differs is a message that an older node misreads.
    private const string Layout = """
        0 Prepare: Ballot Ballot, From String, Key RegisterKey, Seen Int64, To VoterId
        1 Accept: Ballot Ballot, From String, Key RegisterKey, Seen Int64, To VoterId, Value RegisterValue
        2 Begin: Asks Boolean, From String, Key RegisterKey, Seen Int64, To VoterId, Value RegisterValue
        3 Learn: From String, Key RegisterKey, Value RegisterValue
        4 Promise: AcceptedBallot Ballot, Ballot Ballot, Key RegisterKey, Seen Int64, Value RegisterValue?, Voter VoterId, WriteCount Int64
        5 Lower: Ballot Ballot, Key RegisterKey, Promised Ballot, Seen Int64, Voter VoterId, WriteCount Int64
        6 Leased: Ballot Ballot, Holder PrimaryId?, Key RegisterKey, Seen Int64, Voter VoterId, WriteCount Int64
        7 Unknown: Asked VoterId, Ballot Ballot, By Guid, Key RegisterKey, Reason UnknownReason, Seen Int64, Voter VoterId, WriteCount Int64
        8 Accepted: Ballot Ballot, Key RegisterKey, Seen Int64, Voter VoterId, WriteCount Int64
        9 Begun: Ballot Ballot, Key RegisterKey, Seen Int64, Voter VoterId, WriteCount Int64
        10 WouldBegin: Ballot Ballot, Key RegisterKey, Seen Int64, Voter VoterId, WriteCount Int64
        11 BeginRefused: Ballot Ballot, By Guid, Held RegisterValue?, Key RegisterKey, Seen Int64, Voter VoterId, WriteCount Int64
        12 VoterQuery: From String, Key RegisterKey
        13 VoterReply: From String, Key RegisterKey, Voter VoterId
        14 CatalogQuery: From String, Id Int64, Instance Guid
        15 CatalogReply: Decided DecidedCatalog?, From String, Held HeldRegister?, Id Int64, Instance Guid, Named ValueList<String>, Voter VoterId
        16 Renew: Instance Guid, LeaseNs Int64, Leases ValueList<LeaseRequest>, Node String, Rid Int64, Seen Int64, To VoterId
        17 Granted: Answers ValueList<LeaseAnswer>, Instance Guid, Rid Int64, Seen Int64, Voter VoterId, WriteCount Int64
        18 RenewUnknown: Asked VoterId, Instance Guid, Rid Int64, Seen Int64, Voter VoterId, WriteCount Int64
        19 Release: Instance Guid, Key RegisterKey, Node String, Rid Int64, To VoterId
        20 MemberQuery: From String, Key RegisterKey, Number Int64
        21 MemberReply: From String, IsOldCopy Boolean, Key RegisterKey, Mark Int64, Number Int64, Self Member?
        22 HandOver: Configuration Configuration, From String, Key RegisterKey
        23 GrowWish: From String, Key RegisterKey, SizeBytes Int64
        24 Together: From String, Instance Guid, Key RegisterKey, Voter VoterId
        25 HandOverWish: From String, Key RegisterKey, To String
        26 ChangeWish: Change MemberChange, From String, Id Int64, Instance Guid, Key RegisterKey
        27 ChangeAnswer: From String, Id Int64, Instance Guid, Key RegisterKey, Outcome ChangeOutcome
        28 RegisterKey: Lineage Guid, Name String
        29 VoterId: Incarnation Guid, Node String
        30 PrimaryId: Instance Guid, Node String
        31 Ballot: Counter Int64, Instance Guid, Node String?
        32 UnknownReason
        33 HeldRegister: Accepted Ballot, Key RegisterKey, Value RegisterValue?
        34 DecidedCatalog: Key RegisterKey, Value RegisterValue
        35 LeaseRequest: Epoch Int64, Key RegisterKey
        36 LeaseAnswer: Epoch Int64, HigherEpoch Int64, Key RegisterKey, Verdict LeaseVerdict
        37 LeaseVerdict
        38 Member: Incarnation Guid, Node String, Session Guid
        39 ReplicaEntry: Detached Boolean, HighestMark Int64, Incarnation Guid, LeftAt Int64?, Node String, Protocol ReplicationProtocol
        40 ReplicationProtocol
        41 NoQuorumPolicy
        42 VolumeSettings: ConfirmReads Boolean, OnNoQuorum NoQuorumPolicy, PreferredPrimary String?
        43 Configuration: Deleted Boolean, Epoch Int64, InSync ValueList<Member>, Lineage Guid, OldVoters ValueList<VoterId>, Parents ValueList<Guid>, Primary PrimaryId?, Reign Int64, Replicas ValueList<ReplicaEntry>, Settings VolumeSettings, SizeBytes Int64, Version Int64, VolumeId Guid, Voters ValueList<VoterId>
        44 ChangeOutcome: End ChangeEnd, Node String?, Reason ChangeReason
        45 ChangeEnd
        46 ChangeReason
        47 AddReplica: Node String
        48 RemoveReplica: Node String
        49 ReplaceReplica: By String, Node String
        50 AddVoter: Node String
        51 RemoveVoter: Node String
        52 ChangeVoters: Nodes ValueList<String>
        53 ChangeSettings: Settings VolumeSettings
        54 DetachReplica: Node String
        55 AttachReplica: Node String
        56 DeleteVolume
        57 ValueList<String>
        58 ValueList<Guid>
        59 ValueList<VoterId>
        60 ValueList<Member>
        61 ValueList<ReplicaEntry>
        62 ValueList<LeaseRequest>
        63 ValueList<LeaseAnswer>
        64 DocumentValue: Document String, Epoch Int64, OldVoters ValueList<VoterId>, Primary PrimaryId?, Version Int64, Voters ValueList<VoterId>
        65 MakeReplica: From String, Id Int64, Instance Guid, LogicalBlockBytes Int64, Name String, PhysicalBlockBytes Int64, SizeBytes Int64, VolumeId Guid
        66 ReplicaMade: Fault String?, From String, Id Int64, Incarnation Guid, Instance Guid
        67 NodeHello: ClusterId Guid, From String, Instance Guid, IsStorage Boolean, LinkAddress String, ManagementAddress String, Portals ValueList<NodePortal>, Release String, Voter VoterId
        68 NodePortal: Address String, GroupTag Int64, Name String, PortGroup Int64, RelativePort Int64
        69 ValueList<NodePortal>
        70 NodeQuestion: Document String, From String, Id Int64, Instance Guid, What String
        71 NodeAnswer: Document String, Fault String?, From String, Id Int64, Instance Guid
        """;

    public ControlGoldenBytesTests()
        : base("akka { loglevel = OFF, stdout-loglevel = OFF }")
    {
    }

    [Fact]
    public void VersionsThatAreSpokenHaveTheirBytes()
    {
        var wire = new ControlSerializer((ExtendedActorSystem)Sys);
        var written = new StringBuilder();
        foreach (ControlMessage message in ControlGoldens.Messages)
        {
            _ = written.Append(wire.Manifest(message));
            foreach (byte[] line in wire.ToBinary(message).Chunk(40))
            {
                _ = written.Append("\n  ").Append(Convert.ToHexString(line));
            }

            _ = written.Append('\n');
        }

        Assert.Equal(Bytes, written.ToString().TrimEnd());
    }

    [Fact]
    public void BytesOfVersionsThatWereSpokenAreRead()
    {
        var wire = new ControlSerializer((ExtendedActorSystem)Sys);
        string[] lines = Bytes.Split('\n');
        int at = 0;
        foreach (ControlMessage message in ControlGoldens.Messages)
        {
            string manifest = lines[at++];
            var hex = new StringBuilder();
            for (; at < lines.Length && lines[at][0] == ' '; at++)
            {
                _ = hex.Append(lines[at].Trim());
            }

            Assert.Equal(message, wire.FromBinary(Convert.FromHexString(hex.ToString()), manifest));
        }
    }

    [Fact]
    public void TypesKeepTheirNumbersAndFields()
    {
        WireTypes types = ControlWire.Current.Types;
        IEnumerable<string> lines = types.Types.Select((type, number) =>
            $"{number} {WireTypes.NameOf(type)}: {string.Join(", ", types.FieldsOf(type).ToArray().Select(field => field.ToString()))}".TrimEnd(' ', ':'));
        Assert.Equal(Layout.Split('\n'), lines);
    }
}
