"""Conversations led through http, websocket, inside and tables: what is said in them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from oracle.conversations import Step
from oracle.stages import CLIENT, SERVER, batches_of
from oracle.whole import Tables

from analyzer.analysis import Collector
from analyzer.http.stage import HttpStage
from analyzer.inside.stage import InsideStage
from analyzer.options import DEFAULT, Options
from analyzer.report.output import Writer
from analyzer.tables.build import TableBuilder
from analyzer.websocket.stage import WebSocketStage

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3


def upgrade(path: str = "/", subprotocol: str = "", extension: str = "") -> list[Step]:
    """Return request and 101 for a path, with a subprotocol that both name."""
    key = base64.b64encode(hashlib.sha256(path.encode()).digest()[:16])
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    more = f"Sec-WebSocket-Protocol: {subprotocol}\r\n".encode() if subprotocol else b""
    more += f"Sec-WebSocket-Extensions: {extension}\r\n".encode() if extension else b""
    upgraded = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    request = b"GET %s HTTP/1.1\r\nHost: a.example\r\n" % path.encode() + upgraded
    request += b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n" % key
    answer = b"HTTP/1.1 101 Switching Protocols\r\n" + upgraded
    answer += b"Sec-WebSocket-Accept: %s\r\n" % accept
    return [(CLIENT, request + more + b"\r\n"), (SERVER, answer + more + b"\r\n")]


def heard(
    talks: Sequence[Sequence[Step]],
    places: Iterable[int] = (),
    options: Options = DEFAULT,
    writer: Writer | None = None,
) -> Tables:
    """Return the tables of conversations, packets in turn, as DataFrames by name.

    Args:
        talks: one conversation for each slot.
        places: rows before which batches are cut.
        options: limits.
        writer: takes the rows as well.
    """
    http, stage, builder = HttpStage(options), WebSocketStage(options), TableBuilder(options)
    inside = InsideStage(options, stage.by_slot)
    stage.hearing.listener = inside.hear
    http.carry_to(inside.carry)
    collector = Collector()
    batches = list(batches_of(talks, places))
    for batch in batches:
        last = batch is batches[-1]
        below = http.push(batch, last=last)
        inside.begin(below)
        heard = inside.push(stage.push(below), last=last)
        stage.hear_no_more([2 * slot + side for slot in inside.take_unheard() for side in (0, 1)])
        for rows in builder.push(heard.websocket, None, heard):
            collector.write(rows)
            if writer is not None:
                writer.write(rows)
    for rows in builder.finish(inside.finish()):
        collector.write(rows)
    return Tables(collector)


def said(tables: Tables, *names: str) -> list[tuple[Any, ...]]:
    """Return columns of `messages` as tuples, None for null."""
    frame = tables["messages"][list(names)].astype(object)
    return [tuple(row) for row in frame.where(frame.notna(), None).itertuples(index=False)]
