"""STOMP: frames as in the specification 1.2, whole, several in a message, and in parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.inside.protocol import ASK, DELIVER, PUBLISH, REPLY, REPLY_ERROR, SUBSCRIBE, Setting
from analyzer.inside.registry import STOMP as PROTOCOL
from analyzer.inside.stomp import Stomp, looks

CONNECT = b"CONNECT\naccept-version:1.0,1.1,2.0\nhost:stomp.github.org\n\n\0"
CONNECTED = b"CONNECTED\nversion:1.1\n\n\0"
SEND = b"SEND\ndestination:/queue/a\ncontent-type:text/plain\nreceipt:r-1\n\nhello queue a\0"
RECEIPT = b"RECEIPT\nreceipt-id:r-1\n\n\0"
MESSAGE = (
    b"MESSAGE\nsubscription:0\nmessage-id:007\ndestination:/queue/a\ncontent-length:4\n\na\0b\n\0\n"
)


def take(*payloads, sender=0, decoder=None):
    decoder = decoder or Stomp(Setting())
    return [decoder.take(payload, sender, True) for payload in payloads]


def test_frames():
    (items,) = take(SEND)
    (item,) = items
    assert (item.kind, item.name, item.topic, item.id) == ("SEND", "/queue/a", "/queue/a", "r-1")
    assert (item.role, item.spread, item.body) == (ASK, PUBLISH, b"hello queue a")
    ((answer,),) = take(RECEIPT, sender=1)
    assert (answer.kind, answer.reply_to, answer.role) == ("RECEIPT", "r-1", REPLY)
    assert answer.key == item.key
    ((delivered,),) = take(MESSAGE, sender=1)
    assert (delivered.id, delivered.spread, delivered.body) == ("007", DELIVER, b"a\0b\n")


def test_error_answers_a_receipt():
    ((item,),) = take(b"ERROR\nreceipt-id:r-1\nmessage:malformed\n\nThe message\0", sender=1)
    assert (item.role, item.reply_to) == (REPLY_ERROR, "r-1")
    ((item,),) = take(b"ERROR\nmessage:malformed\n\n\0", sender=1)
    assert item.role == 0


def test_a_receipt_header_that_a_broker_passes_on_asks_nothing():
    """Frames of clients ask for receipts (1.2, "Standard Headers"); RabbitMQ repeats theirs."""
    ((item,),) = take(b"MESSAGE\nmessage-id:1\nreceipt:r-1\n\nx\0", sender=1)
    assert (item.role, item.id) == (0, "1")


def test_several_frames_and_heart_beats_in_one_message():
    (items,) = take(b"\n" + CONNECT + b"\n\n" + SEND + b"\n")
    assert [item.kind for item in items] == ["CONNECT", "SEND"]
    assert [[i.kind for i in items] for items in take(b"\n", b"\r\n")] == [
        ["heartbeat"],
        ["heartbeat"],
    ]


def test_line_ends_of_1_2_and_escapes():
    ((item,),) = take(b"SEND\r\ndestination:/a\\cb\\nc\\\\d\\re\r\n\r\nx\0")
    assert item.topic == "/a:b\nc\\d\re"
    # CONNECT does not escape (1.2, "Value Encoding"); of a header repeated the first counts.
    ((item,),) = take(b"SUBSCRIBE\nid:0\ndestination:/one\ndestination:/two\n\n\0")
    assert (item.topic, item.spread, item.id) == ("/one", SUBSCRIBE, "0")


def test_unsubscribe_knows_its_destination():
    decoder = Stomp(Setting())
    take(b"SUBSCRIBE\nid:s\ndestination:/topic/x\n\n\0", decoder=decoder)
    ((item,),) = take(b"UNSUBSCRIBE\nid:s\n\n\0", decoder=decoder)
    assert (item.kind, item.name) == ("UNSUBSCRIBE", "/topic/x")


def test_correlation():
    ask = b"SEND\ndestination:/q\nreply-to:/temp\ncorrelation-id:c1\n\n\0"
    answer = b"MESSAGE\ndestination:/temp\nmessage-id:1\ncorrelation-id:c1\n\n\0"
    ((asked,),) = take(ask)
    ((answered,),) = take(answer, sender=1)
    assert (asked.role, answered.role, asked.key) == (ASK, REPLY, answered.key)


@given(st.lists(st.integers(1, 60), max_size=12))
def test_any_split_gives_the_same_frames(sizes):
    data, at, payloads = CONNECT + SEND + b"\n" + SEND.replace(b"r-1", b"r-2"), 0, []
    for size in sizes:
        payloads.append(data[at : at + size])
        at += size
    payloads.append(data[at:])
    found = [item.kind for items in take(*filter(None, payloads)) for item in items or ()]
    # A line feed by itself may be a message of its own: a heart-beat.
    assert [kind for kind in found if kind != "heartbeat"] == ["CONNECT", "SEND", "SEND"]


@pytest.mark.parametrize("payload", [b"HELLO\n\n\0", b'{"a":1}', b"SENDING\na:b\n\n\0", b"x"])
def test_others(payload):
    assert take(payload) == [None]
    assert not looks(payload, 0, True)


def test_after_a_loss_it_goes_on_with_the_next_frame():
    decoder = Stomp(Setting())
    take(b"SEND\ndestination:/a\ncontent-length:100\n\nxxx", decoder=decoder)
    decoder.lost(0)
    ((item,),) = take(SEND, decoder=decoder)
    assert item.name == "/queue/a"


def test_a_head_without_end_is_bounded():
    decoder = Stomp(Setting(max_bytes=1000))
    for _ in range(100):
        decoder.take(b"SEND\n" + b"a:b\n" * 100, 0, True)
        assert decoder.held_bytes <= 1000


def test_recognition():
    assert looks(CONNECT, 0, True)
    assert looks(CONNECTED, 1, True)
    assert looks(MESSAGE, 1, True)
    assert not looks(CONNECTED, 0, True)
    for name in ("v10.stomp", "v11.stomp", "v12.stomp"):
        assert PROTOCOL.subprotocols.fullmatch(name)
    assert not PROTOCOL.subprotocols.fullmatch("stompy")
