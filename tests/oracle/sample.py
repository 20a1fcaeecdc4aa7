"""A made-up capture's rows, for the reports on the terminal."""

from __future__ import annotations

from collections import Counter

from oracle.rows import Row, table_rows

from analyzer.tables.schema import (
    CONNECTIONS,
    FINDINGS,
    FRAMES,
    HANDSHAKES,
    LEDGER,
    LEDGER_PARTS,
    MESSAGES,
    PINGS,
    TableRows,
)
from analyzer.tables.summary import Capture, Summary

START = 1_767_323_045_000_000_000  # 2026-01-02 03:04:05 UTC
MS = 1_000_000
HOSTILE = '{"text":"[bold]hi[/bold]\x1b[31m\u202e"}'


def ends(number: int) -> Row:
    """Addresses and target of a connection."""
    client = {"client_ip": "10.0.0.1", "client_port": 50000 + number}
    server = {"server_ip": "203.0.113.7", "server_port": 8080}
    target = {"scheme": "ws", "host": "chat.example.com", "path": f"/rooms/{number}?token=***"}
    return {"connection": number, "tcp_stream": 2 * number, **client, **server, **target}


def connection(number: int, wire_bytes: int = 2000, **more: object) -> Row:
    times = {"opened_at": START, "closed_at": START + 5000 * MS, "duration_s": 5000 * MS}
    row = {**ends(number), **times, "handshake_seen": True, "wire_bytes": wire_bytes}
    for side in ("client", "server"):
        row |= {f"{side}_frames": 4, f"{side}_messages": 2, f"{side}_payload_bytes": 300}
    closed = {"close_kind": "clean", "close_code": 1000, "close_reason": "bye"}
    return {**row, **closed, "closed_by": "client", "lost_bytes": 0, **more}


def handshake(number: int, connection: int | None, **more: object) -> Row:
    times = {"started_at": START, "tcp_us": 300_000, "upgrade_us": 40 * MS, "total_us": 41 * MS}
    row = {**ends(number), "handshake": number, "connection": connection, "status": 101}
    return {**row, **times, "outcome": "accepted", "request_bytes": 480, **more}


def message(number: int, direction: str, **more: object) -> Row:
    costs = {"frames": 1, "payload_bytes": 200, "transfer_bytes": 100, "wire_bytes": 250}
    time = START + number * 100 * MS
    row = {"connection": 0, "message": number, "direction": direction, "type": "text"}
    kept = {"compressed": True, "stall_us": 0, "retransmitted_bytes": 0}
    return {**row, **costs, **kept, "time_first": time, "payload_preview": HOSTILE, **more}


def frame(number: int, direction: str, opcode: str, **more: object) -> Row:
    time = START + number * 10 * MS
    row = {"connection": 0, "frame": number, "direction": direction, "opcode": opcode}
    return {**row, "payload_bytes": 4, "time_first": time, **more}


def ledger(number: int, direction: str) -> Row:
    parts = dict.fromkeys(LEDGER_PARTS, 0) | {"transfer_bytes": 600, "tcp_bytes": 300}
    row: Row = {"connection": number, "tcp_stream": 2 * number, "direction": direction}
    counts = {"packets": 12, "pure_acks": 4, "pure_ack_bytes": 264, "lost_bytes": 0}
    return {**row, **parts, "unparsed_bytes": 100, "wire_bytes": 1000, **counts}


def finding(id_: str, severity: str, **more: object) -> Row:
    text = f"What {id_} says: \x1b]0;evil\x07 [red]."
    row: Row = {"id": id_, "severity": severity, "text": text, "count": 1, "packet": 9}
    return {**row, "rfc": "RFC 6455 5.1", "connection": 0, "tcp_stream": 0, **more}


def batches() -> list[TableRows]:
    """Return the rows of two connections and a refused handshake."""
    refused = {"outcome": "refused", "outcome_reason": "401 Unauthorized", "status": 401}
    frames = [frame(0, "server", "ping"), frame(1, "client", "pong"), frame(2, "client", "text")]
    closing = frame(3, "client", "close", close_code=1000)
    ping = {"connection": 0, "direction": "server", "ping_frame": 0, "payload_bytes": 4}
    grave = finding("websocket-unmasked-client-frame", "error", count=17, packet=12)
    findings = [finding("tcp-retransmissions", "note"), grave]
    return [
        table_rows(HANDSHAKES, [handshake(0, 0), handshake(1, 1), handshake(2, None, **refused)]),
        table_rows(FRAMES, [*frames, closing]),
        table_rows(MESSAGES, [message(0, "client"), message(1, "server", stall_us=7 * MS)]),
        table_rows(PINGS, [dict(ping, pong_frame=1, rtt_us=2 * MS), dict(ping, ping_frame=9)]),
        table_rows(LEDGER, [ledger(n, side) for n in (0, 1) for side in ("client", "server")]),
        table_rows(CONNECTIONS, [connection(0), connection(1, 2000, close_code=None)]),
        table_rows(FINDINGS, findings),
    ]


def summary() -> Summary:
    """Return the summary of those rows."""
    made = Summary()
    made.capture = Capture(
        files=["/captures/chat [1].pcapng"],
        packets=48,
        wire_bytes=4000,
        tcp_connections=3,
        first_time=START,
        last_time=START + 5000 * MS,
        not_tcp=Counter({"UDP": 3}),
    )
    for rows in batches():
        made.add(rows)
    return made
