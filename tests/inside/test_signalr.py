"""SignalR: the examples of HubProtocol.md, JSON and MessagePack."""

import pytest

from analyzer.inside.protocol import ASK, CANCEL, REPLY, REPLY_ERROR, STREAM, Setting
from analyzer.inside.signalr import SignalR, looks


def take(payload, sender=0, is_text=True, decoder=None):
    decoder = decoder or SignalR(Setting())
    items = decoder.take(payload, sender, is_text)
    return None if items is None else [(i.kind, i.name, i.id, i.reply_to, i.role) for i in items]


@pytest.mark.parametrize(
    ("text", "item"),
    [
        (
            b'{"type":1,"invocationId":"123","target":"Send","arguments":[42,"Test"]}',
            ("invocation", "Send", "123", None, ASK),
        ),
        (b'{"type":1,"target":"Send","arguments":[42]}', ("invocation", "Send", None, None, 0)),
        (
            b'{"type":4,"invocationId":"123","target":"Count","arguments":[]}',
            ("stream_invocation", "Count", "123", None, ASK),
        ),
        (
            b'{"type":2,"invocationId":"123","item":42}',
            ("stream_item", None, None, "123", STREAM),
        ),
        (
            b'{"type":3,"invocationId":"123","result":42}',
            ("completion", None, None, "123", REPLY),
        ),
        (
            b'{"type":3,"invocationId":"123","error":"It didn\'t work!"}',
            ("completion", None, None, "123", REPLY_ERROR),
        ),
        (b'{"type":5,"invocationId":"123"}', ("cancel", None, None, "123", CANCEL)),
        (b'{"type":6}', ("heartbeat", None, None, None, 0)),
        (b'{"type":7,"error":"bye"}', ("close", None, None, None, 0)),
        (b'{"protocol":"messagepack","version":1}', ("handshake", "messagepack", None, None, 0)),
        (b"{}", ("handshake", None, None, None, 0)),
    ],
)
def test_json(text, item):
    assert take(text + b"\x1e") == [item]


def test_several_in_one_message():
    payload = b'{"type":6}\x1e{"type":1,"target":"A","arguments":[]}\x1e'
    assert [item[0] for item in take(payload)] == ["heartbeat", "invocation"]


def test_messagepack():
    # The bytes of HubProtocol.md, "Invocation Message Encoding" and "Completion".
    invocation = bytes.fromhex("9680 a3 787974".replace(" ", ""))
    invocation = bytes.fromhex("960180a378797aa66d6574686f64912a90")
    result = bytes.fromhex("950380a378797a032a")
    error = bytes.fromhex("950380a378797a01a54572726f72")
    item = bytes.fromhex("940280a378797a2a")
    fire = bytes.fromhex("960180c0a66d6574686f64912a90")

    def framed(*messages):
        return b"".join(bytes([len(each)]) + each for each in messages)

    assert take(framed(invocation, fire), 0, False) == [
        ("invocation", "method", "xyz", None, ASK),
        ("invocation", "method", None, None, 0),
    ]
    assert take(framed(item, result, b"\x91\x06"), 1, False) == [
        ("stream_item", None, None, "xyz", STREAM),
        ("completion", None, None, "xyz", REPLY),
        ("heartbeat", None, None, None, 0),
    ]
    assert take(framed(error), 1, False)[0][4] == REPLY_ERROR
    long = b"\x96\x01\x80\xc0\xa1m\x91\xc5\x01\x00" + b"x" * 256 + b"\x90"
    assert len(long) == 267
    assert take(b"\x8b\x02" + long, 0, False) == [("invocation", "m", None, None, 0)]


@pytest.mark.parametrize("payload", [b"{}", b"x\x1e", b"[1]\x1e", b'{"type":77}\x1e', b""])
def test_others(payload):
    assert take(payload) is None


@pytest.mark.parametrize("payload", [b"\xff", b"\x05\x91", b"\x01\xc1", b"\x02\x91\x63"])
def test_others_in_messagepack(payload):
    assert take(payload, 0, False) is None


def test_recognition():
    assert looks(b'{"protocol":"json","version":1}\x1e', 0, True)
    assert looks(b"{}\x1e", 1, True)
    assert not looks(b"{}\x1e", 0, True)
    assert not looks(b'{"type":1}', 0, True)
