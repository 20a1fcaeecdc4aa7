"""What packets looked like, by hand from the counts of a connection's two sides."""

from pathlib import Path

import numpy as np
import pytest
from oracle.compared import MS, ended

import analyzer
from analyzer.alternatives.evidence import announced_mss, gaps_ns, joined, wire_rows
from analyzer.columns import NULL, empty
from analyzer.tcp.bytestream import CONNECTION, DIRECTION


def side(**counts):
    row = empty(DIRECTION, 1)
    for name, value in counts.items():
        row[name] = value
    return row


def sent(packets, acks, payload=0, header=66, mss=1460, syn=8, **more):
    """A side that sent so many packets over Ethernet and IPv4, pure ACKs among them."""
    tcp = packets * (header - 34) + (syn if mss else 0)
    return side(
        packets=packets,
        pure_acks=acks,
        pure_ack_bytes=acks * header,
        link_bytes=14 * packets,
        ip_bytes=20 * packets,
        tcp_bytes=tcp,
        stream_bytes=payload,
        wire_bytes=34 * packets + tcp + payload,
        mss=mss,
        **more,
    )


def test_headers_and_acks():
    """66 bytes each, once the SYN's 8 bytes of options are taken off."""
    (row,) = wire_rows(sent(10, 6, 300), sent(12, 3, 9000))
    assert (row["client_header"], row["server_header"]) == (66, 66)
    assert (row["client_ack"], row["server_ack"]) == (66, 66)
    assert (row["record"], row["tls_client"], row["tls_server"], row["tls_packets"]) == (0,) * 4


@pytest.mark.parametrize(("header", "mss"), [(66, 1448), (54, 1460)])
def test_time_stamps_take_12_bytes_of_a_segment(header, mss):
    (row,) = wire_rows(sent(10, 6, header=header), sent(12, 3, header=header))
    assert row["mss"] == mss


def test_the_smaller_mss_counts():
    (row,) = wire_rows(sent(10, 6, header=54, mss=1400), sent(12, 3, header=54, mss=8960))
    assert row["mss"] == 1400
    (row,) = wire_rows(sent(10, 6, header=54, mss=0), sent(12, 3, header=54, mss=0))
    assert row["mss"] == 1460
    (row,) = wire_rows(sent(10, 6, header=54, mss=0), sent(12, 3, header=54, mss=9000))
    assert row["mss"] == 9000


def test_how_the_client_acknowledges_pushes():
    """Of 14 packets of the server 2 are SYN-ACK and FIN, 2 pure ACKs: 10 pushes. Of 6 ACKs
    of the client one completes the opening: one for every second push."""
    (row,) = wire_rows(sent(10, 6), sent(14, 2))
    assert (row["push_acks"], row["bulk_acks"]) == (0.5, 0.5)
    (row,) = wire_rows(sent(10, 3), sent(14, 2))
    assert (row["push_acks"], row["bulk_acks"]) == (0.2, 0.2)
    # More ACKs than packets to acknowledge.
    (row,) = wire_rows(sent(100, 90), sent(14, 2))
    assert (row["push_acks"], row["bulk_acks"]) == (1, 0.5)
    # Two pushes say nothing.
    (row,) = wire_rows(sent(10, 1), sent(6, 2))
    assert row["push_acks"] == 1


def test_what_the_capture_holds_twice_is_no_packet():
    """Each packet twice: as `duplicate_bytes` and among the packets."""
    client, server = sent(10, 6, 300), sent(12, 3, 300)
    for row in (client, server):
        row["duplicate_bytes"] = row["wire_bytes"]
        row["wire_bytes"] *= 2
        row["packets"] *= 2
    (row,) = wire_rows(client, server)
    assert (row["client_header"], row["server_header"]) == (66, 66)


def test_what_went_by_again():
    """Of 40 packets two were sent again, with 300 bytes of payload between them."""
    client, server = sent(20, 10, 1000), sent(20, 4, 9000)
    server["retransmissions"], server["retransmitted_bytes"] = 2, 300
    server["wire_bytes"] += 300
    (row,) = wire_rows(client, server)
    assert row["again_packets"] == pytest.approx(40 / 38)
    whole = int(client["wire_bytes"][0] + server["wire_bytes"][0])
    header = row["server_header"]
    assert row["again_bytes"] == pytest.approx(whole / (whole - 300 - 2 * header))
    (row,) = wire_rows(sent(20, 10, 1000), sent(20, 4, 9000))
    assert (row["again_packets"], row["again_bytes"]) == (1, 1)


def test_a_flood_of_copies_is_no_loss_without_end():
    client, server = sent(20, 10), sent(20, 4)
    for row in (client, server):
        row["retransmissions"], row["retransmitted_bytes"] = 10**6, 10**9
    (row,) = wire_rows(client, server)
    assert 1 <= row["again_packets"] <= 10
    assert 1 <= row["again_bytes"] <= 10


@pytest.mark.parametrize("counts", [{}, {"packets": 1, "wire_bytes": 60, "mss": 1}])
def test_a_side_that_was_not_captured(counts):
    (row,) = wire_rows(side(**counts), side())
    assert all(np.isfinite(row[name]) for name in row.dtype.names)
    assert row["mss"] >= 1
    for name in ("client_header", "server_header", "client_ack", "server_ack"):
        assert row[name] > 0


def test_gap_is_a_round_trip_and_a_millisecond():
    rows = empty(CONNECTION, 4)
    rows["syn_time"] = [100 * MS, 100 * MS, NULL, NULL]
    rows["established_time"] = [140 * MS, 90 * MS, 50, NULL]
    assert gaps_ns(rows).tolist() == [41 * MS, MS, MS, MS]


def test_announced_mss():
    rows = empty(DIRECTION, 6)
    rows["mss"] = [1460, 1400, 0, 9000, 0, 0]
    assert announced_mss(rows, np.array([0, 1, 2])).tolist() == [1400, 9000, 1460]


def test_joined():
    one, other = ended(), ended(said=[], duration=5)
    both = joined([one, other])
    assert len(both) == 2
    assert both.duration.tolist() == [10_000 * MS, 5 * MS]
    assert both.hosts == 2 * ["x.example"]
    assert both.lanes.shape == (2, *one.lanes.shape[1:])
    assert joined([one]) is one


def test_joined_sessions_keep_what_only_sessions_have():
    some = np.array([3], np.int64)
    only = {"interval": some, "answered": some, "empty_polls": some, "delay": some}
    both = joined([ended(kind="short-poll", **only), ended(kind="short-poll", **only)])
    assert both.kind == "short-poll"
    assert all(getattr(both, name).tolist() == [3, 3] for name in only)


def test_tls_costs_what_the_sessions_own_records_cost():
    """wss-tls13.pcap: 16 bytes of tag, 5 of header and the content type for each record."""
    captures = Path(__file__).parents[2] / "captures"
    tables = {}
    for name in ("with", "without"):
        keys = captures / "wss-tls13.keys" if name == "with" else ()
        tables[name] = analyzer.analyze(captures / "wss-tls13.pcap", keys=keys)
    assert tables["without"].alternatives.empty
    rows = tables["with"].alternatives
    ledger = tables["with"].ledger.groupby("connection")["tls_bytes"].sum()
    payload = tables["with"].messages.groupby("connection")["payload_bytes"].sum()
    # Four messages each way, ping and pong, two Closes, the upgrade: 14 records; two of 20 kB.
    handshake = ledger - 22 * 16
    assert (handshake > 2000).all()
    for number, mine in rows.dropna(subset="connection").groupby("connection"):
        each = mine.set_index("transport").loc["request"]
        most = payload[number] + handshake[number] + 22 * 2 * each["requests"]
        assert each["application_bytes"] > most
