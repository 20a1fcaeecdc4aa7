"""The report on the terminal, rendered to text."""

from __future__ import annotations

import io

import numpy as np
import pytest
from oracle.rows import table_rows
from oracle.sample import connection, finding, summary
from rich.console import Console

from analyzer.report.layout import make_console
from analyzer.report.terminal import render
from analyzer.tables.finding_log import AMOUNT
from analyzer.tables.schema import (
    COMPRESSION,
    CONNECTIONS,
    FINDINGS,
    HANDSHAKES,
    TLS_SESSIONS,
    TableRows,
)
from analyzer.tables.summary import Summary


def rendered(what: Summary, width: int = 100) -> str:
    console = make_console(io.StringIO())
    console.width = width
    render(what, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_lines_fit_and_hold_nothing_that_a_terminal_obeys(width: int) -> None:
    text = rendered(summary(), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.replace("\n", "").isprintable()
    assert all(line == line.rstrip() for line in text.splitlines())


def test_figures() -> None:
    text = rendered(summary())
    words = " ".join(text.split())
    for expected in (
        "chat [1].pcapng",
        "48 packets, 4.00 kB, 5.00 s from 2026-01-02 03:04:05 UTC",
        "3 TCP connections; other packets: 3 UDP",
        "2 WebSocket connections; 3 handshakes (2 accepted, 1 refused)",
        "TCP connect 2 300 µs 300 µs 300 µs",
        "upgrade 2 40.0 ms",
        "1 401 Unauthorized",
        "payload 200 B 200 B 400 B",
        "payload as sent 100 B 100 B 200 B",
        "on the wire 250 B 250 B 500 B",
        "overhead 60.0 % 60.0 % 60.0 %",
        "Compression saved 200 B of 400 B (50.0 %) in 2 messages.",
        "1 message waited 7.00 ms in all for lost packets.",
        "message payload 1,200 1,200 2,400 60.0 %",
        "TCP headers 600 600 1,200 30.0 %",
        "not understood 200 200 400 10.0 %",
        "all 2,000 2,000 4,000",
        "In 48 packets, 16 pure ACKs (1.06 kB) among them.",
        "2 closed cleanly",
        "Close codes: 1000 Normal Closure (1)",
        "2 pings, 1 answered; round trip 2.00 ms",
        "✖ error websocket-unmasked-client-frame 17 times, first in packet 12",
        "0 10.0.0.1:50000 /rooms/0?token=*** 5.00 s 2 2 2.00 kB 40 % clean 1000",
    ):
        assert expected in words, expected
    assert words.index("websocket-unmasked") < words.index("tcp-retransmissions")
    assert "TLS" not in text
    assert "sent again" not in text


def test_encrypted_attempts_are_timed_and_are_no_failures() -> None:
    made = Summary()
    shake = {"outcome": "encrypted", "outcome_reason": "Guessed.", "scheme": "wss"}
    times = {"tcp_us": 300_000, "tls_us": 2_000_000}
    made.add(table_rows(HANDSHAKES, [shake | times, shake | {"tcp_us": 500_000}]))
    made.add(table_rows(TLS_SESSIONS, [{"decrypted": True}, {"decrypted": False}, {}]))
    words = " ".join(rendered(made).split())
    assert "1 TLS session could be read, 1 of 2 could not: --keys FILE" in words
    assert "0 WebSocket connections; 2 handshakes (2 encrypted); 3 TLS sessions" in words
    assert "TCP connect 2 400 µs" in words
    assert "TLS handshake 1 2.00 ms 2.00 ms 2.00 ms" in words
    assert "Handshakes that failed" not in words


def test_sessions_without_keys_are_said_on_the_first_screen() -> None:
    made = Summary()
    made.add(table_rows(TLS_SESSIONS, [{"decrypted": False}] * 10))
    words = " ".join(rendered(made).split())
    assert "10 TLS sessions could not be read: --keys FILE takes the key log" in words
    made = Summary()
    made.add(table_rows(TLS_SESSIONS, [{"decrypted": True}] * 10))
    assert "--keys" not in rendered(made)


def test_keys_of_other_sessions_are_said_on_the_first_screen() -> None:
    made = Summary()
    made.add(table_rows(TLS_SESSIONS, [{"decrypted": False}] * 10))
    said = "10 TLS sessions could not be read; the key log has 3 sessions, none of them these"
    text = f"{said}. Write it"
    made.add(table_rows(FINDINGS, [finding("tls-wrong-keys", "warning", text=text, count=10)]))
    words = " ".join(rendered(made).split("What stands out")[0].split())
    assert f"{said}: clients write one while a session begins (SSLKEYLOGFILE)" in words


def test_traffic_is_never_markup() -> None:
    assert "\\x1b]0;evil\\x07 [red]." in rendered(summary())


def test_empty_capture() -> None:
    text = rendered(Summary())
    assert "0 WebSocket connections" in text
    assert "Messages" not in text


def test_many_connections_are_cut_to_the_dearest() -> None:
    some = Summary()
    some.add(table_rows(CONNECTIONS, [connection(n, 1000 + n) for n in range(34)]))
    lines = rendered(some).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("Connections")) + 2
    assert lines[first].split()[0] == "33"
    assert "and 14 more" in "\n".join(lines)


def test_who_closed_is_said_of_each_kind_and_of_each_connection() -> None:
    ends = [("clean", "client"), ("clean", "client"), ("fin", "client"), ("fin", "server")]
    rows = [
        connection(n, close_kind=kind, closed_by=who, close_code=1000 + n)
        for n, (kind, who) in enumerate([*ends, ("open", None)])
    ]
    some = Summary()
    some.add(table_rows(CONNECTIONS, rows))
    text = rendered(some)
    assert "2 closed cleanly, by the client\n" in text
    assert "2 ended by FIN without Close frames, 1 by the client, 1 by the server\n" in text
    assert "1 still open at the end\n" in text
    endings = ("clean 1000 ↑", "clean 1001 ↑", "fin 1002 ↑", "fin 1003 ↓", "open 1004")
    for ending in endings:
        assert f"{ending}\n" in text, ending


def test_counts_of_several_connections_are_added_up() -> None:
    def shown(*told: tuple[int, int]) -> str:
        rows = [
            finding("tcp-retransmissions", "note", text=f"{count} sent", tcp_stream=stream)
            for count, stream in told
        ]
        made = table_rows(FINDINGS, rows)
        values = {**made.values, AMOUNT: np.array([count for count, _ in told])}
        some = Summary()
        some.add(TableRows(FINDINGS, values, made.count))
        return rendered(some)

    assert "17 segments on 2 connections were sent again." in shown((6, 3), (2, 3), (9, 5))
    assert "8 segments on one connection were sent again." in shown((6, 3), (2, 3))


def test_the_first_sentence_is_shown_where_others_differ() -> None:
    def row(text: str, packet: int) -> dict[str, object]:
        return finding("websocket-reserved-opcode", "error", text=text, packet=packet)

    for texts, said in ((["7", "7"], False), (["7", "3"], True)):
        some = Summary()
        rows = [row(f"Opcode {text} is reserved.", 9 - n) for n, text in enumerate(texts)]
        some.add(table_rows(FINDINGS, rows))
        shown = " ".join(rendered(some).split())
        assert f"first in packet 8 Opcode {texts[1]} is reserved." in shown
        assert ("The first of 2, not all alike." in shown) == said


def test_codes_that_are_not_listed_are_counted() -> None:
    some = Summary()
    rows = [connection(n, close_code=3000 + n) for n in range(7)]
    some.add(table_rows(CONNECTIONS, rows))
    assert "(1) and 2 more codes\n" in rendered(some)


def test_ascii_console_gets_ascii() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    render(summary(), Console(file=file, width=100, highlight=False))
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    text = file.buffer.getvalue().decode("ascii")
    assert "x error" in text
    assert "####" in text


def deflate(connection: int | None, direction: str, **more: object) -> dict[str, object]:
    zeros = ("grown_messages", "grown_bytes", "messages")
    estimates = ("estimated_messages", "estimated_payload_bytes", "estimated_saved_bytes")
    row = {"connection": connection, "direction": direction, "offered": True, "negotiated": False}
    return {**row, **dict.fromkeys((*zeros, *estimates), 0), **more}


def words_of(*rows: dict[str, object]) -> str:
    made = summary()
    made.add(table_rows(COMPRESSION, rows))
    return " ".join(rendered(made).split())


def test_messages_that_grew() -> None:
    grown = {"negotiated": True, "grown_messages": 2, "grown_bytes": 9}
    text = words_of(deflate(0, "client", **grown), deflate(None, "client", **grown))
    assert "in 2 messages. It made 2 messages larger, by 9 B in all." in text
    assert "offered but not accepted" not in text


def test_compression_that_was_declined() -> None:
    part = {"messages": 4, "estimated_messages": 4, "estimated_payload_bytes": 500}
    rows = [deflate(0, side, **part, estimated_saved_bytes=100) for side in ("client", "server")]
    offered = "permessage-deflate was offered but not accepted on"
    assert f"{offered} 1 connection: it would have saved about 200 B of 1.00 kB (20.0 %) in 8 " in (
        words_of(*rows)
    )
    more = deflate(1, "client", messages=1992)
    assert f"{offered} 2 connections: it would" in words_of(*rows, more)
    assert "in the 8 messages looked at, of 2,000." in words_of(*rows, more)
    assert f"{offered} 1 connection." in words_of(more)
    worse = deflate(0, "client", **part, estimated_saved_bytes=-25)
    assert "it would have cost about 25 B of 500 B (5.0 %) in 4 messages." in words_of(worse)
