"""Exchanges of several clients at given times, led through the http stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from oracle.conversations import HEADER_BYTES, START_TIME, batch_of

from analyzer.http.exchanges import Exchange, HttpBatch
from analyzer.http.stage import HttpStage
from analyzer.options import Options
from analyzer.tcp.bytestream import DATA, FIN

MS = 1_000_000
Event = tuple[float, int, int, bytes | str]
"""(ms since the start, connection, side, payload or "fin"): side 0 is the client."""


def get(target: str, **fields: str) -> bytes:
    """Return a GET request; `user_agent` stands for User-Agent."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: h", *lines, "", ""]).encode()


def post(target: str, body: bytes, **fields: str) -> bytes:
    """Return a POST request."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    head = [f"POST {target} HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def answer(body: bytes = b"", kind: str | None = "application/json", **fields: str) -> bytes:
    """Return a 200 with a length; `status` replaces the status line's end."""
    status = fields.pop("status", "200 OK")
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def chunked(kind: str | None = None, **fields: str) -> bytes:
    """Return the head of a chunked 200."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """Return one chunk; of b"" the last."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def rows_at(events: Iterable[Event]) -> list[tuple[tuple[int, ...], bytes]]:
    """Return CHUNK rows in order of time, one packet each."""
    offsets: dict[tuple[int, int], int] = {}
    rows = []
    for number, (at, slot, side, what) in enumerate(sorted(events, key=lambda e: e[0]), 1):
        time = START_TIME + round(at * MS)
        payload = what if isinstance(what, bytes) else b""
        offset = offsets.get((slot, side), 0)
        rows.append(
            (
                (
                    *(number, time, time, offset, offsets.get((slot, 1 - side), 0), 0),
                    *(2 * slot + side, len(payload), len(payload), 0),
                    *(HEADER_BYTES, HEADER_BYTES + len(payload)),
                    *(DATA if isinstance(what, bytes) else FIN, 16),
                    *(len(payload), 0, 0, 0, 0, 0, 0),
                ),
                payload,
            )
        )
        offsets[slot, side] = offset + len(payload)
    return rows


def lead(
    events: Sequence[Event],
    options: Options | None = None,
    *,
    round_trip_ms: float | None = 0.1,
    near_server: bool = False,
    cuts: Sequence[int] = (),
) -> HttpBatch:
    """Lead events through the stage, as one batch or cut before the rows at `cuts`.

    Each connection opens a round trip before its first event.

    Returns:
        The last batch, with the exchanges and findings of all, in order of their requests.
    """
    rows = rows_at(events)
    slots = 1 + max(slot for _, slot, _, _ in events)
    opened: dict[int, float] = {}
    for at, slot, _, _ in events:
        opened[slot] = min(at, opened.get(slot, at))
    stage = HttpStage(options or Options())
    bounds = [0, *sorted({at for at in cuts if 0 < at < len(rows)}), len(rows)]
    exchanges: list[Exchange] = []
    found = []
    for begin, end in pairwise(bounds):
        last = end == len(rows)
        batch = batch_of(rows[begin:end], slots, list(range(slots)) if last else [])
        if round_trip_ms is not None:
            for slot, at in opened.items():
                begun, end = (START_TIME + round(ms * MS) for ms in (at - round_trip_ms, at))
                batch.connections["syn_time"][slot] = begun
                batch.connections["synack_time"][slot] = begun if near_server else end
                batch.connections["established_time"][slot] = end
        batch.connections["low1"] = 1
        batch.connections["port1"] = 80
        out = stage.push(batch, last=last)
        exchanges += out.exchanges
        found += out.findings
    out.exchanges = sorted(exchanges, key=lambda each: (each.request_packet, each.exchange))
    out.findings = found
    return out


def kinds(events: Sequence[Event], **how: object) -> list[str]:
    """Return the exchanges' kinds, in order of their requests."""
    return [each.kind for each in lead(events, **how).exchanges]  # type: ignore[arg-type]


def polls(
    times: Iterable[float],
    target: str = "/news",
    *,
    wait: float = 2,
    slot: int = 0,
    body: bytes = b"[]",
    **fields: str,
) -> list[Event]:
    """Return requests at `times` (ms), each answered after `wait`; `*` becomes its number."""
    events: list[Event] = []
    for number, at in enumerate(times):
        request = get(target.replace("*", str(number)), **fields)
        events += [(at, slot, 0, request), (at + wait, slot, 1, answer(body))]
    return events
