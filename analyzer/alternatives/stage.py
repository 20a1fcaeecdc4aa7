"""The alternatives stage: messages of connections -> what they cost over other transports.

Feeds each message to the schedule as its row leaves, keeps what an ended connection's
packets looked like, and makes rows when the capture ends: real exchanges with the same host
may come late. Knows the stages below. Must not know reports. Called by pipeline.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from analyzer.alternatives._schedule import Schedule
from analyzer.alternatives.evidence import Ended, Evidence, gap_ns, usable_mss
from analyzer.alternatives.heads import Observed
from analyzer.alternatives.rows import RowMaker
from analyzer.alternatives.sessions import Sessions
from analyzer.columns import NULL
from analyzer.http.events import HttpBatch
from analyzer.options import Options
from analyzer.tables.schema import TableRows
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.stage import WebSocketBatch

_NS = 1_000_000_000


class AlternativesStage:
    """Holds the schedule of open connections, and ended ones that wait."""

    def __init__(self, options: Options, only: Collection[int] | None = None) -> None:
        """Compare all connections, or `only` those of these numbers."""
        self._options = options
        self._only = only
        self._intervals = [round(each * _NS) for each in options.poll_intervals_s]
        self._hold = round(options.long_poll_hold_s * _NS)
        self._schedule = Schedule(self._intervals)
        self._is_open = np.zeros(0, bool)
        self._observed = Observed()
        self._waiting: list[Ended] = []
        self._rows = RowMaker(options, self._intervals)
        self._sessions = Sessions(options, self._intervals)
        self._latest = NULL

    def push(self, batch: WebSocketBatch) -> list[TableRows]:
        """Take one batch; return rows of connections that cannot wait any longer."""
        http = batch.http
        rows = http.stream.rows
        if len(rows):
            self._latest = max(self._latest, int(rows["time"].max()))
        for exchange in http.exchanges:
            self._observed.add(exchange)
        if self._only is None:
            self._sessions.push(http)
        for connection in batch.opened:
            self._open(connection, http)
        self._add_messages(batch)
        evidence = Evidence(http, batch.ended)
        for place, connection in enumerate(batch.ended):
            if not self._is_open[connection.slot]:
                continue
            self._is_open[connection.slot] = False
            self._waiting.append(self._end(connection, evidence, place))
        out: list[TableRows] = []
        limit = self._options.max_compared_connections
        if len(self._waiting) > limit:
            # Many at once: arithmetic on whole arrays is what makes it cheap.
            early = self._waiting[: len(self._waiting) - limit // 2]
            del self._waiting[: len(early)]
            out += self._rows.rows(early, [each.own_heads() for each in early])
        return out

    def finish(self) -> list[TableRows]:
        """Return the rows of all connections that waited, and the totals."""
        waiting = [*self._waiting, *self._sessions.finish(self._latest)]
        heads = [self._observed.heads(each.host, each.own_heads()) for each in waiting]
        out = self._rows.rows(waiting, heads)
        self._waiting = []
        return [*out, *self._rows.totals()]

    # --- connections

    def _open(self, connection: WebSocketConnection, http: HttpBatch) -> None:
        slot = connection.slot
        if slot >= len(self._is_open):
            bigger = np.zeros(max(slot + 1, 2 * len(self._is_open), 64), bool)
            bigger[: len(self._is_open)] = self._is_open
            self._is_open = bigger
        self._is_open[slot] = self._only is None or connection.connection in self._only
        if self._is_open[slot]:
            tcp = http.stream.connection(slot)
            self._schedule.open(
                slot,
                connection.opened_at if connection.opened_at != NULL else 0,
                gap_ns(tcp),
                self._hold,
                usable_mss(http.stream.directions, slot),
            )

    def _add_messages(self, batch: WebSocketBatch) -> None:
        messages = batch.messages
        if not len(messages) or not len(self._is_open):
            return
        slots = messages["direction"] >> 1
        known = messages["payload_bytes"]
        self._schedule.add(
            np.where(self._is_open[slots], slots, -1).astype(np.int32),
            np.ascontiguousarray(messages["sender"]),
            np.ascontiguousarray(messages["time_first"]),
            # What cannot be inflated counts as it was sent.
            np.where(known == NULL, messages["transfer_bytes"], known),
            np.ascontiguousarray(messages["packet_first"]),
            np.ascontiguousarray(messages["packet_last"]),
        )

    def _end(self, connection: WebSocketConnection, evidence: Evidence, place: int) -> Ended:
        slot = connection.slot
        self._schedule.finish(slot)
        shared = self._schedule.conversation(slot)
        end = connection.closed_at if connection.closed_at != NULL else self._latest
        detail = connection.handshake
        ended = Ended(
            connection=connection.connection,
            session=NULL,
            host=detail.host if detail is not None else None,
            handshake=detail,
            duration=max(0, end - int(shared["origin"])) if end != NULL else 0,
            gap=int(shared["gap"]),
            hold=int(shared["hold"]),
            frame_header_bytes=(
                int(shared["client_header_bytes"]),
                int(shared["server_header_bytes"]),
            ),
            lanes=self._schedule.rows("lanes", slot).copy(),
            sizes=self._schedule.rows("sizes", slot).copy(),
            delays=self._schedule.rows("delays", slot).copy(),
            wire=evidence.wire[place],
            measured=evidence.measured[place],
        )
        return ended
