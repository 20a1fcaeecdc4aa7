"""The websocket stage: stream rows and upgrades -> frames, messages, pings, closes.

Opens a connection for each accepted upgrade (or for frames recognised in the middle of
a stream), lets the kernel walk all rows of the batch, then does what comes per message
or per control frame: inflating, pairing pings, closing. Knows http's handshakes and
RFC 6455; must not know tables. Called by pipeline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer import findings
from analyzer.columns import NULL, Rows, empty
from analyzer.findings import KINDS, Finding
from analyzer.http.exchanges import Handshake, HttpBatch
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tcp.bytestream import StreamBatch
from analyzer.websocket import beginnings, endings
from analyzer.websocket import frames as layout
from analyzer.websocket._frames import FrameWalk
from analyzer.websocket.closes import Closes
from analyzer.websocket.connection import Ping, WebSocketConnection
from analyzer.websocket.estimates import Estimator
from analyzer.websocket.frames import CLIENT, FRAME, MESSAGE, SERVER, Ending, Keys
from analyzer.websocket.hearing import Hearing
from analyzer.websocket.negotiation import names_websocket
from analyzer.websocket.oddities import STEPS_BY_CHANCE, oddity, thinned, unfinished, weak_keys
from analyzer.websocket.opcodes import CLOSE, PING, PONG
from analyzer.websocket.overlaps import Overlaps
from analyzer.websocket.payloads import PayloadStage, Previews
from analyzer.websocket.pings import Pings
from analyzer.websocket.seeking import Seeker

_VOID_OPCODE = 255
_CLOSE_FIELDS = ("packet_last", "time_last", "frame", "sender")


@dataclass(slots=True)
class WebSocketBatch:
    """What the websocket stage hands on.

    Attributes:
        http: the batch below.
        opened: connections that opened; the same objects are in `ended` later.
        unopened: handshakes with a wrong 101, after which no frames followed.
        ended: connections that leave; all their rows have been handed on.
        frames: dtype FRAME, complete frames in order of their ends.
        messages: dtype MESSAGE, complete messages whose costs are known.
        previews: first payload bytes of each message row (fewer than
            options.preview_bytes, or all of it with payload "full").
        places: for each message row, where it stood in the pool.
        has_payload: whether `previews` holds whole payloads.
        pings: pings that were answered, or never will be.
        findings: oddities of WebSocket.
    """

    http: HttpBatch
    opened: list[WebSocketConnection] = field(default_factory=list)
    unopened: list[Handshake] = field(default_factory=list)
    ended: list[WebSocketConnection] = field(default_factory=list)
    frames: Rows = field(default_factory=lambda: empty(FRAME))
    messages: Rows = field(default_factory=lambda: empty(MESSAGE))
    previews: Sequence[bytes | None] = ()
    places: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    has_payload: bool = False
    pings: list[Ping] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


class WebSocketStage:
    """Holds the walk, and one WebSocketConnection per open connection."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._doubtful: dict[int, Handshake] = {}
        self._named: set[int] = set()  # those of them that name websocket
        self._seeker = Seeker(options, self._open_recognised, self._named)
        preview = options.preview_bytes if options.payload == "preview" else 0
        self._walk = FrameWalk(preview, options.max_pending_messages, self._seeker)
        self.hearing = Hearing(options)
        self.hears_all = False  # somebody listens to all connections, whatever the options
        self._payloads = PayloadStage(options, self.hearing)
        self._estimates = Estimator(options)
        self._pings = Pings(options)
        self._closes = Closes()
        self._overlaps = Overlaps(options.resync_frames)
        self._by_slot: dict[int, WebSocketConnection] = {}
        # Findings of frames that are not complete, by direction: their frame, and they.
        self._cut: dict[int, tuple[int, list[Finding]]] = {}
        self._count = 0
        self._batch: WebSocketBatch | None = None
        self._mss: npt.NDArray[np.int32] = np.zeros(0, np.int32)  # of the batch, by direction
        self._terms = beginnings.TermsKnown()

    def push(self, batch: HttpBatch) -> WebSocketBatch:
        """Take one batch; return what became complete with it."""
        out = self._batch = WebSocketBatch(batch)
        stream = batch.stream
        walk = self._walk
        walk.reserve(len(stream.connections))
        walk.begin_batch()
        self._seeker.begin_batch(stream)
        self._mss = stream.directions["mss"]
        self._walk_rows(batch)
        self._seeker.conclude(walk, batch.ended, stream.records)
        out.findings += self._seeker.take_findings()
        self._take_oddities(out)
        kept = (walk.rows("fragments"), stream.records.data, walk.rows("pool"))
        self.hearing.begin(*kept)
        previews = self._beginnings() if self._options.payload == "preview" else None
        out.findings += self._payloads.push(*kept, previews)
        out.findings += self._estimates.push(*kept)
        self.hearing.finish()
        self._keep_less(self._estimates.take_done())
        frames = walk.rows("frames").copy()
        out.frames = frames
        self._take_controls(out, frames)
        self._settle(batch.ended, out)
        self._take_messages(out)
        self._end(batch.ended, stream, out)
        out.findings = self._overlaps.sift(out.findings, batch, frames)
        self._batch = None
        return out

    def _beginnings(self) -> npt.NDArray[np.uint8]:
        """Return uint8 (pool, preview_bytes): how messages begin, by pool index."""
        rows: npt.NDArray[np.uint8] = self._walk.preview_rows()
        return rows[:, : self._options.preview_bytes]

    # --- while connections are open

    def hear_no_more(self, directions: Sequence[int]) -> None:
        """Keep less of directions without a listener."""
        self.hearing.close(directions)
        self._keep_less(directions)

    def _keep_less(self, directions: Sequence[int]) -> None:
        """Keep the payload of directions only as long as a listener wants it."""
        if not directions or self._options.payload == "full":
            return
        less: tuple[list[int], list[int]] = ([], [])
        for direction in directions:
            connection = self._by_slot.get(direction >> 1)
            if connection is None:
                continue
            if not (self.hearing.hears(direction) or self._estimates.wants(direction)):
                less[connection.negotiation.deflate].append(direction)
        kept = self._walk.rows("walks")["keep"]
        kept[less[False]], kept[less[True]] = layout.KEEP_NOTHING, layout.KEEP_COMPRESSED

    def take_waiting(self, until: int) -> tuple[Rows, Sequence[bytes | None], npt.NDArray[np.intp]]:
        """Return messages that are complete and wait for an ACK since `until` (ns), each once.

        With them comes how each begins, and where it is in the pool. Their rows stay
        where they are: what they cost is not known yet.
        """
        pool = self._walk.rows("pool")
        waits = (pool["told"] == layout.NOT_TOLD) & (pool["end"] != NULL)
        waits &= (pool["time_last"] <= until) & (pool["opcode"] != _VOID_OPCODE)
        places = np.flatnonzero(waits)
        pool["told"][places] = layout.TOLD
        rows = pool.take(places)
        if self._options.payload == "none":
            return rows, (), places
        kept = self._payloads.kept
        taken = [kept.get(place) for place in places.tolist()] if kept else None
        whole = self._options.payload == "full"
        cut = None if whole else self._beginnings().take(places, axis=0)
        return rows, Previews(rows, cut, taken), places

    @property
    def open_connections(self) -> Collection[WebSocketConnection]:
        """Connections that are open."""
        return self._by_slot.values()

    @property
    def by_slot(self) -> Mapping[int, WebSocketConnection]:
        """The same by slot; a view."""
        return self._by_slot

    def counts_so_far(self, name: str, directions: npt.NDArray[np.int64]) -> Any:
        """Return a column of WALK, of open connections."""
        return self._walk.rows("walks")[name].take(directions)

    @property
    def held_bytes(self) -> int:
        """Bytes of state, of payload that waits, and of what the search keeps."""
        held = self._payloads.held_bytes + self._seeker.held_bytes + self.hearing.held_bytes
        return held + int(self._walk.held_bytes())

    # --- opening

    def _walk_rows(self, batch: HttpBatch) -> None:
        """Walk the rows, opening each upgrade at its place among them.

        Connections are numbered in the order in which they open, those recognised
        in the middle of a stream among them. Where there are none of the latter, the
        place does not matter, and all rows are walked in one go.
        """
        rows = batch.rows
        records = batch.stream.records
        at = 0
        in_turn = bool(batch.upgrades) and self._has_unknown(batch)
        for handshake, place in zip(batch.upgrades, batch.upgrade_rows, strict=True):
            if in_turn and place > at:
                self._walk.walk(rows[at:place], records)
                at = place
            if handshake.outcome == "accepted":
                self._open(handshake.slot, handshake, handshake.response_last_time)
            else:
                # No client goes on after a wrong Accept; if frames follow all the
                # same, this is the connection that they belong to.
                self._doubtful[handshake.slot] = handshake
                self._seeker.cut_heads.note(handshake)
                if handshake.outcome != "cut" or names_websocket(handshake):
                    self._named.add(handshake.slot)
        self._walk.walk(rows[at:], records)

    def _has_unknown(self, batch: HttpBatch) -> bool:
        """Tell whether rows without a clean upgrade before them are in the batch."""
        slots = batch.rows["direction"] >> 1
        modes = self._walk.rows("walks")["mode"][batch.rows["direction"]]
        until = np.full(len(batch.stream.connections) + 1, len(slots))
        for each, place in zip(batch.upgrades, batch.upgrade_rows, strict=True):
            if each.outcome == "accepted":
                until[each.slot] = place
        return bool(((modes == layout.PROBE) & (np.arange(len(slots)) < until[slots])).any())

    def _open(
        self,
        slot: int,
        handshake: Handshake | None,
        opened_at: int,
        client_side: int = 0,
        in_middle: int = 0,
    ) -> None:
        """Open a connection in both directions of a slot."""
        assert self._batch is not None
        if handshake is not None:
            client_side = handshake.client_side
        # Of a cut 101 it is not known what it agreed on.
        agreed = None if handshake is None or handshake.outcome == "cut" else handshake
        terms = beginnings.UNKNOWN if agreed is None else self._terms.of(agreed)
        negotiation = terms.negotiation
        connection = WebSocketConnection(
            self._count, slot, client_side, handshake, negotiation, opened_at
        )
        self._count += 1
        self._by_slot[slot] = connection
        self._batch.opened.append(connection)
        if negotiation.findings:
            at = (slot, handshake.response_packet if handshake is not None else 0, -1)
            self._batch.findings += [
                Finding(found.kind, *at, found.detail, 1, connection.direction(SERVER))
                for found in negotiation.findings
            ]
        self._seeker.known(slot, negotiation)
        keep = layout.KEEP_NOTHING
        if self._options.payload == "full":
            keep = layout.KEEP_ALL
        elif negotiation.deflate:
            keep = layout.KEEP_COMPRESSED
        is_heard = self._options.inside or self._options.alternatives or self.hears_all
        is_estimated = terms.sides is not None and self._estimates.open(
            (connection.direction(CLIENT), connection.direction(SERVER)),
            terms.sides,
            handshake.response_packet if handshake is not None else 0,
        )
        is_kept = is_estimated or is_heard
        kept = layout.KEEP_ALL if is_kept else keep
        rules = (negotiation.rsv_allowed, int(negotiation.deflate), kept)
        stream, walk = self._batch.http.stream, self._walk
        tcp = stream.connection(slot)
        for sender in (CLIENT, SERVER):
            direction = connection.direction(sender)
            # Behind its own request a client begins with a frame.
            joined = bool(in_middle) or (agreed is None and (handshake is None or sender == SERVER))
            walk.open(direction, connection.connection, sender, (*rules, int(joined)))
            if handshake is not None:
                walk.begun(direction, *beginnings.last_of_handshake(handshake, sender))
            # What one side sends, the other acknowledges, and says how large it may be.
            back = beginnings.round_trip(tcp, (direction & 1) ^ 1)
            walk.path(direction, back, int(self._mss[direction ^ 1]))
            if keep != layout.KEEP_NOTHING:
                side = negotiation.client if sender == CLIENT else negotiation.server
                self._payloads.open(direction, side if negotiation.deflate else None)
            if is_heard:
                self.hearing.open(direction)

    def _open_recognised(self, slot: int, client_side: int, time: int, packet: int) -> None:
        """Open a connection whose frames were recognised (called by the seeker)."""
        handshake = self._doubtful.pop(slot, None)
        is_named = slot in self._named
        self._named.discard(slot)
        self._open(slot, handshake, time, client_side, int(not is_named))
        if not is_named:
            assert self._batch is not None
            self._batch.findings.append(Finding(findings.WEBSOCKET_MID_STREAM, slot, packet))

    # --- after the walk

    def _take_oddities(self, out: WebSocketBatch) -> None:
        rows = self._walk.rows("oddities")
        if self._cut:
            self._take_cut(out)
        if not len(rows):
            return
        rows, counts = thinned(rows, self._options.findings_per_connection)
        walks = self._walk.rows("walks")
        for (packet, frame, detail, direction, kind), count in zip(
            rows.tolist(), counts, strict=True
        ):
            found = oddity(KINDS[kind], packet, frame, detail, direction, count)
            walk = walks[direction]
            if walk["mode"] == layout.PAYLOAD and walk["frame"] == frame:
                # Whether the frame will have a row is known when it has ended.
                self._cut.setdefault(direction, (frame, []))[1].append(found)
            else:
                out.findings.append(found)

    def _take_cut(self, out: WebSocketBatch) -> None:
        """Hand on findings of frames that were not complete and are by now."""
        walks = self._walk.rows("walks")
        for direction, (frame, found) in list(self._cut.items()):
            walk = walks[direction]
            if walk["mode"] != layout.PAYLOAD or walk["frame"] != frame:
                out.findings += found
                del self._cut[direction]

    def _take_controls(self, out: WebSocketBatch, frames: Rows) -> None:
        """Take control frames, and the ACKs that came between them."""
        controls = self._walk.rows("controls")
        acks = deque(self._walk.rows("acks").tolist())
        kept = self._walk.rows("control_bytes").tobytes()
        rows = frames.take(controls["row"])
        fields = [rows["opcode"].tolist(), rows["direction"].tolist()]
        closes = zip(*(rows[name].tolist() for name in _CLOSE_FIELDS), strict=True)
        overlong, sent = self._walk.overlong_rows, self._pings.acks.sent
        for place, (control, opcode, direction, frame) in enumerate(
            zip(controls.tolist(), *fields, closes, strict=True)
        ):
            if acks and acks[0][4] <= place:
                self._take_acks(acks, place)
            connection = self._by_slot.get(direction >> 1)
            if connection is None:
                continue
            _, start, length, complete, end = control
            payload = kept[start : start + length]
            long = overlong.get(place) if overlong else None
            if opcode == CLOSE:
                sent(direction, frame[2], end)
                whole = payload if long is None else long.payload
                out.findings += self._closes.take(connection, frame, whole if complete else None)
                continue
            if opcode == PING:
                sent(direction, frame[2], end)
            if not complete:
                continue
            # A Pong has the whole of its Ping's payload (RFC 6455 5.5.3), not its beginning.
            whole = payload if long is None else long.digest
            if opcode == PING:
                out.pings += self._pings.ping(connection, rows[place], whole, out.findings)
            elif opcode == PONG:
                out.pings += self._pings.pong(connection, rows[place], whole)
        self._take_acks(acks, len(controls))

    def _take_acks(self, acks: deque[tuple[int, ...]], place: int) -> None:
        """Take the ACKs that came before the control frame at `place` of the batch."""
        while acks and acks[0][4] <= place:
            acked, _, time, direction, _ = acks.popleft()
            self._pings.acks.acked(direction, acked, time)

    def _take_messages(self, out: WebSocketBatch) -> None:
        """Copy the finished messages out of the pool and free their places."""
        walk = self._walk
        indices = walk.finished().copy()
        pool = walk.rows("pool")
        is_void = pool["opcode"][indices] == _VOID_OPCODE
        wanted, void = indices[~is_void], indices[is_void]
        if len(void):
            given_up = (pool.take(void), void.tolist())
            self._payloads.give_up(*given_up)
            out.findings += self._payloads.take_findings()
            self._estimates.give_up(*given_up)
            self.hearing.give_up(given_up[0]["direction"].tolist(), given_up[1])
        rows = pool.take(wanted)  # 100 times faster than pool[wanted] on structured rows
        kept = self._payloads.kept
        out.messages, out.places = rows, wanted
        out.has_payload = self._options.payload == "full"
        if self._options.payload != "none":
            previews = None if out.has_payload else self._beginnings().take(wanted, axis=0)
            taken = [kept.pop(place, None) for place in wanted.tolist()] if kept else None
            out.previews = Previews(rows, previews, taken)
        for place in void.tolist():
            kept.pop(place, None)
        walk.recycle()

    # --- ending

    def _settle(self, slots: list[int], out: WebSocketBatch) -> None:
        """Report what is unfinished; messages that wait for an ACK leave now."""
        places = np.asarray(slots, np.int64)
        walks = self._walk.rows("walks")
        is_odd = np.zeros(len(slots), bool)
        for directions in (2 * places, 2 * places + 1):
            mode = walks["mode"][directions]
            is_odd |= (mode == layout.PAYLOAD) | (walks["message"][directions] >= 0)
            is_odd |= (mode == layout.HEADER) & (walks["have"][directions] > 0)
            is_odd |= walks["repeated_keys"][directions] > 0
            is_odd |= walks["zero_keys"][directions] > 1
            is_odd |= walks["stepped_keys"][directions] > STEPS_BY_CHANCE
        for slot, is_unfinished in zip(slots, is_odd.tolist(), strict=True):
            out.findings += self._seeker.end(self._walk, slot)
            if slot in self._by_slot:
                if is_unfinished:
                    self._report_unfinished(slot, out)
                self._walk.flush(slot)

    def _report_unfinished(self, slot: int, out: WebSocketBatch) -> None:
        """Report frames and messages without an end, and masking keys that are not random."""
        for direction in (2 * slot, 2 * slot + 1):
            end = Ending(*self._walk.ending(direction))
            if end.mode == layout.PAYLOAD:
                # The frame has no row in `frames`, which holds whole ones.
                cut = self._cut.pop(direction, (0, []))[1]
                out.findings += [replace(found, frame=-1) for found in cut]
            out.findings += unfinished(end, direction)
            out.findings += weak_keys(Keys(*self._walk.keys(direction)), end, direction)

    def _end(self, slots: Sequence[int], stream: StreamBatch, out: WebSocketBatch) -> None:
        """Let the connections of slots leave."""
        ended: list[WebSocketConnection] = []
        for slot in slots:
            connection = self._by_slot.pop(slot, None)
            doubtful = self._doubtful.pop(slot, None)
            if doubtful is not None:
                out.unopened.append(doubtful)
            if connection is not None:
                ended.append(connection)
        self._named.difference_update(slots)
        self.hearing.close([2 * each.slot + side for each in ended for side in (0, 1)])
        known = endings.left(ended, self._walk.rows("walks"), stream.directions)
        for connection, left in zip(ended, known, strict=True):
            self._leave(connection, left, stream, out)
        out.ended += ended
        for slot in slots:
            self._walk.reset(slot)

    def _leave(
        self,
        connection: WebSocketConnection,
        left: endings.Left,
        stream: StreamBatch,
        out: WebSocketBatch,
    ) -> None:
        """Let one connection leave."""
        connection.totals, connection.first_data_time = left.totals, left.first_data_time
        connection.ending, connection.lost_bytes = left.ending, left.lost_bytes
        slot, acks = connection.slot, self._pings.acks
        both = connection.direction(CLIENT), connection.direction(SERVER)
        for direction in both:
            self._payloads.close(direction)
            self._estimates.close(direction)
        out.findings += self._payloads.take_findings()
        out.pings += self._pings.end(connection)
        tcp = stream.connection(slot)
        hidden = endings.hidden_closes(connection, stream, left.modes)
        heard = left.both_heard
        out.findings += endings.close(connection, tcp, acks, both_heard=heard, hidden=hidden)
        connection.reported = endings.reported(connection, stream, tcp, left.modes, acks)
        for direction in both:
            acks.forget(direction)
