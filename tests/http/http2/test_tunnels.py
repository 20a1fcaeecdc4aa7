"""WebSockets as connections of their own: slots, costs, closes."""

import pandas as pd
import pytest
from oracle.captures import pcap
from oracle.http2 import CLIENT, HEADER, SERVER, Talk, capture, segments
from oracle.whole import assert_ties_out, said, tables_of

IDENTIFICATION = 14 + 5
"""Of IPv4, its second byte, behind an Ethernet header."""


def test_a_message_costs_its_packet_and_its_ack():
    talk = Talk()
    talk.open(1)
    talk.frame(CLIENT, 1, 1, b"hello")
    tables = tables_of(capture(talk.steps))
    (row,) = tables["messages"].itertuples()
    assert (row.transfer_bytes, row.ws_header_bytes, row.http_bytes) == (5, 6, 9)
    assert (row.packet_header_bytes, row.ack_bytes) == (HEADER, HEADER)
    assert row.wire_bytes == 5 + 6 + 9 + 2 * HEADER


def test_an_ack_for_two_streams_is_shared():
    talk = Talk()
    talk.open(1)
    talk.open(3)
    before = len(talk.steps)
    for stream, size in ((1, 91), (3, 191)):
        talk.ends[CLIENT].send_data(stream, b"\x82" + bytes([128 | min(size - 6, 126)]) + (
            b"\0\0\0\0" + b"x" * (size - 6) if size < 132
            else (size - 8).to_bytes(2, "big") + b"\0\0\0\0" + b"x" * (size - 8)
        ))  # fmt: skip
    talk.flush(CLIENT)
    assert len(talk.steps) == before + 1
    tables = tables_of(capture(talk.steps))
    rows = tables["messages"].sort_values("connection")
    # One packet and one ACK: 100 and 200 bytes of 300 are theirs.
    assert rows["packet_header_bytes"].tolist() == [HEADER // 3, HEADER - HEADER // 3]
    assert rows["ack_bytes"].tolist() == [HEADER // 3, HEADER - HEADER // 3]
    assert_ties_out(tables)


def test_a_retransmission_is_its_streams():
    talk = Talk()
    talk.open(1)
    talk.frame(SERVER, 1, 2, b"x" * 50)
    talk.request(3)
    packets = segments(talk.steps, acks=False)
    place = next(at for at, (_, packet, _) in enumerate(packets) if b"x" * 50 in packet)
    # With an identification of its own: with the same one it would be a copy of the packet.
    again = bytearray(packets[place][1])
    again[IDENTIFICATION] ^= 1
    packets.insert(place + 1, (packets[place][0], bytes(again), packets[place][2]))
    packets = [(at * 10**9, packet, size) for at, (_, packet, size) in enumerate(packets)]
    tables = tables_of(pcap(packets, nanoseconds=True))
    rows = tables["ledger"]
    own = rows[rows["connection"].notna() & (rows["direction"] == "server")]
    assert own["retransmitted_bytes"].tolist() == [61]
    assert tables["messages"]["retransmitted_bytes"].tolist() == [52 + 9]
    assert_ties_out(tables)


def closed(talk, **how):
    tables = tables_of(capture(talk.steps, **how))
    assert_ties_out(tables)
    (row,) = tables["connections"].itertuples()
    return row.close_kind, row.closed_by


def test_close_frames_both_ways_are_a_clean_close():
    talk = Talk()
    talk.open(1)
    talk.close(1)
    assert closed(talk) == ("clean", "client")


@pytest.mark.parametrize("side", [CLIENT, SERVER])
def test_end_of_stream_is_a_fin(side):
    talk = Talk()
    talk.open(1)
    for each in (side, 1 - side):
        talk.ends[each].end_stream(1)
        talk.flush(each)
    assert closed(talk) == ("fin", ("client", "server")[side])


@pytest.mark.parametrize("side", [CLIENT, SERVER])
def test_rst_stream_is_a_reset(side):
    talk = Talk()
    talk.open(1)
    talk.reset(side, 1, 8)
    assert closed(talk) == ("reset", ("client", "server")[side])


def test_the_end_of_tcp_ends_its_streams():
    talk = Talk()
    talk.open(1)
    talk.steps.append((SERVER, "rst"))
    assert closed(talk, fin=False) == ("reset", "server")


def test_a_capture_that_ends_first():
    talk = Talk()
    talk.open(1)
    kind, by = closed(talk, fin=False)
    assert kind == "open"
    assert pd.isna(by)


def test_many_streams_one_after_the_other_take_few_slots():
    """Slots are given back: rows leave while the connection goes on."""
    talk = Talk()
    for stream in range(1, 401, 2):
        talk.open(stream)
        talk.frame(CLIENT, stream, 1, b"%d" % stream)
        talk.close(stream)
    tables = tables_of(capture(talk.steps), payload="full", max_http2_streams=4, batch_bytes=5000)
    assert len(tables["connections"]) == 200
    assert [int(text) for _, text in said(tables)["client"]] == list(range(1, 401, 2))
    assert "http2-stream-limit" not in set(tables["findings"]["id"])
    assert_ties_out(tables)
    rows = tables["ledger"]
    assert rows["wire_bytes"].sum() == sum(size for _, _, size in segments(talk.steps))
