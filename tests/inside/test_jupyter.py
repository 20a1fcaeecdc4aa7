"""Jupyter: the three encodings of its server, made by hand."""

import json

from analyzer.inside.jupyter import V1, Jupyter
from analyzer.inside.protocol import ASK, REPLY, REPLY_ERROR, STREAM, Setting
from analyzer.inside.registry import JUPYTER as PROTOCOL


def message(kind, id_, parent=None, channel="shell", content=None):
    return {
        "header": {"msg_id": id_, "msg_type": kind},
        "parent_header": {} if parent is None else {"msg_id": parent},
        **{"metadata": {}, "content": content or {}, "buffers": [], "channel": channel},
    }


def cut(message, *buffers):
    parts = [message["channel"].encode()]
    parts += [
        json.dumps(message[name]).encode()
        for name in ("header", "parent_header", "metadata", "content")
    ]
    parts += buffers
    count = len(parts) + 1
    offsets, at = [], 8 * (1 + count)
    for part in parts:
        offsets.append(at)
        at += len(part)
    offsets.append(at)
    head = b"".join(each.to_bytes(8, "little") for each in (count, *offsets))
    return head + b"".join(parts)


def take(payload, is_text, subprotocol=""):
    return Jupyter(Setting(subprotocol)).take(payload, 0, is_text)


def forms(message):
    text = json.dumps(message).encode()
    yield text, True, ""
    # Two offsets of 32 bits: the message, and one buffer.
    head = (2).to_bytes(4) + (12).to_bytes(4) + (12 + len(text)).to_bytes(4)
    yield head + text + b"\0\1", False, ""
    yield cut(message), False, V1
    yield cut(message, b"buffer"), False, V1


def test_an_execution():
    asked = message("execute_request", "m1")
    stream = message("stream", "m2", "m1", "iopub")
    done = message("execute_reply", "m3", "m1", content={"status": "ok"})
    failed = message("execute_reply", "m4", "m1", content={"status": "error"})
    for each in zip(*map(forms, (asked, stream, done, failed)), strict=True):
        items = [take(*form)[0] for form in each]
        assert [item.name for item in items] == [
            *("execute_request", "stream", "execute_reply", "execute_reply"),
        ]
        assert [item.role for item in items] == [ASK, STREAM, REPLY, REPLY_ERROR]
        assert [item.topic for item in items] == ["shell", "iopub", "shell", "shell"]
        assert {item.key for item in items} == {"m1"}
        assert items[0].kind == "message"


def test_others():
    for payload in (
        b"{}",
        b"[]",
        b"x",
        b'{"header":{}}',
        b'{"header":{"msg_type":"a"},"channel":"b"}',
    ):
        assert take(payload, True) is None
    for payload in (b"", b"\0", b"\xff" * 8, (7).to_bytes(8, "little") + b"\xff" * 56):
        assert take(payload, False) is None
        assert take(payload, False, V1) is None


def test_recognition():
    assert PROTOCOL.subprotocols.fullmatch(V1)
    assert PROTOCOL.path.match("/user/me/api/kernels/7f-1/channels?session_id=1")
