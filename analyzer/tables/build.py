"""Tables: what the stages found, as rows of the schema.

The last stage before the reports: turns a WebSocketBatch, with the batches below it,
into TableRows. Rows leave as soon as they are complete. Knows all stages' results;
must not know report formats. Called by pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.http.exchanges import Exchange, Handshake, HttpBatch
from analyzer.inside.batch import InsideBatch
from analyzer.inside.fanout import Topic
from analyzer.inside.labels import Says
from analyzer.names.stage import Lookup
from analyzer.options import Options
from analyzer.tables.before_connect import BeforeConnect
from analyzer.tables.compression import Compression
from analyzer.tables.ends import Beside, connection_rows, hidden
from analyzer.tables.failed_connects import FailedConnects
from analyzer.tables.finding_log import FindingLog
from analyzer.tables.http_groups import HttpGroups
from analyzer.tables.inside import call_rows, fanout_rows, message_columns, topic_rows
from analyzer.tables.lazy_columns import LazyColumns
from analyzer.tables.ledger import ledger_rows
from analyzer.tables.legs import Legs
from analyzer.tables.preview import Previews
from analyzer.tables.schema import (
    FRAMES,
    HTTP,
    HTTP_KINDS,
    MESSAGES,
    PINGS,
    TLS_SESSIONS,
    TableRows,
    Values,
)
from analyzer.tables.secrets import hide
from analyzer.tables.shown import Shown
from analyzer.tables.stream_legs import StreamLegs
from analyzer.tables.timing import (
    Addresses,
    Attempt,
    Endpoints,
    attempt,
    columns_of,
    handshake_rows,
)
from analyzer.tables.tls_sessions import (
    TlsSessions,
    decrypted_session,
    encrypted_attempt,
    session_cells,
)
from analyzer.tcp.bytestream import StreamBatch
from analyzer.tls.stage import EndedSession, TlsBatch
from analyzer.websocket.connection import Ping
from analyzer.websocket.stage import WebSocketBatch


class TableBuilder:
    """Holds what must wait.

    That is: client sides by slot, findings without a connection yet, failed connects, and
    attempts that ended before their TCP connection: packets of its opening may still come.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._failed = FailedConnects(options)
        self._client_sides: dict[int, int] = {}
        self._log = FindingLog(options, self._client_sides)
        self._answered: dict[int, Handshake] = {}
        self._handshakes = 0
        self._groups = HttpGroups(options)
        self._tls = TlsSessions(options)
        self._inner: dict[int, str | None] = {}  # of connections that end with the batch
        self._before = BeforeConnect(options)
        self._addresses = Addresses()
        self._shown = Shown(options)
        self.legs = Legs(options)
        self.stream_legs = StreamLegs(options)
        self._compression = Compression(self.legs.left_out)

    def push(
        self,
        batch: WebSocketBatch,
        tls: TlsBatch | None = None,
        inside: InsideBatch | None = None,
        lookups: Sequence[Lookup] = (),
    ) -> list[TableRows]:
        """Return the rows that this batch completes.

        Args:
            batch: of the websocket stage.
            inside: of the inside stage, over the same batch; None: nothing is read.
            tls: of the tls stage, over the same rows; None: nothing is TLS.
            lookups: of the names stage, answered in the packets of this batch.
        """
        http = batch.http
        stream = http.stream
        self._before.push(lookups, stream)
        self.legs.push(batch)
        out = [_frame_rows(batch.frames), self._message_rows(batch, inside)]
        out += self._inside_rows(inside)
        for opened in batch.opened:
            self._client_sides[opened.slot] = opened.client_side
            self._log.opened(opened.slot, opened.connection)
        self._note_sides(http)
        for found in (
            stream.records.findings,
            stream.findings,
            tls.findings if tls is not None else (),
            http.findings,
            batch.findings,
            inside.findings if inside is not None else (),
        ):
            self._add_findings(found, stream)
        ended = {connection.slot: connection for connection in batch.ended}
        if batch.pings:
            out.append(_ping_rows(batch.pings))
        sessions = tls.ended if tls is not None else []
        if sessions:
            out.append(self._tls_rows(sessions, stream))
        if http.ended:
            by_session = {each.session.slot: each.session for each in sessions}
            ledger = ledger_rows(http, self._client_sides, ended, by_session)
            out.append(ledger)
            self._end_slots(http)
            if ended:
                by_slot = dict(zip(http.ended, _wire_once(ledger), strict=True))
                out.append(self._connection_rows(batch, by_slot, tls))
        attempts = self._attempts(batch, tls)
        if attempts:
            out.append(handshake_rows(attempts, self._options, self._shown))
        if http.exchanges:
            out.append(self._http_rows(http))
            out.append(self._groups.push(http.exchanges))
            self._log.add(self._groups.findings(), {})
            self.stream_legs.push(http.exchanges)
        self._forget(http)
        out += self.legs.hops(batch.ended)
        out += [self._compression.push(batch), self._log.take()]
        return [rows for rows in out if rows.count]

    def _inside_rows(self, inside: InsideBatch | None) -> list[TableRows]:
        if inside is None:
            return []
        self._inner.update(inside.inner)
        calls = call_rows(inside.calls, self._options, inside.plain_calls)
        if inside.deliveries is None:
            return [calls]
        return [calls, fanout_rows(inside.deliveries, self._options)]

    def _forget(self, http: HttpBatch) -> None:
        """Forget the slots that left with a batch, whose rows were made."""
        for slot in http.ended:
            self._log.ended(slot)
            self._client_sides.pop(slot, None)
        self._addresses.clear()
        self._before.forget(http.stream)

    def finish(self, topics: Sequence[Topic] = ()) -> list[TableRows]:
        """Return what only the end of the capture completes.

        Args:
            topics: all that were seen.
        """
        self.add_findings([*self._before.finish(), *self.legs.finish()])
        encrypted, more = self._tls.finish(self._handshakes)
        attempts, refused = self._failed.finish(self._handshakes + len(encrypted))
        attempts = encrypted + attempts
        self._log.add([*more, *refused], {})
        self._log.finish()
        shakes = handshake_rows(attempts, self._options)
        groups, deflate = self._groups.finish(), self._compression.finish()
        hops = self.stream_legs.finish(self.legs.hop_count)
        topics_found = topic_rows(topics, self._options)
        out = [shakes, groups, deflate, *hops, topics_found, self._log.take()]
        return [rows for rows in out if rows.count]

    def add_findings(self, found: Sequence[Finding]) -> None:
        """Take findings that concern no connection."""
        self._log.add(found, {})

    def _add_findings(self, found: Sequence[Finding], stream: StreamBatch) -> None:
        if found:
            slots = {finding.slot for finding in found if finding.slot >= 0}
            self._log.add(found, {slot: stream.connection(slot).tcp_stream for slot in slots})

    def _note_sides(self, http: HttpBatch) -> None:
        for item in (*http.upgrades, *http.handshakes):
            self._client_sides.setdefault(item.slot, item.client_side)
        for slot, client_side in http.clients:
            self._client_sides.setdefault(slot, client_side)

    def _tls_rows(self, sessions: Sequence[EndedSession], stream: StreamBatch) -> TableRows:
        """Return rows of `tls_sessions`; note the clients, and what may be WebSocket."""
        rows: list[tuple[object, ...]] = []
        for ended in sessions:
            session = ended.session
            self._client_sides.setdefault(session.slot, session.client_side)
            tcp = stream.connection(session.slot)
            endpoints = Endpoints.of(tcp, session.client_side)
            rows.append(session_cells(ended, tcp, endpoints))
            if ended.guess is not None:
                self._failed.attempted(endpoints)
                made = encrypted_attempt(ended, tcp, endpoints)
                made.before = self._before.of(tcp, made.detail.host)
                self._tls.add(made)
        return TableRows(TLS_SESSIONS, columns_of(TLS_SESSIONS.columns, rows), len(rows))

    # --- rows

    def _message_rows(self, batch: WebSocketBatch, inside: InsideBatch | None) -> TableRows:
        if inside is None:
            return message_rows(batch.messages, batch.previews, self._options, final=True)
        rows, previews = inside.messages, inside.previews
        return message_rows(rows, previews, self._options, final=True, says=inside.says)

    def _attempts(self, batch: WebSocketBatch, tls: TlsBatch | None) -> list[Attempt]:
        """Return the attempts whose rows are complete, in order of their numbers."""
        stream = batch.http.stream
        rows: list[Attempt] = []

        def add(detail: Handshake, connection: int, first_data_time: int) -> None:
            tcp = stream.connection(detail.slot)
            endpoints = self._addresses.of(tcp, detail.client_side)
            self._failed.attempted(endpoints)
            self._handshakes = max(self._handshakes, detail.number + 1)
            session = decrypted_session(tls, tcp.tcp_stream)
            made = attempt(detail, tcp, endpoints, connection, first_data_time, session)
            if detail.first_in_connection:
                made.before = self._before.of(tcp, detail.host)
            rows.append(made)

        for detail in batch.http.handshakes:
            # Of several attempts on one connection the opening is the first one's alone.
            if detail.first_in_connection and detail.slot not in self._answered:
                self._answered[detail.slot] = detail
            else:
                add(detail, NULL, NULL)
        for slot in batch.http.ended:
            answered = self._answered.pop(slot, None)
            if answered is not None:
                add(answered, NULL, NULL)
        for detail in batch.unopened:
            add(detail, NULL, NULL)
        for ended in batch.ended:
            if ended.handshake is not None:
                add(ended.handshake, ended.connection, ended.first_data_time)
        return sorted(rows, key=lambda row: row.handshake)

    def _end_slots(self, http: HttpBatch) -> None:
        """Remember the TCP connects that failed."""
        slots = np.asarray(http.ended, np.int64)
        rows = http.stream.connections.take(slots)
        both = http.stream.directions.take(np.stack([2 * slots, 2 * slots + 1]))
        # A SYN-ACK may have escaped the capture: what follows it proves the connection.
        went_on = (both["stream_bytes"] + both["pure_acks"] + both["lost_bytes"]).any(axis=0)
        failed = (rows["syn_time"] != NULL) & (rows["synack_time"] == NULL) & ~went_on
        for place in np.flatnonzero(failed).tolist():
            self._failed.add(http.stream.connection(http.ended[place]))

    def _connection_rows(
        self, batch: WebSocketBatch, wire: Mapping[int, int], tls: TlsBatch | None
    ) -> TableRows:
        stream, streams = batch.http.stream, batch.http.streams
        ordered = sorted(batch.ended, key=lambda item: item.connection)
        beside = []
        for ended in ordered:
            tcp, number = stream.connection(ended.slot), ended.connection
            # A stream of HTTP/2 may end while the session goes on.
            session = None if ended.slot in streams else decrypted_session(tls, tcp.tcp_stream)
            inner, leg = self._inner.pop(number, None), self.legs.leg(number)
            facts = tcp.tcp_stream, wire[ended.slot], streams.get(ended.slot, NULL), inner, leg
            beside.append(Beside(self._addresses.of(tcp, ended.client_side), *facts, session))
        return connection_rows(ordered, beside, self._shown)

    def _http_rows(self, http: HttpBatch) -> TableRows:
        rows = [
            # An exchange that waited has its connection with it: the slot may be another's.
            self._http_cells(
                exchange, (exchange.tcp or http.stream.connection(exchange.slot)).tcp_stream
            )
            for exchange in http.exchanges
        ]
        return TableRows(HTTP, columns_of(HTTP.columns, rows), len(rows))

    def _http_cells(self, exchange: Exchange, tcp_stream: int) -> tuple[object, ...]:
        asked, answered = exchange.request_first_time, exchange.response_last_time
        sent, first = exchange.request_last_time, exchange.response_first_time
        is_answered = exchange.status is not None
        return (
            tcp_stream,
            exchange.exchange,
            hidden(hide, exchange.method, self._options),
            hidden(hide, exchange.host, self._options),
            hidden(hide, exchange.path, self._options),
            NULL if exchange.status is None else exchange.status,
            HTTP_KINDS.index(exchange.kind),
            exchange.request_header_bytes,
            exchange.request_body_bytes,
            exchange.response_header_bytes,
            exchange.response_body_bytes,
            exchange.wire_bytes,
            asked if asked != NULL else first,
            NULL if NULL in (sent, first) else first - sent,
            NULL if NULL in (asked, answered) or not exchange.complete else answered - asked,
            NULL if exchange.group < 0 else exchange.group,
            exchange.messages if is_answered else NULL,
            exchange.message_bytes if is_answered else NULL,
            int(exchange.empty) if is_answered and exchange.complete else -1,
            NULL if exchange.http2_stream is None else exchange.http2_stream,
        )


def _whole(rows: Rows, name: str) -> Callable[[], Values]:
    return lambda: rows[name].astype(np.int64)


def _small(rows: Rows, name: str) -> Callable[[], Values]:
    return lambda: rows[name].astype(np.int8)


def _bit(rows: Rows, mask: int) -> Callable[[], Values]:
    return lambda: ((rows["bits"] & mask) != 0).astype(np.int8)


def _frame_rows(rows: Rows) -> TableRows:
    """Return the rows of `frames` over dtype FRAME."""
    makers: dict[str, Callable[[], Values]] = {
        name: _whole(rows, name)
        for name in (
            *("connection", "frame", "masking_key", "header_bytes", "payload_bytes"),
            *("message", "packet_first", "packet_last", "time_first", "time_last"),
        )
    }
    makers |= {
        "direction": _small(rows, "sender"),
        "opcode": _small(rows, "opcode"),
        "fin": _bit(rows, 8),
        "rsv1": _bit(rows, 4),
        "rsv2": _bit(rows, 2),
        "rsv3": _bit(rows, 1),
        "masked": _small(rows, "masked"),
        "close_code": lambda: np.where(
            rows["close_code"] < 0, NULL, rows["close_code"].astype(np.int64)
        ),
    }
    columns = LazyColumns(makers, partial(_frame_rows, rows))
    return TableRows(FRAMES, columns, len(rows))


_COSTS = (
    "transfer_bytes",
    "ws_header_bytes",
    "http_bytes",
    "tls_bytes",
    "packet_header_bytes",
    "ack_bytes",
    "retransmitted_bytes",
)


def message_rows(
    rows: Rows,
    payloads: Sequence[bytes | None],
    options: Options,
    *,
    final: bool | npt.NDArray[np.bool_],
    says: Says | None = None,
) -> TableRows:
    """Return the rows of `messages`.

    Args:
        rows: dtype MESSAGE.
        payloads: of each, as much as is kept; empty where none is.
        options: how much of it is shown.
        final: whether the costs are known, of all or of each; else what may still grow is null.
        says: what they say; None: unknown.
    """
    count = len(rows)
    again = partial(message_rows, rows, payloads, options, final=final, says=says)

    def wire() -> np.ndarray[Any, np.dtype[np.int64]]:
        total = np.zeros(count, np.int64)
        for name in _COSTS:
            total += rows[name]
        return total

    def overhead() -> Values:
        sent = wire()
        share = (sent - rows["transfer_bytes"]) / np.where(sent > 0, sent, 1)
        return np.where(sent > 0, share, np.nan)

    makers: dict[str, Callable[[], Values]] = {
        name: _whole(rows, name)
        for name in (
            *("connection", "message", "frames", "payload_bytes", *_COSTS),
            *("packet_first", "packet_last", "time_first", "time_last"),
        )
    }
    previews = Previews(payloads, rows, options)
    makers |= {
        "direction": _small(rows, "sender"),
        "type": lambda: (rows["opcode"] - 1).astype(np.int8),
        "compressed": _small(rows, "compressed"),
        "wire_bytes": wire,
        "overhead_ratio": overhead,
        "delivery_us": lambda: _between(rows["time_first"], rows["time_last"]),
        "stall_us": _whole(rows, "stall"),
        "payload_preview": lambda: previews,
        "payload": lambda: payloads if options.payload == "full" else [None] * count,
        "deflate_saved_bytes": lambda: _saved(rows),
        "deflate_estimate_bytes": _whole(rows, "estimate"),
        "gap_us": lambda: _gaps(rows),
        "window_us": _whole(rows, "window"),
        "nagle_us": _whole(rows, "nagle"),
        "resent_us": _whole(rows, "resent"),
    }
    makers |= message_columns(says, count, options)
    makers |= _early(makers, final, count)
    return TableRows(MESSAGES, LazyColumns(makers, again), count)


def _early(
    makers: Mapping[str, Callable[[], Values]], final: bool | npt.NDArray[np.bool_], count: int
) -> dict[str, Callable[[], Values]]:
    """Return what makes the columns that are not known before a message is acknowledged."""
    if final is True:
        return {}
    is_known = np.zeros(count, bool) if final is False else final

    def maker(known: Callable[[], Values], null: float) -> Callable[[], Values]:
        return lambda: np.where(is_known, np.asarray(cast("Any", known())), null)

    names = dict.fromkeys(_UNTIL_ACKNOWLEDGED, NULL) | {"overhead_ratio": np.nan}
    return {name: maker(makers[name], null) for name, null in names.items()}


_UNTIL_ACKNOWLEDGED = (
    *("packet_header_bytes", "ack_bytes", "retransmitted_bytes"),
    *("wire_bytes", "resent_us"),
)
"""Columns of a message that may grow until it is acknowledged."""


def _saved(rows: Rows) -> npt.NDArray[np.int64]:
    """Return what compression saved; NULL where a message was not, or cannot be inflated."""
    known = (rows["compressed"] != 0) & (rows["payload_bytes"] != NULL)
    payload = np.where(known, rows["payload_bytes"], 0)
    return np.where(known, payload - rows["transfer_bytes"], NULL)


def _gaps(rows: Rows) -> npt.NDArray[np.int64]:
    """Return the ns from the end of the message before; 0 where that was not over."""
    before, begin = rows["before"], rows["time_first"]
    known = (before != NULL) & (begin != NULL)
    over = known & (before < begin)
    return np.where(known, np.where(over, begin - np.where(over, before, begin), 0), NULL)


def _between(begin: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return durations in ns; NULL where a packet has no time stamp."""
    return np.where((begin == NULL) | (end == NULL), NULL, end - begin)


def _wire_once(ledger: TableRows) -> list[int]:
    """Return wire bytes by connection, less packets that the capture holds twice."""
    once = np.asarray(ledger.values["wire_bytes"]) - np.asarray(ledger.values["duplicate_bytes"])
    wire: list[int] = once.reshape(-1, 2).sum(axis=1).tolist()
    return wire


def _ping_rows(pings: Sequence[Ping]) -> TableRows:
    rows = [
        (
            ping.connection,
            ping.sender,
            ping.ping_frame,
            NULL if ping.pong_frame is None else ping.pong_frame,
            ping.payload_bytes,
            NULL if NULL in (ping.sent, ping.answered) else ping.answered - ping.sent,
            ping.sent,
            ping.answered,
            NULL if NULL in (ping.sent, ping.acked) else max(0, ping.acked - ping.sent),
        )
        for ping in pings
    ]
    return TableRows(PINGS, columns_of(PINGS.columns, rows), len(rows))
