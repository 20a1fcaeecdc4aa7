"""Payload joined and inflated, compared with zlib; what is lost is said, never guessed."""

import zlib

import pytest
from oracle.stages import (
    BINARY,
    CLIENT,
    KEY,
    PING,
    SERVER,
    TEXT,
    client,
    handshake,
    server,
    talk,
)
from oracle.websocket import frame

from analyzer.columns import NULL
from analyzer.options import Options

DEFLATE = "permessage-deflate"
NO_TAKEOVER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
RSV1 = 4
FULL = Options(payload="full")


class Deflater:
    """The sender's half of RFC 7692 7.2.1, with one context for all its messages."""

    def __init__(self):
        self.context = zlib.compressobj(wbits=-15)

    def __call__(self, payload):
        sent = self.context.compress(payload) + self.context.flush(zlib.Z_SYNC_FLUSH)
        assert sent.endswith(b"\0\0\xff\xff")
        return sent[:-4]


def compressed(deflater, payload, opcode=TEXT):
    return server(opcode, deflater(payload), rsv=RSV1)


def test_context_goes_from_message_to_message():
    deflater = Deflater()
    texts = [b"the same words again", b"the same words again", b"", b"the same words"]
    result = talk([*handshake(DEFLATE), *(compressed(deflater, text) for text in texts)], FULL)
    assert result.sent(SERVER) == texts
    assert [row["payload_bytes"] for row in result.messages] == [20, 20, 0, 14]
    assert [row["compressed"] for row in result.messages] == [1] * 4
    assert result.findings == []


@pytest.mark.parametrize("places", [(), range(99)])
def test_fragments_with_a_ping_between_and_plain_messages_among_them(places):
    deflater = Deflater()
    sent = deflater(b"fragmented, but one message")
    steps = [
        *handshake(DEFLATE),
        server(TEXT, sent[:5], rsv=RSV1, fin=False),
        server(PING, b"between"),
        server(0, b"", fin=False),
        server(0, sent[5:]),
        server(TEXT, b"plain"),
        client(BINARY, b"\0\1\2"),
        compressed(deflater, b"fragmented again"),
    ]
    result = talk(steps, FULL, places)
    assert result.sent(SERVER) == [b"fragmented, but one message", b"plain", b"fragmented again"]
    assert result.sent(CLIENT) == [b"\0\1\2"]
    assert result.findings == []


def test_final_block_and_a_block_behind_it():
    # RFC 7692 7.2.3.4 and 7.2.3.5: "Hello" with BFINAL set, and twice in two blocks.
    final = bytes.fromhex("f348cdc9c9070000")
    blocks = bytes.fromhex("f248050000 00ffff cac9c90700")
    plain = bytes.fromhex("f248cdc9c90700")
    steps = [server(TEXT, each, rsv=RSV1) for each in (final, blocks, plain)]
    result = talk([*handshake(NO_TAKEOVER), *steps], FULL)
    assert result.sent(SERVER) == [b"Hello"] * 3


def test_message_that_lost_bytes_and_those_that_need_it_are_not_shown():
    deflater = Deflater()
    first, second, third = (deflater(b"needed by all that follows") for _ in range(3))
    whole = frame(TEXT, second, rsv=RSV1)
    steps = [
        *handshake(DEFLATE),
        server(TEXT, first, rsv=RSV1),
        (SERVER, whole[:3]),
        (SERVER, 2),
        (SERVER, whole[5:]),
        server(TEXT, third, rsv=RSV1),
    ]
    result = talk(steps, FULL)
    assert result.sent(SERVER) == [b"needed by all that follows", None, None]
    assert [row["payload_bytes"] for row in result.messages] == [26, NULL, NULL]
    assert result.ids().count("deflate-context-lost") == 2


def test_without_takeover_only_the_message_itself_is_lost():
    packets = [frame(TEXT, Deflater()(b"on its own"), rsv=RSV1) for _ in range(2)]
    steps = [(SERVER, packets[0][:4]), (SERVER, len(packets[0]) - 4), (SERVER, packets[1])]
    result = talk([*handshake(NO_TAKEOVER), *steps], FULL)
    assert result.sent(SERVER) == [None, b"on its own"]


@pytest.mark.parametrize("opcode", [TEXT, PING])
def test_loss_outside_of_compressed_messages_leaves_the_window_whole(opcode):
    deflater = Deflater()
    plain = frame(opcode, b"0123456789")
    steps = [
        *handshake(DEFLATE),
        compressed(deflater, b"words to refer to"),
        (SERVER, plain[:5]),
        (SERVER, 3),
        (SERVER, plain[8:]),
        compressed(deflater, b"words to refer to"),
    ]
    for options in (Options(), FULL):
        result = talk(steps, options)
        words = [each for each in result.sent(SERVER) if each is not None]
        assert words == [b"words to refer to"] * 2
        assert result.ids() == ["websocket-payload-lost"]


@pytest.mark.parametrize("places", [(), range(99)])
def test_interrupted_message_is_not_joined_to_the_next(places):
    deflater = Deflater()
    broken = deflater(b"never ended")
    steps = [
        *handshake(NO_TAKEOVER),
        server(TEXT, broken, rsv=RSV1, fin=False),
        server(TEXT, b"plain"),
        (CLIENT, "ack"),
        server(TEXT, Deflater()(b"on its own"), rsv=RSV1),
        (CLIENT, "ack"),
    ]
    result = talk(steps, Options(), places)
    assert result.sent(SERVER) == [b"plain", b"on its own"]
    assert result.ids() == ["websocket-interrupted-message"]


def test_bad_data_is_told_and_never_shown():
    result = talk([*handshake(NO_TAKEOVER), server(TEXT, b"\xff\xff\xff", rsv=RSV1)], FULL)
    assert result.payloads == [None]
    assert result.messages[0]["payload_bytes"] == NULL
    assert result.ids() == ["deflate-bad-data"]


def test_bomb_is_not_inflated():
    bomb = Deflater()(bytes(100_000))
    options = Options(max_inflated_bytes=1000, payload="full")
    result = talk([*handshake(NO_TAKEOVER), server(BINARY, bomb, rsv=RSV1)], options)
    assert result.payloads == [None]
    assert result.ids() == ["deflate-limit"]


def test_text_of_a_compressed_message_must_be_utf8():
    steps = [server(TEXT, Deflater()(b"caf\xe9"), rsv=RSV1)]
    steps += [server(BINARY, Deflater()(b"caf\xe9"), rsv=RSV1)]
    steps += [server(TEXT, Deflater()("café".encode()), rsv=RSV1)]
    result = talk([*handshake(NO_TAKEOVER), *steps], Options(payload="none"))
    assert [(each.kind.id, each.frame) for each in result.findings] == [("websocket-bad-utf8", 0)]
    assert [row["payload_bytes"] for row in result.messages] == [4, 4, 5]


@pytest.mark.parametrize("extension", ["", NO_TAKEOVER])
def test_message_longer_than_the_limit_is_not_kept(extension):
    payload = bytes(range(256)) * 2
    long = Deflater()(payload) if extension else payload
    rsv = RSV1 if extension else 0
    steps = [server(BINARY, long, rsv=rsv), server(BINARY, b"short")]
    options = Options(payload="full", max_message_bytes=100)
    result = talk([*handshake(extension), *steps], options)
    assert result.payloads == [None, b"short"]
    assert result.ids() == ["websocket-message-limit"]
    assert result.messages[0]["payload_bytes"] == (NULL if extension else 512)


def test_full_payload_of_masked_fragments_in_any_batches():
    steps = [
        *handshake(),
        client(BINARY, bytes(range(200)), fin=False),
        client(0, b"end"),
        (CLIENT, frame(TEXT, b"two", mask=KEY) + frame(TEXT, b"", mask=KEY)),
    ]
    for places in ((), range(99)):
        assert talk(steps, FULL, places).payloads == [bytes(range(200)) + b"end", b"two", b""]


def test_full_payload_of_a_message_with_a_hole_is_not_kept():
    whole = frame(BINARY, b"0123456789")
    steps = [*handshake(), (SERVER, whole[:4]), (SERVER, 4), (SERVER, whole[8:])]
    result = talk(steps, FULL)
    assert result.payloads == [None]
    assert result.messages[0]["payload_bytes"] == 10


def test_preview_holds_the_first_bytes_and_none_holds_nothing():
    steps = [*handshake(NO_TAKEOVER), server(TEXT, b"0123456789")]
    steps += [server(TEXT, Deflater()(b"0123456789"), rsv=RSV1)]
    assert talk(steps, Options(preview_bytes=4)).payloads == [b"0123"] * 2
    assert talk(steps, Options(payload="none")).payloads == [None, None]
