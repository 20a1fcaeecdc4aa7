"""A message: whole, as JSON, text and bytes; kept while it is read."""

from __future__ import annotations

import pytest
from oracle.screens import SIZES, Shown, busy, give, said

from analyzer.options import Options
from analyzer.report.screen import message_page

JSON = b'{"a":[1,{"b":"\\u001b x"}],"n":12345678901234567890}'


def opened(payload=JSON, size=(80, 24), *, options=None, **more):
    model = busy(1, options or Options())
    give(model, "messages", said(0, "client"), said(1, "server", payload_preview="pre", **more))
    if payload is not None:
        model.history._payloads.put(0, 1, payload)
    shown = Shown(model, *size)
    shown.press("enter", "enter")
    return shown


@pytest.mark.parametrize("size", SIZES)
def test_json_is_indented(size):
    shown = opened(size=size)
    lines = [line.rstrip() for line in shown.lines()]
    assert '  "a": [' in lines or (size[1] == 10 and "{" in lines)
    shown.press("end")
    assert "}" in [line.rstrip() for line in shown.lines()]


def test_forms():
    shown = opened()
    text = "\n".join(shown.lines())
    assert f"payload, {len(JSON)} bytes, as JSON" in text
    assert '"n": 12345678901234567890' in text, "numbers as they were sent"
    text = "\n".join(shown.press("x"))
    assert "as text" in text
    assert JSON.decode() in text.replace("\n", "").replace(" " * 20, "")
    text = "\n".join(shown.press("x"))
    assert "00000000  7b 22 61 22" in text
    assert "as JSON" in "\n".join(shown.press("x"))


def test_binary_is_shown_as_bytes():
    text = "\n".join(opened(b"\x00\xff\x1b[2J" * 20, type="binary").lines())
    assert "00000000  00 ff 1b 5b 32 4a" in text


@pytest.mark.parametrize(
    ("payload", "kind", "offered"),
    [
        (JSON, "text", ["text", "hex", "JSON"]),
        (b"hello", "text", ["hex", "text"]),
        (b"\x00\xff", "binary", ["text", "bytes"]),
    ],
)
def test_the_key_names_the_form_that_it_shows_next(payload, kind, offered):
    shown = opened(payload, type=kind)
    for form in [*offered, offered[0]]:
        screen = "\n".join(shown.lines())
        assert f"x {form}" in screen
        assert "\n".join(shown.press("x")) != screen


def test_hostile_text_does_nothing_and_wraps():
    payload = ("\x1b]0;evil\x07\u202e世界e" + "\u0301" * 90).encode() * 9
    lines = opened(payload).lines()
    text = "".join(lines)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b]0;evil" in text


def test_the_beginning_where_more_is_not_kept():
    text = "\n".join(opened(None).lines())
    assert "only its beginning is kept" in text
    assert "\npre" in text


def test_no_payload_where_none_is_wanted():
    text = "\n".join(opened(None, options=Options(payload="none")).lines())
    assert "--payload none" in text


def test_other_messages():
    shown = opened()
    assert "Message 1 of connection 0, from the server" in "\n".join(shown.lines())
    assert "Message 0 of connection 0, from the client" in "\n".join(shown.press("left"))
    assert "Message 0" in "\n".join(shown.press("left"))
    assert "Message 1" in "\n".join(shown.press("right", "right"))


def test_it_is_kept_while_it_is_read():
    shown = opened()
    payloads = shown.screen._model.history
    for number in range(50):
        payloads._payloads.put(3, number, b"x" * (1 << 20))
    assert payloads.payload(0, 1) is None
    assert '"a": [' in "\n".join(shown.lines())


def test_what_it_says_and_costs():
    named = {"inner": "json-rpc", "kind": "response", "name": "add", "reply_to": "r1"}
    costs = {"frames": 3, "reply_us": 2_000_000, "delivery_us": 1_000_000, "stall_us": 500_000}
    text = " ".join(opened(**named, **costs, wire_bytes=None).lines())
    assert "inner json-rpc, kind response, name add, reply to r1" in text
    for words in ("3 frames", "not acknowledged yet", "delivered in 1.00 ms", "held up 500 µs"):
        assert words in text
    assert "reply after 2.00 ms" in text


def test_words_are_found():
    shown = opened(b"\n".join(b"row %d" % number for number in range(500)))
    assert "row 321" in "\n".join(shown.type("321"))
    assert "match 1 of 1" in "\n".join(shown.lines())


def test_a_large_payload_is_cut(monkeypatch):
    monkeypatch.setattr(message_page, "MAX_SHOWN", 1000)
    monkeypatch.setattr(message_page, "MAX_LINES", 50)
    shown = opened(b"[" * 999 + b"]" * 999)
    assert "its beginning" in "\n".join(shown.lines())
    shown.press("end")
    shown = opened(b"x" * 100_000)
    assert "100,000 bytes, as text, its beginning" in "\n".join(shown.lines())
