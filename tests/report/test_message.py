"""One message whole."""

from __future__ import annotations

import io

import pytest
from oracle.rows import table_rows

from analyzer.report.layout import make_console
from analyzer.report.message import MessageReport, View, dumped, indented, payload_lines
from analyzer.tables.schema import MESSAGES


def shown(payload: bytes | None, kind: str = "text", view: View = "auto") -> str:
    row = {"connection": 3, "message": 7, "direction": "server", "type": kind, "payload": payload}
    report = MessageReport(3, 7)
    report.write(table_rows(MESSAGES, [{"connection": 3, "message": 6}, row, {"connection": 4}]))
    assert report.found
    assert report.seen == 2
    console = make_console(io.StringIO())
    report.render(console, view)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_json_is_indented_and_its_numbers_stay_as_sent() -> None:
    text = shown(b'{"a":1.50e3,"a":2,"big":12345678901234567890123,"s":"\\u001b[31m"}')
    assert "as JSON" in text
    for line in ('  "a": 1.50e3,', '  "a": 2,', '  "big": 12345678901234567890123,'):
        assert line in text.splitlines()
    assert '"s": "\\u001b[31m"' in text


def test_what_stands_before_json_has_its_own_line() -> None:
    assert indented(b'420["join","kitchen"]') == b'420\n[\n  "join",\n  "kitchen"\n]'


@pytest.mark.parametrize("payload", [b"{", b"[1,]", b"hello {}" * 9, b"", b"[" * 100_000])
def test_what_is_no_json_is_text(payload: bytes) -> None:
    assert indented(payload) is None
    assert "as text" in shown(payload)


def test_text_of_traffic_is_harmless() -> None:
    text = shown("a\x1b[31m\u202eb\x00\tc\r\nsecond".encode())
    assert text.splitlines()[-2:] == ["a\\x1b[31m\\u202eb\\x00    c", "second"]


def test_bytes_are_dumped() -> None:
    assert list(dumped(bytes(range(65, 83)))) == [
        "00000000  41 42 43 44 45 46 47 48  49 4a 4b 4c 4d 4e 4f 50  |ABCDEFGHIJKLMNOP|",
        "00000010  51 52                                             |QR|",
    ]
    assert "|...|" in shown(b"\x00\xff\x1b", "binary")


@pytest.mark.parametrize(
    ("view", "kind", "name"),
    [
        ("hex", "text", "as bytes"),
        ("text", "text", "as text"),
        ("json", "binary", "as JSON"),
        ("auto", "binary", "as bytes"),
    ],
)
def test_views(view: View, kind: str, name: str) -> None:
    assert payload_lines(b'{"a":1}', view, is_text=kind == "text")[0] == name


def test_payload_that_was_not_kept() -> None:
    assert "was not kept" in shown(None)


def test_no_such_message() -> None:
    report = MessageReport(0, 9)
    report.write(table_rows(MESSAGES, [{"connection": 0, "message": 0}]))
    assert not report.found
