"""Captures of odd TCP, whole: numbers that jump, packets seen twice, directions not seen."""

from __future__ import annotations

from pathlib import Path

import dpkt
import pytest
from oracle.captures import pcap
from oracle.whole import assert_ties_out, said, tables_of

CASES = Path(__file__).parent / "cases"
CAPTURES = Path(__file__).parents[1] / "captures"


def tables(name):
    found = tables_of((CASES / f"{name}.pcap").read_bytes(), payload="full")
    assert_ties_out(found)
    return found


def ids(found):
    return set(found["findings"]["id"])


def test_rst_fin_before_synack():
    found = tables("outside/rst-fin-before-synack")
    (row,) = found["connections"].to_dict("records")
    assert (row["close_kind"], row["closed_by"], row["lost_bytes"]) == ("fin", "client", 0)
    assert said(found) == {"client": [("text", b"hi there")], "server": [("text", b"hello")]}
    assert found["messages"].sort_values("message")["packet_first"].tolist() == [11, 13]
    assert found["handshakes"]["outcome"].tolist() == ["accepted"]
    assert ids(found) == {"websocket-close-abnormal"}


def test_second_synack_other_isn():
    found = tables("outside/second-synack-other-isn")
    (row,) = found["connections"].to_dict("records")
    assert (row["close_kind"], row["closed_by"], row["lost_bytes"]) == ("fin", "client", 0)
    assert said(found) == {"client": [("text", b"hi there")], "server": [("text", b"hello")]}
    assert ids(found) == {"websocket-close-abnormal"}


def test_blind_rst_mid():
    found = tables("outside/blind-rst-mid")
    (row,) = found["connections"].to_dict("records")
    assert (row["close_kind"], row["close_code"], row["closed_by"]) == ("clean", 1000, "client")
    assert (row["client_messages"], row["server_messages"]) == (6, 6)
    assert {row["client_payload_bytes"], row["server_payload_bytes"]} == {33, 40}
    odd = found["findings"].set_index("id")
    assert odd.loc["tcp-reset-ignored", "packet"] == 12


def test_port_reuse_answer_lost():
    found = tables("port_reuse_answer_lost")
    (row,) = found["connections"].to_dict("records")
    assert (row["client_messages"], row["server_messages"]) == (40, 40)
    assert (row["client_payload_bytes"], row["server_payload_bytes"]) == (2400, 2400)
    assert (row["close_kind"], row["close_code"], row["closed_by"]) == ("clean", 1000, "client")
    assert (row["lost_bytes"], row["tcp_stream"]) == (0, 0)
    assert found["handshakes"]["outcome"][0] == "cut"
    assert (found["handshakes"]["tcp_stream"] == 0).all()
    assert not set(found["findings"]["severity"]) & {"warning", "error"}


def test_port_reuse_mid_stream():
    found = tables("port_reuse_mid_stream")
    one, other = found["connections"].to_dict("records")
    assert (one["client_messages"], one["server_messages"]) == (40, 40)
    assert (other["client_messages"], other["server_messages"]) == (38, 39)
    for row in (one, other):
        assert (row["close_kind"], row["close_code"], row["closed_by"]) == (
            "clean",
            1000,
            "client",
        )
        assert (row["lost_bytes"], row["tcp_stream"], row["client_port"]) == (0, 0, 48524)
    assert (found["messages"]["payload_bytes"] == 60).all()
    assert found["messages"].query("connection == 1")["packet_first"].min() == 132
    assert ids(found) == {"websocket-mid-stream"}


@pytest.mark.parametrize("name", ["dup_bridge", "dup_routed_ttl", "merged_two_hosts_skew"])
def test_seen_twice(name):
    found = tables(name)
    (row,) = found["connections"].to_dict("records")
    assert (row["client_messages"], row["server_messages"]) == (5, 5)
    assert (row["client_payload_bytes"], row["server_payload_bytes"]) == (45, 30)
    assert (row["close_kind"], row["close_code"], row["closed_by"]) == ("clean", 1000, "client")
    assert row["wire_bytes"] == 2311
    assert found["ledger"]["duplicate_bytes"].sum() == 2311
    assert found["ledger"]["retransmitted_bytes"].sum() == 0
    (finding,) = found["findings"].to_dict("records")
    assert (finding["id"], finding["count"]) == ("capture-seen-twice", 35)
    assert "every packet, 35 of 70" in finding["text"]


def test_oneway_client():
    found = tables("oneway_client")
    (row,) = found["connections"].to_dict("records")
    assert (row["client_messages"], row["client_payload_bytes"]) == (30, 740)
    assert (row["close_code"], row["closed_by"], row["lost_bytes"]) == (1000, "client", 513)
    odd = found["findings"].set_index("id")
    assert "513" in odd.loc["tcp-one-direction", "text"]
    assert "websocket-close-abnormal" not in odd.index


@pytest.mark.parametrize(
    "name",
    ["port_reuse_mid_stream", "port_reuse_answer_lost", "merged_two_hosts_skew", "oneway_client"]
    + [f"outside/{name}" for name in ("rst-fin-before-synack", "blind-rst-mid")],
)
@pytest.mark.parametrize("size", [100, 700])
def test_batches_do_not_matter(name, size):
    data = (CASES / f"{name}.pcap").read_bytes()
    whole, cut = tables_of(data), tables_of(data, batch_bytes=size)
    for table in whole:
        assert whole[table].equals(cut[table]), table


# --- a merged capture of which one part begins in the middle, with a clock that is ahead


OPENING = 4
"""Packets of npm-ws-fragments up to the request: copies from there on show how it was opened."""


def packets_of(name: str) -> tuple[list[tuple[int, bytes, int]], int]:
    """Return time (ns), bytes and length of a capture's packets, and its link type."""
    with (CAPTURES / f"{name}.pcap").open("rb") as file:
        whole = dpkt.pcap.Reader(file)
        packets = [(round(time * 1e9), bytes(data), len(data)) for time, data in whole]
    return packets, whole.datalink()


@pytest.mark.parametrize("first", [2, OPENING, 5, 9, 14, 20])
@pytest.mark.parametrize("skew_ms", [-2000, -60, -20, -5, 5, 20, 2000])
def test_copies_before_the_syn_are_told(skew_ms: int, first: int) -> None:
    packets, link_type = packets_of("npm-ws-fragments")
    copies = [(time + skew_ms * 1_000_000, *rest) for time, *rest in packets[first - 1 :]]
    merged = sorted(packets + copies, key=lambda each: each[0])
    tables = tables_of(pcap(merged, nanoseconds=True, link_type=link_type))
    told = tables["findings"].set_index("id")
    is_ahead = first > OPENING and copies[0][0] < packets[0][0]
    assert ("capture-seen-ahead" in told.index) == is_ahead
    if not is_ahead:
        assert (len(tables["connections"]), len(tables["messages"])) == (1, 4)  # as in its log
        assert "capture-seen-twice" in told.index
    assert not (told["severity"] == "error").any()


# --- a RST that somebody between the two ends sent, and both outlived


@pytest.mark.parametrize("name", ["npm-ws-fragments", "tls13-chat"])
def test_a_foreign_rst_is_not_how_a_connection_ended(name: str) -> None:
    keys = CAPTURES / f"{name}.keys"
    options = {"keys": (str(keys),)} if keys.exists() else {}
    packets, link_type = packets_of(name)
    before = tables_of((CAPTURES / f"{name}.pcap").read_bytes(), **options)
    # The packet with the last bytes of a message by the server, but for the last message.
    of_server = before["messages"].query("direction == 'server'").sort_values("packet_last")
    place = int(of_server["packet_last"].iloc[-2])
    time, data, _ = packets[place - 1]
    forged = dpkt.ethernet.Ethernet(data)
    segment = forged.data.data
    segment.seq += len(segment.data) + 50
    segment.flags, segment.data, segment.sum = dpkt.tcp.TH_RST, b"", 0
    forged.data.ttl, forged.data.len, forged.data.sum = 249, 20 + 4 * segment.off, 0
    packets.insert(place, (time + 1000, bytes(forged), len(bytes(forged))))
    after = tables_of(pcap(packets, nanoseconds=True, link_type=link_type), **options)
    assert "tcp-reset-foreign" in set(after["findings"]["id"])
    columns = ["client_messages", "server_messages", "close_kind", "close_code", "closed_by"]
    assert after["connections"][columns].equals(before["connections"][columns])
    assert "reset" not in set(after["connections"]["close_kind"])
