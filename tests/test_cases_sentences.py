"""Rules that no capture of tests/cases is about, each beside its control."""

import random
import struct
from dataclasses import replace

import pytest
from conversation import Conversation, frame, request, response
from oracle.whole import tables_of

RANDOM = random.Random(11)


def client(talk, text):
    return talk.client(frame(1, text, key=RANDOM.randbytes(4)))


def found(tables):
    return tables["findings"].set_index("id")


# --- subprotocols


@pytest.mark.parametrize(
    ("offered", "chosen", "is_told"),
    [
        ("Sec-WebSocket-Protocol: chat, superchat", (), True),
        ("Sec-WebSocket-Protocol: chat", ("Sec-WebSocket-Protocol: chat",), False),
        ("X-Other: chat", (), False),
    ],
)
def test_a_server_that_chooses_no_subprotocol_is_a_note(offered, chosen, is_told):
    # RFC 6455 4.2.2: a server may choose none. Of browsers, the WebSocket API fails then.
    talk = Conversation().open()
    talk.client(request(offered)).server(response(*chosen))
    tables = tables_of(client(talk, b"a").close().pcap())
    assert tables["handshakes"]["outcome"].tolist() == ["accepted"]
    told = found(tables)
    assert ("handshake-no-subprotocol" in told.index) == is_told
    if is_told:
        row = told.loc["handshake-no-subprotocol"]
        assert (row["severity"], row["packet"]) == ("note", 6)
        assert "chat, superchat" in row["text"]


# --- copies, however late


def with_copy(between, *, number=None):
    """A conversation with a packet of the client again behind `between` others of it."""
    talk = Conversation().upgrade()
    for at in range(between + 5):
        client(talk, b"%04d" % at)
    sent = [packet for packet in talk.packets if packet.data[20:22] == struct.pack(">H", 40_000)]
    data = [packet for packet in sent if len(packet.data) == 40 + 10]
    if number is not None:
        for packet in talk.packets:
            # RFC 6864 4: atomic datagrams may have any identification, 0 too.
            raw = bytearray(packet.data)
            raw[4:6], raw[10:12] = struct.pack(">H", number), b"\0\0"
            packet.data = bytes(raw)
    original = data[0]
    later = data[between]
    copy = replace(original, time_ns=later.time_ns + 10)
    at = talk.packets.index(later) + 1
    talk.packets.insert(at, copy)
    return talk.pcap()


@pytest.mark.parametrize(("between", "is_copy"), [(1, True), (3, True), (9, False)])
def test_a_copy_is_one_as_long_as_its_original_is_remembered(between, is_copy):
    tables = tables_of(with_copy(between), max_remembered_packets=4)
    told = found(tables)
    assert ("capture-seen-twice" in told.index) == is_copy
    assert ("tcp-retransmissions" in told.index) != is_copy
    assert len(tables["messages"]) == between + 5
    (row,) = tables["connections"].itertuples()
    of_client = tables["ledger"].set_index("direction").loc["client"]
    assert (of_client["duplicate_bytes"] > 0) == is_copy
    sums = tables["ledger"][["wire_bytes", "duplicate_bytes"]].sum()
    assert row.wire_bytes == sums["wire_bytes"] - sums["duplicate_bytes"]


def test_a_late_packet_without_an_identification_is_a_retransmission():
    told = found(tables_of(with_copy(300, number=0)))
    assert "capture-seen-twice" not in told.index
    assert "tcp-retransmissions" in told.index
    assert "capture-seen-twice" in found(tables_of(with_copy(300))).index


# --- what counts points to its first case


def test_retransmissions_point_to_the_first():
    talk = Conversation().upgrade()
    again = []
    for at in range(6):
        before = talk.next["client"]
        data = frame(1, b"%04d" % at, key=RANDOM.randbytes(4))
        talk.client(data)
        if at >= 2:
            talk.now += 300_000_000
            talk.segment("client", data, 0x18, seq=before)
            again.append(len(talk.packets))
    row = found(tables_of(talk.pcap())).loc["tcp-retransmissions"]
    assert row["packet"] == again[0]
    assert "4 segments" in row["text"]


# --- text that is no UTF-8


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
@pytest.mark.parametrize("lost", [3, 20, 37])
def test_one_lost_segment_costs_one_message_whatever_the_text_is_encoded_in(encoding, lost):
    talk = Conversation().upgrade()
    sent = []
    for at in range(40):
        sent.append(len(talk.packets))
        client(talk, f"Größe {at}: {'ä' * (at % 7)} schön".encode(encoding))
    del talk.packets[sent[lost]]
    tables = tables_of(talk.close().pcap())
    assert len(tables["messages"]) == 39
    told = found(tables)
    assert ("websocket-bad-utf8" in told.index) == (encoding == "latin-1")
    others = {"tcp-lost", "websocket-framing-lost", "websocket-resynchronised"}
    assert set(told.index) - {"websocket-bad-utf8"} <= others
