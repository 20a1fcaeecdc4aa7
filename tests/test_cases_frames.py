"""Captures of frames that break a rule, and controls near them: the right answer of each.

The captures in tests/cases/ were made for one situation each; the answers were worked out from
RFC 6455 and RFC 7692 by hand, packet by packet. C is the client, S the server.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from conversation import Conversation, frame
from oracle.whole import Tables, assert_ties_out, said, tables_of

FOLDER = Path(__file__).parent / "cases"
CONSEQUENCES = {
    "websocket-close-error",
    "websocket-close-abnormal",
    "websocket-message-unfinished",
    "websocket-frame-cut",
    "websocket-resynchronised",
    "websocket-not-resynchronised",
    "websocket-framing-lost",
}
"""What follows from the fault that a case is about, and stands beside it."""
NAMES = {"client": "C", "server": "S"}


@dataclass(frozen=True)
class Case:
    """The right answer.

    Attributes:
        findings: id, packet, frame (None: no frame), who is at fault.
        close: kind, code, by whom.
        messages: direction, payload (or its length), where they are checked.
        reason: of the Close.
        beside: ids of consequences that must be told as well.
        texts: words that findings must say, by id.
    """

    findings: tuple[tuple[str, int, int | None, str | None], ...] = ()
    close: tuple[str, int | None, str] | None = ("clean", 1000, "C")
    messages: tuple[tuple[str, bytes | int], ...] | None = None
    reason: str | None = None
    beside: tuple[str, ...] = ()
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)


RESERVED = "websocket-reserved-opcode"
UTF8 = "websocket-bad-utf8"
LONG = "websocket-control-too-long"
KEY = "websocket-repeated-key"
NOT_FRAMES = "websocket-not-frames"
TORN_WRITE = "websocket-torn-write"
WINDOW = "deflate-window-exceeded"
UNFINISHED = ("websocket-message-unfinished",)
PING_200 = ("websocket-rsv", LONG, "websocket-control-fragmented")


def ping_200(packet: int, frame: int) -> tuple[tuple[str, int, int | None, str | None], ...]:
    """The three faults of the Ping of 200 bytes with FIN 0 and RSV2."""
    return tuple((each, packet, frame, "C") for each in PING_200)


FOX = b"The quick brown fox jumps over the lazy dog. " * 4
CASES = {
    "conformance/f-reserved-inside-message": Case(
        ((RESERVED, 10, 1, "C"),), ("clean", 1002, "S"), (("C", b"ab"),)
    ),
    "conformance/f-reserved-inside-message-utf8": Case(
        ((RESERVED, 10, 1, "C"),), ("clean", 1002, "S"), (("C", b"ab"),)
    ),
    "conformance/d-reserved-inside-compressed": Case(
        ((RESERVED, 10, 1, "C"),), ("clean", 1002, "S"), (("C", FOX),)
    ),
    "conformance/f-reserved-after-close": Case(((RESERVED, 10, 1, "C"),)),
    "conformance/7.1.2.client.strict": Case(),
    "conformance/7.1.3.client.strict": Case(),
    "conformance/7.1.6.client.strict": Case(
        messages=(("C", 262_140), ("C", 12), ("S", 262_140), ("S", 12))
    ),
    "conformance/f-close-twice": Case(),
    "conformance/f-ping-after-own-close": Case(close=("clean", 1000, "S")),
    "conformance/f-pong-by-client-after-own-close": Case(),
    "conformance/6.4.1.client.strict": Case(
        ((UTF8, 10, 1, "C"),), ("clean", 1007, "S"), (), beside=UNFINISHED
    ),
    "conformance/6.4.2.client.strict": Case(
        ((UTF8, 10, 1, "C"),), ("clean", 1007, "S"), (), beside=UNFINISHED
    ),
    "conformance/6.4.3.client.strict": Case(
        ((UTF8, 10, None, "C"),),
        ("fin", 1007, "S"),
        (),
        beside=("websocket-frame-cut",),
        texts={"websocket-frame-cut": ("6 bytes",)},
    ),
    "conformance/6.4.4.client.strict": Case(
        ((UTF8, 10, None, "C"),),
        ("fin", 1007, "S"),
        (),
        beside=("websocket-frame-cut",),
        texts={"websocket-frame-cut": ("8 bytes",)},
    ),
    "conformance/f-bad-utf8-first-frame-then-1007": Case(
        ((UTF8, 8, 0, "C"),), ("clean", 1007, "S"), (), beside=UNFINISHED
    ),
    "conformance/f-bad-utf8-by-server-then-1007": Case(
        ((UTF8, 8, 0, "S"),), ("clean", 1007, "C"), (), beside=UNFINISHED
    ),
    "conformance/7.3.6.client.strict": Case(((LONG, 8, 0, "C"),), reason="*" * 124),
    "conformance/7.3.6.client.drop": Case(
        ((LONG, 8, 0, "C"),), ("fin", 1000, "C"), reason="*" * 124
    ),
    "conformance/7.3.6.client.reset": Case(
        ((LONG, 8, 0, "C"),), ("reset", 1000, "C"), reason="*" * 124
    ),
    "conformance/f-close-reason-124-utf8": Case(((LONG, 8, 0, "C"),), reason="é" * 62),
    "conformance/f-close-code+utf8": Case(
        (("websocket-close-code", 8, 0, "C"), ("websocket-close-utf8", 8, 0, "C")),
        ("clean", 1006, "C"),
    ),
    "conformance/d06c-ping-rsv1+rsv2": Case(
        (("websocket-rsv", 8, 0, "C"), ("websocket-rsv1", 8, 0, "C")), ("clean", 1002, "S")
    ),
    "conformance/f-msb-length": Case(
        (("websocket-length-too-big", 8, None, "C"),), ("fin", 1002, "S"), ()
    ),
    "conformance/f-three-faults-known-length": Case(
        ping_200(10, 1), ("clean", 1002, "S"), (("C", b"before"), ("C", b"after"))
    ),
    "conformance/f-three-faults-one-segment": Case(
        ping_200(8, 0), ("clean", 1002, "S"), (("C", b"k"),)
    ),
    "conformance/f-three-faults-one-segment-inside-message": Case(
        ping_200(8, 1), ("clean", 1002, "S"), (("C", b"abcdef"),)
    ),
    "conformance/f-three-faults-then-one-short": Case(
        ping_200(8, 0), ("fin", 1002, "S"), (("C", b"k"),)
    ),
    "raw_json_after_101": Case(
        ((NOT_FRAMES, 10, None, "S"),),
        ("fin", 1002, "C"),
        (("C", b"hello"), ("S", b"a proper frame")),
        texts={NOT_FRAMES: ("server", "JSON", "111 bytes", '{"type":"welcome"')},
    ),
    "raw_html_after_101": Case(
        ((NOT_FRAMES, 10, None, "S"),),
        ("fin", 1002, "C"),
        (("C", b"hello"), ("S", b"a proper frame")),
        texts={NOT_FRAMES: ("server", "HTML", "76 bytes", "<html>")},
    ),
    "torn_two_writers": Case(
        ((TORN_WRITE, 18, None, "C"),),
        ("fin", 1002, "S"),
        tuple(("C", b'{"n":%d}' % n) for n in (0, 1, 2, 3, 4, 6, 7, 8, 9)),
        texts={TORN_WRITE: ("client", "ping and text", '{"n":5,"text":"the torn one"}')},
    ),
    "torn_unfinished": Case(
        (("websocket-interrupted-message", 10, 1, "S"),),
        ("fin", 1002, "C"),
        (("S", b"a new message"),),
    ),
    "mask_zero": Case(((KEY, 10, 1, "C"),), texts={KEY: ("39 times", "key of zero", "clear")}),
    "mask_constant": Case(((KEY, 10, 1, "C"),), texts={KEY: ("39 times",)}),
    "empty_ping_unmasked": Case(
        (("websocket-unmasked-client-frame", 10, 1, "C"),), ("clean", 1002, "S")
    ),
    "deflate_window9_broken": Case(
        ((WINDOW, 8, 0, "S"), (WINDOW, 11, 1, "S"), (WINDOW, 13, 2, "S")),
        ("fin", 1007, "C"),
        (("S", 760), ("S", 2360), ("S", 306)),
    ),
    "deflate_window10_ok": Case((), ("fin", 1007, "C"), (("S", 760), ("S", 2360), ("S", 306))),
    "conformance/d07b-window-exceeded-across-messages": Case(
        ((WINDOW, 9, 0, "C"), (WINDOW, 12, 1, "C")), messages=(("C", 2500), ("C", 2540))
    ),
    "conformance/real-websockets-window-12-exceeded": Case(
        ((WINDOW, 11, 2, "C"),), ("fin", 1002, "S"), (("C", 6000), ("S", 6000), ("C", 200))
    ),
    "deflate_takeover_forbidden": Case(
        tuple(("deflate-takeover-forbidden", p, p // 2 - 4, "C") for p in (10, 12, 14)),
        ("fin", 1007, "S"),
        (("C", 61),) * 4,
    ),
    "conformance/n-answer-larger-client-bits": Case(
        (("handshake-bad-extension", 6, None, "S"),), messages=(("C", b"abcabcabc"),)
    ),
    "conformance/n-fallback-unknown-first": Case(messages=(("C", b"abcabcabc"),)),
    "one_byte_segments": Case(messages=(("C", 20), ("C", 300), ("S", 70_000))),
    "101_with_first_frames": Case(messages=(("S", 12), ("S", 1400))),
}


def told(tables: Tables) -> list[tuple[str, int, int | None, str | None]]:
    """Return id, packet, frame and culprit of each finding but consequences."""
    return [
        (
            row.id,
            row.packet,
            None if pd.isna(row.frame) else row.frame,
            NAMES.get(row.direction) if isinstance(row.direction, str) else None,
        )
        for row in tables["findings"].itertuples()
        if row.id not in CONSEQUENCES
    ]


def messages(tables: Tables) -> list[tuple[str, bytes]]:
    rows = tables["messages"].sort_values(["connection", "message"])
    return [(NAMES[row.direction], row.payload) for row in rows.itertuples()]


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = CASES[name]
    tables = tables_of((FOLDER / f"{name}.pcap").read_bytes(), payload="full")
    assert_ties_out(tables)
    assert sorted(told(tables)) == sorted(case.findings)
    (row,) = tables["connections"].itertuples()
    assert (row.close_kind, row.close_code, NAMES[row.closed_by]) == case.close
    if case.messages is not None:
        pairs = zip(messages(tables), case.messages, strict=True)
        for (sender, payload), (right_sender, right) in pairs:
            assert sender == right_sender
            assert (len(payload) if isinstance(right, int) else payload) == right
    if case.reason is not None:
        assert row.close_reason == case.reason
    findings = tables["findings"]
    assert set(case.beside) <= set(findings["id"])
    for kind, words in case.texts.items():
        (text,) = findings.loc[findings["id"] == kind, "text"]
        assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("name", CASES)
def test_findings_of_frames_have_rows_in_frames(name: str) -> None:
    tables = tables_of((FOLDER / f"{name}.pcap").read_bytes())
    rows = set(tables["frames"][["connection", "frame"]].itertuples(index=False, name=None))
    found = tables["findings"].dropna(subset=["connection", "frame"])
    assert {(row.connection, row.frame) for row in found.itertuples()} <= rows


def test_http400_after_101() -> None:
    tables = tables_of((FOLDER / "http400_after_101.pcap").read_bytes())
    connections = tables["connections"]
    assert list(connections["close_kind"]) == ["fin"] * 3
    assert list(connections["close_code"]) == [1002] * 3
    assert list(connections["closed_by"]) == ["client"] * 3
    assert list(connections["server_frames"]) == [0] * 3
    assert told(tables) == [(NOT_FRAMES, packet, None, "S") for packet in (8, 23, 38)]
    texts = tables["findings"].query("id == @NOT_FRAMES")["text"]
    assert all("103 bytes" in text and "HTTP/1.1 400 Bad Request" in text for text in texts)


def test_upgrade_sent_twice() -> None:
    tables = tables_of((FOLDER / "upgrade_sent_twice.pcap").read_bytes(), payload="full")
    assert told(tables) == [(NOT_FRAMES, packet, None, "C") for packet in (8, 25, 42)]
    assert said(tables) == {"client": [("text", b"hi")] * 3, "server": []}
    assert list(tables["connections"]["close_code"]) == [1002] * 3
    texts = tables["findings"].query("id == @NOT_FRAMES")["text"]
    assert all("192 bytes" in text and "GET /feed HTTP/1.1" in text for text in texts)


def test_deflate_window9_broken_distances() -> None:
    tables = tables_of((FOLDER / "deflate_window9_broken.pcap").read_bytes())
    texts = tables["findings"].query("id == @WINDOW")["text"]
    words = [("700 ", "512"), ("2884 ", "512"), ("3126 ", "512")]
    assert all(a in text and b in text for text, (a, b) in zip(texts, words, strict=True))


@pytest.mark.parametrize("name", ["not_websocket_midstream", "outside/modbus-midstream"])
def test_other_protocols_are_no_websocket(name: str) -> None:
    tables = tables_of((FOLDER / f"{name}.pcap").read_bytes())
    assert not len(tables["connections"])
    assert not len(tables["frames"])
    assert not [each for each in tables["findings"]["id"] if each.startswith("websocket")]


def test_midstream_two_frames() -> None:
    tables = tables_of((FOLDER / "outside" / "midstream-two-frames.pcap").read_bytes())
    assert not len(tables["connections"])
    (row,) = tables["findings"].itertuples()
    assert (row.id, row.severity, row.packet) == ("websocket-maybe", "note", 1)


@pytest.mark.parametrize("handshake", [True, False], ids=["cut", "absent"])
@pytest.mark.parametrize("size", [96, 128, 300])
def test_messages_have_their_sizes_where_every_header_is_captured(
    size: int, handshake: bool
) -> None:
    """Forty messages of 20 to 5,870 bytes, text and binary, each frame from a segment's start."""
    one = Conversation()
    if handshake:
        one.upgrade()
    randomness = random.Random(96)
    sizes = [20 + 150 * n for n in range(40)]
    for n, length in enumerate(sizes):
        side = ("client", "server")[n % 2]
        key = randomness.randbytes(4) if side == "client" else None
        data = frame(1 + n // 2 % 2, (b"abcdefghij" * 600)[:length], key=key)
        for at in range(0, len(data), 1400):
            one.send(side, data[at : at + 1400])
    tables = tables_of(one.pcap(snaplen=size))
    rows = tables["messages"].sort_values("message")
    assert list(rows["payload_bytes"]) == sizes
    assert list(rows["direction"]) == ["client", "server"] * 20
    assert_ties_out(tables)


def test_rsv1_cites_the_rule_that_holds() -> None:
    """Without permessage-deflate it is a reserved bit (RFC 6455 5.2), with it RFC 7692 6."""
    name = "conformance/d06c-ping-rsv1+rsv2"
    tables = tables_of((FOLDER / f"{name}.pcap").read_bytes())
    rules = tables["findings"].set_index("id")["rfc"]
    assert rules["websocket-rsv"] == "RFC 6455 5.2"
    assert rules["websocket-rsv1"] == "RFC 7692 6"
