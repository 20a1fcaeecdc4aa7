"""Takes TLS off the rows of a stream: rows of records in, rows of their plaintext out.

Holds what must wait: the beginnings of records, until they are whole, and records of sessions
whose keys are not known yet. Knows rows, and when to ask for keys; the cut is made by
tls._laying, records are opened by tls.ahead and tls.decryption. Called by tls.stage, if there
are or may be keys at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from analyzer import findings
from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.tcp.bytestream import StreamBatch
from analyzer.tls import records as layout
from analyzer.tls._laying import RecordLay
from analyzer.tls.ahead import Ahead, Places
from analyzer.tls.inside import Unwrapped, client_side_of
from analyzer.tls.keeping import (
    NOTHING_KNOWN,
    Kept,
    Known,
    Piece,
    Waiting,
    behind,
    by_direction,
    end_of,
    gathered,
    in_turn,
    joined,
    kept_rows,
    kept_whole,
    merged,
    placed,
    scatter,
    source_name,
    unread,
)
from analyzer.tls.keylog import KeyRing
from analyzer.tls.overheads import Overheads
from analyzer.tls.records import APPLICATION_DATA, CLOSED, HEADER_BYTES, TAKEN, UNKNOWN

if TYPE_CHECKING:
    from analyzer.tls.protection import Protection

_COLUMNS: Final = ("direction", "type", "version", "start", "length", "fate")
_SHORTEST: Final = 22
"""Bytes of the shortest record of application data: header, content type, tag."""

Opener = Callable[[int, int, Any], Any]


class Unwrapper:
    """Decrypts the connections whose keys are known, and closes the others.

    Args:
        options: limits.
        ring: the keys.

    Attributes:
        may_grow: whether keys may come later: what lacks them waits.
    """

    def __init__(self, options: Options, ring: KeyRing) -> None:
        self._options = options
        self._ring = ring
        self.may_grow = False
        self._begun: list[int] = []
        self._cut = RecordLay()
        self._ahead = Ahead()
        self._modes: npt.NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._closed: set[int] = set()  # slots
        self._left: dict[int, Kept] = {}  # by direction
        self._waiting: dict[int, Waiting] = {}  # by direction, the oldest first
        self._held = 0
        self._hellos: dict[int, int] = {}  # bytes that decryptors keep, by slot
        self._hello_bytes = 0
        self._sessions: dict[int, Unwrapped] = {}
        self._openers: dict[int, Opener] = {}
        self._overheads = Overheads()
        self._unsettled: dict[int, int] = {}  # hole by direction, in this call
        # Where servers answered early data in this call: (row, byte) by direction, packet by slot.
        self._answered: dict[int, tuple[int, int]] = {}
        self._answers: dict[int, int] = {}
        self._findings: list[Finding] = []

    @property
    def held(self) -> int:
        """Bytes that wait, about."""
        return self._held + self._hello_bytes

    def session(self, slot: int) -> Unwrapped | None:
        """Return what is known of a session."""
        return self._sessions.get(slot)

    def take_begun(self) -> list[int]:
        """Return the slots whose sessions began since the last call."""
        begun, self._begun = self._begun, []
        return begun

    def tls_bytes(self, slot: int) -> tuple[int, int]:
        """Return the bytes of TLS's own in the rows handed out, by side of the connection."""
        return self._cut.tls_bytes(2 * slot), self._cut.tls_bytes(2 * slot + 1)

    def take_findings(self) -> list[Finding]:
        """Return what was found since the last call."""
        found, self._findings = self._findings, []
        return found

    # --- batches

    def push(self, batch: StreamBatch, is_tls: npt.NDArray[np.bool_]) -> Rows:
        """Take a batch.

        Args:
            batch: of the tcp stage; bytes are appended to its buffer.
            is_tls: by direction, whether its stream is, or may yet be, TLS.

        Returns:
            The rows for http, dtype CHUNK.
        """
        records = batch.records
        self._cut.reserve(2 * len(batch.connections))
        modes = np.where(is_tls, TAKEN, layout.PASSED).astype(np.uint8)
        for slot in self._closed:
            modes[2 * slot : 2 * slot + 2] = CLOSED
        self._modes = modes
        parts: list[Rows] = [self._again(records)]
        at = 0
        for packet, secrets in records.secrets:
            end = behind(batch.rows, at, packet)
            parts.append(self._taken(batch.rows[at:end], records))
            self._ring.add(secrets, source_name(packet))
            self._ring.finish(source_name(packet))
            parts.append(self._again(records))
            at = end
        parts.append(self._taken(batch.rows[at:], records))
        for slot in batch.ended:
            parts += self._unanswered(slot, records) + self._flush(slot, records)
        while self._held > self._options.max_held_tls_bytes:
            parts += self._give_up(records)
        return joined(parts)

    def forget(self, slot: int) -> None:
        """Forget a connection, which has ended."""
        self._sessions.pop(slot, None)
        self._closed.discard(slot)
        self._hello_bytes -= self._hellos.pop(slot, 0)
        for direction in (2 * slot, 2 * slot + 1):
            self._openers.pop(direction, None)
            self._overheads.forget(direction)
        self._cut.reset(slot)

    def _taken(self, rows: Rows, records: RecordBatch) -> Rows:
        """Run rows, and what they end the waiting of."""
        laid, resumed = self._run(rows, records), self._again(records)
        answers, self._answers = self._answers, {}
        return merged(laid, resumed, answers) if answers else joined([laid, resumed])

    def _run(self, rows: Rows, records: RecordBatch) -> Rows:
        """Cut, open and lay rows, and what was left of earlier ones."""
        if self._left:
            left, self._left = self._left, {}
            self._held -= sum(kept.cost for kept in left.values())
            rows = joined([*(placed(kept, records) for kept in left.values()), rows])
        if self._waiting:
            rows = self._without_waiting(rows, records.data)
        if not self._modes[rows["direction"]].any():
            return rows
        data = records.data
        found = self._cut.cut(rows, data, self._modes)
        stops: dict[int, tuple[int, int]] = {}
        if len(found):
            self._open(found, rows, data)
            stops = self._stops(found)
        for direction, (row, _) in stops.items():
            self._cut.stop(direction, row)
        laid: Rows = self._cut.lay()
        for direction in stops:
            self._cut.stop(direction, -1)
        left_over = {direction: (row, at) for direction, row, at in self._cut.left()}
        for direction, (row, at) in {**left_over, **stops}.items():
            kept = kept_rows(rows, data, direction, row, at)
            self._held += kept.cost
            if direction in self._waiting:
                self._waiting[direction].kept.append(kept)
            else:
                self._left[direction] = kept
        return laid

    def _stops(self, found: Rows) -> dict[int, tuple[int, int]]:
        """Return by direction (row, byte) of the first record that waits."""
        stops: dict[int, tuple[int, int]] = {}
        for direction, index in self._unsettled.items():
            # What a hole held is known with the first record after it.
            found["fate"][index] = layout.WAITING_RECORD
            self._cut.go_back(direction)
        self._unsettled = {}
        for index in np.flatnonzero(found["fate"] == layout.WAITING_RECORD).tolist():
            direction = int(found["direction"][index])
            if direction not in stops:
                stops[direction] = self._cut.place(int(found["first"][index]))
        for direction in self._answered:
            self._cut.go_back(direction)
        stops |= self._answered
        self._answered = {}
        return stops

    # --- waiting

    def _without_waiting(self, rows: Rows, data: Any) -> Rows:
        """Keep the rows of directions that wait; return the others."""
        directions = rows["direction"]
        waits = np.isin(directions, np.fromiter(self._waiting, np.int64, len(self._waiting)))
        if not waits.any():
            return rows
        for part in by_direction(rows.take(np.flatnonzero(waits))):
            kept = kept_whole(part, data)
            self._waiting[int(part["direction"][0])].kept.append(kept)
            self._held += kept.cost
        return rows.take(np.flatnonzero(~waits))

    def _known(self, slot: int) -> Known:
        """Return what the opening of a waiting record depends on."""
        session = self._sessions.get(slot)
        known = NOTHING_KNOWN[1:] if session is None else session.known
        return self._ring.generation, *known

    def _unanswered(self, slot: int, records: RecordBatch) -> list[Rows]:
        """Return what waited for an answer to early data, if any did: none will come."""
        session = self._sessions.get(slot)
        if session is None or not session.decryptor.asks:
            return []
        session.decryptor.expect_no_answer()
        return [self._again(records)]

    def _hold_back(self, direction: int, pieces: Sequence[Piece], packet: int, rows: Rows) -> None:
        """Let a server wait behind its word on early data: what it answers must come first."""
        waiting = self._waiting.get(direction ^ 1)
        if waiting is not None and waiting.asked[-1]:
            self._answered[direction] = end_of(pieces, rows)
            self._answers[direction >> 1] = packet
            self._waiting[direction] = Waiting([], NOTHING_KNOWN)
            self._openers.pop(direction, None)

    def _again(self, records: RecordBatch) -> Rows:
        """Try records that waited, where more is known now than when they were tried last."""
        parts: list[Rows] = []
        while True:
            ready = [
                direction
                for direction, waiting in self._waiting.items()
                if direction >> 1 in self._closed or waiting.asked != self._known(direction >> 1)
            ]
            if not ready:
                return joined(parts)
            # Both directions together, in the order of their packets: hellos come first.
            kept = [self._waiting.pop(direction).kept for direction in ready]
            self._held -= sum(each.cost for side in kept for each in side)
            sides = [joined([placed(each, records) for each in side]) for side in kept]
            parts.append(self._run(in_turn(sides), records))

    def _give_up(self, records: RecordBatch) -> list[Rows]:
        """Let the oldest go of what waits."""
        direction = next(iter(self._waiting or self._left))
        slot = direction >> 1
        if parts := self._unanswered(slot, records):
            return parts
        parts = self._flush(slot, records)
        packet = int(parts[0]["packet"][0]) if parts else 0
        if self._ring:  # else there are no keys
            limit = f"max_held_tls_bytes ({self._options.max_held_tls_bytes} bytes)"
            self._findings.append(Finding(findings.TLS_HELD_LIMIT, slot, packet, -1, limit))
        self._close(slot)
        return parts

    def _close(self, slot: int) -> None:
        """Stop reading a session."""
        self._closed.add(slot)
        self._modes[2 * slot : 2 * slot + 2] = CLOSED
        self._openers.pop(2 * slot, None)
        self._openers.pop(2 * slot + 1, None)

    def _flush(self, slot: int, records: RecordBatch) -> list[Rows]:
        """Return what is kept of a connection, as rows that are not read."""
        sides: list[Rows] = []
        for direction in (2 * slot, 2 * slot + 1):
            kept: list[Kept] = []
            if direction in self._waiting:
                kept += self._waiting.pop(direction).kept
            if direction in self._left:
                kept.append(self._left.pop(direction))
            self._held -= sum(each.cost for each in kept)
            sides.append(joined([each.rows for each in kept]))
        rows = in_turn(sides)
        return [unread(rows)] if len(rows) else []

    def _weigh(self, slot: int, held: int, packet: int) -> None:
        """Keep what decryptors hold of handshakes, all together, below its limit."""
        self._hello_bytes += held - self._hellos.pop(slot, 0)
        if held:
            self._hellos[slot] = held
        most = self._options.max_hello_bytes_total
        while self._hello_bytes > most:
            oldest = next(iter(self._hellos))
            self._hello_bytes -= self._hellos.pop(oldest)
            self._sessions[oldest].decryptor.let_go()
            self._close(oldest)
            limit = f"max_hello_bytes_total ({most} bytes)"
            self._findings.append(Finding(findings.TLS_HELLO_LIMIT, oldest, packet, -1, limit))

    # --- opening

    def _open(self, found: Rows, rows: Rows, data: Any) -> None:
        """Open the records of a batch, in place; write what came of each."""
        self._overheads.begin(found)
        for turn in self._ahead.turns(found, data, self._steady):
            self._open_others(turn, found, rows, data)
        self._account()

    def _steady(self, direction: int) -> Protection | None:
        """Return what opens the records of a direction, if that is all that comes of them.

        A session of which handshake messages are kept may be closed for those of others.
        """
        slot = direction >> 1
        if direction not in self._openers or slot in self._hellos:
            return None
        session = self._sessions[slot]
        return session.decryptor.protection((direction & 1) ^ session.client_side)

    def _open_others(self, turn: Places, found: Rows, rows: Rows, data: Any) -> None:
        """Open records one by one, in place; write what came of each.

        Args:
            turn: their numbers.
            found: all records.
            rows: of the stream.
            data: their buffer.
        """
        view = data.data
        openers = self._openers
        fates, contents, skips = found["fate"], found["content"], found["skip"]
        columns = (found[name][turn].tolist() for name in _COLUMNS)
        for index, direction, kind, version, start, length, fate in zip(
            turn.tolist(), *columns, strict=True
        ):
            opener = openers.get(direction)
            if opener is not None and fate == layout.WHOLE_RECORD and start >= 0:
                opened = opener(kind, version, bytes(view[start : start + length]))
                if opened is not None and opened[0] == APPLICATION_DATA:
                    _, skip, content = opened
                    size = len(content)
                    view[start + skip : start + skip + size] = content
                    fates[index], contents[index] = layout.OPENED_RECORD, size
                    skips[index] = skip
                    continue
            else:
                opened = False
            fates[index], contents[index], skips[index] = self._unusual(
                (direction, kind, version, fate), index, opened, found, rows, data
            )

    def _unusual(
        self,
        head: tuple[int, int, int, int],
        index: int,
        opened: Any,
        found: Rows,
        rows: Rows,
        data: Any,
    ) -> tuple[int, int, int]:
        """Take a record that is not application data in one row; return fate, content, skip.

        Args:
            head: direction, type, version, fate.
            index: of the record.
            opened: the decryptor's verdict; False if it was not asked.
            found: all records.
            rows: of the stream.
            data: their buffer.
        """
        direction, kind, version, fate = head
        slot = direction >> 1
        if direction in self._waiting:
            return layout.WAITING_RECORD, 0, 0
        if slot in self._closed:
            return layout.SHUT_RECORD, 0, 0
        if not self._ring:
            return self._keyless(direction)
        pieces = self._cut.pieces(int(found["first"][index]), int(found["pieces"][index]))
        session = self._sessions.get(slot)
        if session is None:
            session = self._begin(slot, direction, kind, gathered(pieces, rows, data))
        side = (direction & 1) ^ session.client_side
        if fate != layout.WHOLE_RECORD:
            return self._missing(session, side, direction, index, found)
        decryptor = session.decryptor
        before = decryptor.skipped[side]
        if opened is False:
            opened = decryptor.record(side, kind, version, gathered(pieces, rows, data))
        self._weigh(slot, decryptor.held, int(found["done_packet"][index]))
        if decryptor.cannot is not None:
            self._close(slot)
        elif opened is None and decryptor.waits(side):
            return self._keyless(direction)
        else:
            self._openers.setdefault(direction, decryptor.opener(side))
        if not decryptor.asks:
            self._hold_back(direction, pieces, int(found["done_packet"][index]), rows)
        self._settle(direction, index, found, decryptor.skipped[side] - before, opened)
        if opened is None:
            return layout.SHUT_RECORD, self._overheads.expected(direction, index), 0
        if decryptor.finished_seen[side] and session.finished[side] == NULL:
            session.finished[side] = int(found["done_time"][index])
            session.finished_packets[side] = int(found["done_packet"][index])
        content_type, skip, content = opened
        if content_type != APPLICATION_DATA:
            return layout.FRAMING_RECORD, 0, 0
        scatter(pieces, rows, data, HEADER_BYTES + skip, content)
        return layout.OPENED_RECORD, len(content), skip

    def _begin(self, slot: int, direction: int, kind: int, body: bytes) -> Unwrapped:
        """Begin a session with its first record."""
        # Late: it takes 30 ms to import, and most captures have no TLS.
        from analyzer.tls.decryption import Decryptor

        client_side = client_side_of(direction & 1, kind, body)
        session = Unwrapped(client_side, Decryptor(self._ring, self._options))
        self._sessions[slot] = session
        self._begun.append(slot)
        return session

    def _keyless(self, direction: int) -> tuple[int, int, int]:
        """Decide on a record without a key; return fate, content, skip."""
        slot = direction >> 1
        session = self._sessions.get(slot)
        if self.may_grow or (session is not None and session.may_be_told(direction & 1)):
            self._waiting[direction] = Waiting([], self._known(slot))
            self._openers.pop(direction, None)
            return layout.WAITING_RECORD, 0, 0
        self._close(slot)
        return layout.SHUT_RECORD, 0, 0

    # --- holes

    def _missing(
        self, session: Unwrapped, side: int, direction: int, index: int, found: Rows
    ) -> tuple[int, int, int]:
        """Take a record with missing bytes, or a hole; return fate, content, skip."""
        fate, goes_on = int(found["fate"][index]), int(found["skip"][index])
        if not session.lost_packets[side]:
            session.lost_packets[side] = int(found["done_packet"][index])
        self._openers.pop(direction, None)
        if fate == layout.BROKEN_RECORD:
            session.decryptor.lost(side, 1, 1)
            return fate, self._overheads.expected(direction, index), 0
        session.decryptor.lost(side, 0, int(found["wire"][index]) // _SHORTEST + 1)
        if not goes_on:
            self._unsettled[direction] = index
        else:
            self._unsettled.pop(direction, None)
        return fate, UNKNOWN, goes_on

    def _settle(self, direction: int, index: int, found: Rows, lost: int, opened: Any) -> None:
        """Say how much the hole before a record held, if that is certain.

        Args:
            direction: of the record.
            index: of the record.
            found: all records.
            lost: records that are proven to be lost before it.
            opened: what it holds; None if that is not known.
        """
        hole = self._unsettled.pop(direction, None)
        if hole is None or opened is None or lost <= 0:
            return
        content = self._overheads.in_hole(direction, index, int(found["wire"][hole]), lost)
        if content is not None:
            found["content"][hole] = content

    def _account(self) -> None:
        """Count what was opened, by session."""
        for time, content, length, direction, count, least, most in self._cut.opened():
            session = self._sessions[direction >> 1]
            side = (direction & 1) ^ session.client_side
            if session.first_data[side] == NULL:
                session.first_data[side] = time
            session.records[side] += count
            session.content[side] += content
            session.framing[side] += length + count * HEADER_BYTES - content
            self._overheads.note(direction, least, most)
