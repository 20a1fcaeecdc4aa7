"""What is behind a 101 that a snap length cut."""

import pytest
from conversation import Conversation, encapsulate, request, response
from oracle.captures import pcap
from oracle.stages import BINARY, KEY, PING, TEXT
from oracle.websocket import frame
from oracle.whole import assert_ties_out, tables_of

HEADERS = 54  # Ethernet, IPv4 and TCP without options
HIXIE_76 = (
    b"GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n"
    b"Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://example.com\r\n\r\n^n:ds[4U"
)
HIXIE_76_ANSWER = (
    b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Origin: http://example.com\r\n"
    b"Sec-WebSocket-Location: ws://example.com/demo\r\n\r\n8jKS'y:G*Co,Wxa-"
)
"""draft-ietf-hybi-thewebsocketprotocol-00, 1.2."""


def snapped(talk: Conversation, kept: int, whole: tuple[bytes, ...] = ()) -> dict:
    """Return the tables of a conversation, packets cut but for those that end with `whole`."""
    packets = []
    for each in talk.packets:
        data = encapsulate(each.data, "ethernet")[1]
        is_whole = any(data.endswith(end) for end in whole)
        packets.append((each.time_ns, data if is_whole else data[:kept], len(data)))
    return tables_of(pcap(packets))


def ids(tables: dict) -> list[str]:
    """Return what was found besides what the cut itself makes."""
    found = tables["findings"]["id"]
    return sorted(set(found) - {"http-lost", "packets-snaplen", "websocket-payload-lost"})


@pytest.mark.parametrize("kept", [80, 100, 128, 160])
@pytest.mark.parametrize("first", ["client", "server"])
@pytest.mark.parametrize("text", ["hello", "a longer text, more than is looked at: " * 3])
def test_a_hixie_handshake_that_was_cut_is_one_old_draft(kept, first, text):
    talk = Conversation().open().client(HIXIE_76).server(HIXIE_76_ANSWER)
    for number in range(4):
        body = b"\0" + f"{text} {number}".encode() + b"\xff"
        for side in (first, "server" if first == "client" else "client"):
            talk.send(side, body)
    tables = snapped(talk.finish(), kept)
    assert ids(tables) == ["websocket-old-draft"]
    assert not len(tables["frames"])
    assert not len(tables["connections"])
    assert_ties_out(tables)


@pytest.mark.parametrize("kept", [80, 100, 128, 160])
def test_a_cut_handshake_of_rfc_6455_goes_on_with_its_frames(kept):
    # 0x00 and a printable length begin fragments of a server as well.
    talk = Conversation().upgrade()
    for number in range(4):
        talk.client(frame(TEXT, b"ask for it", mask=bytes((number, 91, 17, 250 - number))))
        talk.server(frame(TEXT, b"begin of it " * 5, fin=False)).server(
            frame(0, b"and its end " * 5)
        )
    tables = snapped(talk.close(), kept)
    assert set(ids(tables)) <= {"websocket-mid-stream"}
    assert tables["frames"]["payload_bytes"].tolist() == [10, 60, 60] * 4 + [2, 2]


@pytest.mark.parametrize(
    "rest",
    [b'{"type": "text of a long message", "more": "of it"}' * 9, b"\xb4\xc5\x00\x01" * 200],
)
def test_the_segment_behind_a_cut_101_may_begin_within_a_frame(rest):
    # The frame begins behind the head, in the bytes of the segment that were not captured.
    message = frame(BINARY, b"x" * 500 + rest)
    talk = Conversation().open().client(request())
    answer = response() + message
    talk.segment("server", answer[: len(response()) + 504])
    talk.segment("server", rest)
    for _ in range(4):
        talk.client(frame(TEXT, b"ask for it", mask=KEY)).server(frame(TEXT, b"here it is"))
    tables = snapped(talk.close(), 120)
    assert not set(tables["findings"].loc[tables["findings"]["severity"] == "error", "id"])
    texts = tables["messages"].groupby("direction")["payload_preview"].apply(list)
    assert texts["server"] == ["here it is"] * 4
    assert texts["client"] == ["ask for it"] * 4
    assert tables["connections"]["close_kind"].tolist() == ["clean"]


def test_a_client_begins_with_a_frame_though_the_101_was_cut():
    talk = Conversation().upgrade()
    talk.client(frame(0, b"more", mask=KEY)).server(frame(TEXT, b"here it is"))
    tables = snapped(talk.finish(), 120)
    assert "websocket-lone-continuation" in ids(tables)


# --- frames with three faults, cut

BEHIND = frame(TEXT, b"behind it", mask=KEY) * 3
AFTER = (frame(TEXT, b"after", mask=KEY), frame(TEXT, b"yes"))
FAULTS = {"websocket-control-fragmented", "websocket-control-too-long", "websocket-rsv"}


def behind_faulty(faulty: bytes, kept: int) -> tuple[set[str], list[int], dict]:
    """Return errors, sizes of frames and tables where others follow a faulty one, cut."""
    talk = Conversation().upgrade()
    talk.client(faulty + BEHIND)
    talk.client(AFTER[0]).server(AFTER[1])
    tables = snapped(talk.close(), kept, (response(), request(), *AFTER))
    found = tables["findings"]
    assert "websocket-resynchronised" in set(found["id"])
    assert tables["messages"]["payload_preview"].tolist() == ["after", "yes"]
    errors = set(found.loc[found["severity"] == "error", "id"])
    return errors, tables["frames"]["payload_bytes"].tolist(), tables


@pytest.mark.parametrize("kept", [62, 64, 80, 200])
def test_a_length_of_16_bits_that_its_segment_has_room_for_is_that_of_a_frame(kept):
    # A Ping without FIN, with RSV2.
    faulty = bytes((0x29,)) + frame(PING, b"p" * 200, mask=KEY)[1:]
    errors, sizes, _ = behind_faulty(faulty, kept)
    assert errors == FAULTS
    assert sizes[:2] == [200, 5]


@pytest.mark.parametrize("kept", [62, 64])
def test_of_bytes_that_may_be_anything_nobody_is_blamed(kept):
    # Opcode 12, RSV1 to RSV3, no FIN, no mask; where it would end was not captured.
    errors, sizes, _ = behind_faulty(bytes((0x7C, 20)) + b"\x91\x92\x93\x94" * 5, kept)
    assert errors == set()
    assert sizes[0] == 5


@pytest.mark.parametrize("kept", [62, 64])
def test_bytes_that_are_known_are_named_though_they_were_cut(kept):
    errors, sizes, tables = behind_faulty(b"HTTP/1.1 500 Oops\r\n\r\nand so on", kept)
    assert errors == {"websocket-not-frames"}
    assert sizes[0] == 5
    assert "an HTTP response" in " ".join(tables["findings"]["text"])
