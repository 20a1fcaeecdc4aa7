"""Seeks frames where the walk cannot go on: after gaps, and in unknown traffic.

Three questions of the walk are answered here, all rare, in plain Python: is this header one
(where it breaks rules), where is the next frame (a direction in mode SEEK), and is this
WebSocket at all (mode PROBE). Bytes are kept, within limits, until the answer is known, and
are walked then. Knows the walk's modes, and what recognition and foreign say of bytes. Owned
by websocket.stage, called by the walk.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from itertools import takewhile
from typing import Any

from analyzer import findings
from analyzer.columns import Rows
from analyzer.findings import Finding
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tcp.bytestream import GAP_CUT, StreamBatch
from analyzer.weak_methods import weakly
from analyzer.websocket import foreign
from analyzer.websocket import frames as layout
from analyzer.websocket.boundary import BoundarySearch, Doubt, Search
from analyzer.websocket.cut_heads import CutHeads, old_draft
from analyzer.websocket.holding import Holding
from analyzer.websocket.kept_rows import (
    Kept,
    frame_before,
    gap,
    keep,
    not_captured,
    replayed,
    trimmed,
)
from analyzer.websocket.negotiation import Negotiation
from analyzer.websocket.recogniser import Recogniser, Verdict

Opener = Callable[[int, int, int, int], None]
"""Opens a recognised connection: slot, client side, time in ns, packet."""


@dataclass(slots=True)
class _Probe:
    """An unknown connection, and all that was seen of it."""

    recogniser: Recogniser
    kept: list[Kept] = field(default_factory=list)
    cost: int = 0


class Seeker:
    """Holds the bytes of unknown connections and of directions that lost their place.

    Args:
        options: limits.
        open_recognised: called when a connection turns out to be WebSocket.
        doubtful: slots whose upgrade was answered by a wrong 101, or by one that was cut:
            what follows it are frames, whatever they look like.
    """

    def __init__(self, options: Options, open_recognised: Opener, doubtful: Container[int]) -> None:
        self._options = options
        self._open = weakly(open_recognised)
        self._doubtful = doubtful
        self._probes: dict[int, _Probe] = {}
        self._kept_bytes = 0
        self._searches: dict[int, Search] = {}
        self._lost: set[int] = set()  # directions ever in mode SEEK
        # Of connections joined in their middle: directions without a frame so far.
        self._joined: set[int] = set()
        self._foreign: set[int] = set()  # those whose bytes are known to be no frames
        self._negotiated: dict[int, Negotiation] = {}
        self.cut_heads = CutHeads()
        self._found: list[Finding] = []
        self._holding = Holding(options)
        self._stream: StreamBatch | None = None

    # --- what the stage calls

    def begin_batch(self, stream: StreamBatch) -> None:
        """Take the batch whose connections the next calls are about."""
        self._stream = stream

    @property
    def held_bytes(self) -> int:
        """Bytes kept of unknown connections, and where the framing was lost."""
        return self._kept_bytes + self._holding.held_bytes

    def known(self, slot: int, negotiation: Negotiation) -> None:
        """Note what a connection that opened may send."""
        self._negotiated[slot] = negotiation
        self._drop_probe(slot)

    def take_findings(self) -> list[Finding]:
        """Return what was found since the last call."""
        found, self._found = self._found + self._holding.take_findings(), []
        return found

    def end(self, walk: Any, slot: int) -> list[Finding]:
        """Forget a connection; say what was never found again in it."""
        found = self._guess(slot)
        self._drop_probe(slot)
        self.cut_heads.forget(slot)
        if self._negotiated.pop(slot, None) is None:
            return found
        for direction in (2 * slot, 2 * slot + 1):
            self._joined.discard(direction)
            if direction not in self._lost:
                continue
            self._lost.discard(direction)
            self._drop_search(direction)
            row = walk.rows("walks")[direction]
            if direction in self._foreign:
                self._foreign.discard(direction)
                continue
            if row["mode"] == layout.SEEK and row["skipped"]:
                at = (slot, int(row["packet_last"]), -1, int(row["skipped"]))
                kind = findings.WEBSOCKET_NOT_RESYNCHRONISED
                found.append(Finding(kind, *at, direction=direction))
        return found

    def _guess(self, slot: int) -> list[Finding]:
        """Say of an unknown connection that ends what speaks for WebSocket."""
        probe = self._probes.get(slot)
        detail = probe.recogniser.maybe() if probe is not None else None
        if probe is None or detail is None:
            return []
        packet = int(probe.kept[0].row["packet"])
        return [Finding(findings.WEBSOCKET_MAYBE, slot, packet, -1, detail)]

    # --- what the walk calls

    def show(self, walk: Any, row: Any, at: int, records: Any) -> Rows | None:
        """Look at the rest of a row that the walk cannot read.

        Args:
            walk: the FrameWalk; modes are set in its rows.
            row: dtype CHUNK.
            at: where in the buffer its unread bytes begin; -1 for a gap.
            records: the batch, to append bytes to.

        Returns:
            Rows to walk instead, dtype CHUNK, or None.
        """
        kept = None if at < 0 else keep(row, at, records)
        direction = int(row["direction"])
        if walk.rows("walks")[direction]["mode"] == layout.PROBE:
            kept_rows = self._probe(walk, row, kept)
        elif direction in self._holding:
            kept_rows = self._holding.take(walk, row, kept)
        else:
            kept_rows = self._seek(walk, row, kept)
        return replayed(kept_rows, records) if kept_rows else None

    # --- is this a header?

    def is_frame(self, walk: Any, row: Any, at: int, had: int, records: Any) -> bool:
        """Judge a header that breaks rules; the walk is after it.

        Args:
            walk: the FrameWalk.
            row: dtype CHUNK, in which the header ends.
            at: where in the buffer the header begins, or goes on.
            had: bytes of it in rows before this one.
            records: the batch.

        Returns:
            True if it is one. If not, or if it is not known yet, the row's bytes from `at` on
            are to be shown next.
        """
        direction = int(row["direction"])
        fresh = records.data[at : int(row["start"]) + int(row["length"])].tobytes()
        data = (walk.header_begun(direction) if had else b"") + fresh
        shape = self._shape(walk, direction)
        judgement = foreign.judged(data, shape)
        if judgement.is_frame:
            walk.vouch(direction, data[0], data[1] >> 7)
            return True
        last = walk.rows("walks")[direction]
        last["skipped"] = had
        within = self.cut_heads.may_begin_within(direction, int(last["frames"]))
        search = self._searches[direction] = self._new_search(walk, direction, strict=not within)
        search.is_begun = False
        before = (0, b"") if had else frame_before(last, row, at, records)
        doubt = Doubt(bytearray(data), shape, int(row["packet"]), before, judgement.end)
        self._lost.add(direction)
        if within:
            self._declare(walk, direction, doubt, foreign.UNKNOWN)
        elif judgement.nature is None:
            search.doubt = doubt
        else:
            doubt.cut = not_captured(row)
            self._declare(walk, direction, doubt, judgement.nature)
        return False

    def _shape(self, walk: Any, direction: int) -> foreign.Shape:
        negotiation = self._negotiated.get(direction >> 1, Negotiation.unknown())
        is_client = walk.rows("walks")[direction]["sender"] == layout.CLIENT
        return foreign.Shape(bool(is_client), negotiation.rsv_allowed)

    def _declare(self, walk: Any, direction: int, doubt: Doubt, nature: foreign.Nature) -> None:
        """Say that what began as a doubtful header is no frame."""
        if nature is foreign.UNKNOWN:
            at = (direction >> 1, doubt.packet, -1)
            self._found.append(Finding(nature.kind, *at))
            walk.leave_place(direction)
            return
        data = bytes(doubt.data)
        sender = ("client", "server")[int(walk.rows("walks")[direction]["sender"])]
        show = self._options.payload != "none"
        opcode, eaten = doubt.before
        kind = nature.kind
        mixed = foreign.mixed_writes(opcode, eaten, data, doubt.shape, doubt.cut)
        if mixed is not None:
            kind, size = findings.WEBSOCKET_TORN_WRITE, len(eaten) + len(data) + doubt.cut
            detail = foreign.described_mix(mixed, size, sender, show=show)
        else:
            detail = foreign.described(data, nature, len(data), sender, show=show)
        self._found.append(
            Finding(kind, direction >> 1, doubt.packet, -1, detail, direction=direction)
        )
        self._foreign.add(direction)
        walk.leave_place(direction)

    def _settled(
        self, walk: Any, direction: int, search: Search, start: int | None, *, is_final: bool
    ) -> list[Kept] | None:
        """Decide about the search's doubt if that can be done now.

        Args:
            walk: the FrameWalk.
            direction: whose search it is.
            search: with a doubt.
            start: where frames begin for certain, in bytes pushed; None: not found.
            is_final: nothing more will come.

        Returns:
            The rows to walk, if it is a frame; None: it is none, or not decided.
        """
        doubt = search.doubt
        assert doubt is not None
        data = bytes(doubt.data)
        judgement = foreign.judged(data, doubt.shape, is_final=is_final, cut=doubt.cut)
        if start is not None and judgement.is_frame is None:
            nature = foreign.recognised(data[: start or None], is_final=True)
            judgement = foreign.Judgement(False, nature or foreign.BINARY)
            del doubt.data[self._pushed_at(doubt, search, start) :]
        if judgement.is_frame is None:
            doubt.end = judgement.end
            return None
        search.doubt = None
        if judgement.is_frame:
            walk.vouch(direction, data[0], data[1] >> 7)
            self._drop_search(direction)
            walk.rows("walks")[direction]["mode"] = layout.HEADER
            return list(search.kept)
        self._declare(walk, direction, doubt, judgement.nature or foreign.BINARY)
        return None

    @staticmethod
    def _pushed_at(doubt: Doubt, search: Search, start: int) -> int:
        """Return the place in the doubt's bytes of a place in the bytes pushed."""
        return len(doubt.data) - search.size + start

    def conclude(self, walk: Any, slots: list[int], records: Any) -> None:
        """Walk what is still in doubt of connections that end: a frame cut off, perhaps."""
        if not self._searches and not self._holding:
            return
        for slot in slots:
            for direction in (2 * slot, 2 * slot + 1):
                if direction in self._holding:
                    walk.again(replayed(self._holding.conclude(walk, direction), records), records)
                search = self._searches.get(direction)
                if search is not None and search.doubt is not None:
                    rows = self._settled(walk, direction, search, None, is_final=True)
                    if rows:
                        walk.again(replayed(rows, records), records)

    def doubt_payload(self, walk: Any, row: Any) -> None:
        """See Holding.begin; the walk stands within a frame."""
        self._holding.begin(walk, row, self._shape(walk, int(row["direction"])))

    # --- is it WebSocket?

    def _probe(self, walk: Any, row: Any, kept: Kept | None) -> list[Kept]:
        slot, side = int(row["direction"]) >> 1, int(row["direction"]) & 1
        probe = self._probes.get(slot)
        if kept is not None and self.cut_heads.is_draft(row, kept.payload):
            self._found.append(old_draft(row))
            _set_mode(walk, slot, layout.IGNORE)
            self._drop_probe(slot)
            return []
        another = kept is not None and self.cut_heads.may_be_another(row, kept.payload)
        if slot in self._doubtful and kept is not None and not another:
            self._open(slot, 0, int(row["time"]), int(row["packet"]))
            # A hole right before it may end in the middle of a frame.
            holes = takewhile(lambda each: not each.payload, reversed(probe.kept if probe else ()))
            return [*reversed(list(holes)), kept]
        if probe is None:
            if kept is not None and self._starts_otherwise(row):
                _set_mode(walk, slot, layout.IGNORE)
                return []
            probe = self._probes[slot] = _Probe(Recogniser(self._options))
        if kept is None:
            is_cut = row["kind"] == GAP_CUT
            probe.recogniser.lose(side, int(row["length"]), is_cut=bool(is_cut))
            self._keep_probed(probe, gap(row))
            return self._within_limit(walk)
        self._keep_probed(probe, kept)
        recognition = probe.recogniser.push(side, kept.payload)
        if recognition.verdict is Verdict.WEBSOCKET:
            return self._recognised(walk, slot, probe, recognition.client_side, recognition.starts)
        if recognition.verdict is Verdict.NOT_WEBSOCKET:
            _set_mode(walk, slot, layout.IGNORE)
            self._drop_probe(slot)
        return self._within_limit(walk)

    def _keep_probed(self, probe: _Probe, kept: Kept) -> None:
        probe.kept.append(kept)
        probe.cost += kept.cost
        self._kept_bytes += kept.cost

    def _within_limit(self, walk: Any) -> list[Kept]:
        """Give up what was kept longest while there is too much; return no rows."""
        while self._kept_bytes > self._options.max_probe_bytes_total:
            if self._probes:
                oldest = next(iter(self._probes))
                _set_mode(walk, oldest, layout.IGNORE)
                self._drop_probe(oldest)
            else:
                # The direction goes on searching in what comes next.
                direction, search = next(iter(self._searches.items()))
                if search.doubt is not None:
                    nature = foreign.recognised(bytes(search.doubt.data), is_final=True)
                    self._declare(walk, direction, search.doubt, nature or foreign.BINARY)
                self._drop_search(direction)
        return []

    def _starts_otherwise(self, row: Any) -> bool:
        """Tell whether a stream was seen from its first byte and is not HTTP.

        Its handshake cannot be missing then: "the client's opening handshake consists
        of the following parts" (RFC 6455 4.1), an HTTP request first of all.
        """
        assert self._stream is not None
        connection = self._stream.connections[int(row["direction"]) >> 1]
        return bool(connection["sides_known"]) and int(row["offset"]) == 0

    def _recognised(
        self,
        walk: Any,
        slot: int,
        probe: _Probe,
        client_side: int,
        starts: tuple[int | None, int | None],
    ) -> list[Kept]:
        """Open the connection at its first frame; return its rows from there on."""
        seen = [0, 0]
        replay: list[Kept] = []
        for kept in probe.kept:
            side = int(kept.row["direction"]) & 1
            begin, start = seen[side], starts[side]
            seen[side] += kept.length
            # A side without a frame yet is searched once it is known what it speaks.
            skip = 0 if start is None else max(0, start - begin)
            if skip < kept.length:
                replay.append(trimmed(kept, skip))
        first = next(kept.row for kept in replay if kept.payload)
        self._open(slot, client_side, int(first["time"]), int(first["packet"]))
        walks = walk.rows("walks")
        for side in (0, 1):
            if starts[side] is None:
                walks[2 * slot + side]["mode"] = layout.SEEK
                self._joined.add(2 * slot + side)
        return replay

    def _drop_probe(self, slot: int) -> None:
        probe = self._probes.pop(slot, None)
        if probe is not None:
            self._kept_bytes -= probe.cost

    def _drop_search(self, direction: int) -> None:
        search = self._searches.pop(direction, None)
        if search is not None:
            self._kept_bytes -= search.cost

    # --- where is the next frame?

    def _seek(self, walk: Any, row: Any, kept: Kept | None) -> list[Kept]:
        direction = int(row["direction"])
        self._lost.add(direction)
        search = self._searches.get(direction)
        if kept is None:
            return self._behind_gap(walk, row)
        if search is None:
            search = self._searches[direction] = self._new_search(walk, direction)
        self._take(search, kept)
        start = search.boundary.push(kept.payload, is_start=search.is_begun)
        if search.doubt is not None:
            if search.is_begun:
                search.doubt.data += kept.payload
            is_final = search.size > self._options.max_probe_bytes
            search.is_begun = True
            rows = self._settled(walk, direction, search, start, is_final=is_final)
            if rows is not None:
                return rows
        search.is_begun = True
        if start is None:
            self._forget_oldest(search)
            return self._within_limit(walk)
        return self._found_at(walk, direction, search, start)

    def _found_at(self, walk: Any, direction: int, search: Search, start: int) -> list[Kept]:
        """End a search at byte `start` of what was pushed; return the rows from there on."""
        self._drop_search(direction)
        replay: list[Kept] = []
        at = search.boundary.begin
        for item in search.kept:
            skip = max(0, start - at)
            at += len(item.payload)
            if skip < len(item.payload):
                replay.append(trimmed(item, skip))
        self._resume(walk, direction, replay)
        return replay

    def _take(self, search: Search, kept: Kept) -> None:
        search.kept.append(kept)
        search.size += len(kept.payload)
        search.cost += kept.cost
        self._kept_bytes += kept.cost

    def _behind_gap(self, walk: Any, row: Any) -> list[Kept]:
        """Give up the search: after a gap nothing is known of what came before it.

        A doubtful header is decided on first: its frame may reach into the gap.
        """
        direction = int(row["direction"])
        search = self._searches.get(direction)
        cut = not_captured(search.kept[-1].row) if search is not None and search.kept else 0
        if search is not None and search.doubt is not None:
            search.doubt.cut = cut
            rows = self._settled(walk, direction, search, None, is_final=True)
            if rows is not None:
                return [*rows, gap(row)]
        elif search is not None and cut:
            start = search.boundary.pass_over(cut)
            if start is not None:
                return [*self._found_at(walk, direction, search, start), gap(row)]
        self._drop_search(direction)
        self._foreign.discard(direction)
        return []

    def _new_search(self, walk: Any, direction: int, *, strict: bool = False) -> Search:
        shape = self._shape(walk, direction)
        strict = strict or direction in self._foreign
        boundary = BoundarySearch(
            masked=shape.masked,
            rsv_allowed=shape.rsv_allowed,
            frames_needed=self._options.resync_frames,
            # A sender of text that is no UTF-8 goes on so (RFC 6455 8.1).
            texts=not walk.rows("walks")[direction]["bad_text"],
            strict=strict,
        )
        return Search(boundary, is_strict=strict)

    def _forget_oldest(self, search: Search) -> None:
        """Drop rows that the search cannot begin in any more."""
        dropped = 0
        while search.size - len(search.kept[0].payload) > self._options.max_probe_bytes:
            oldest = search.kept.popleft()
            dropped += len(oldest.payload)
            search.size -= len(oldest.payload)
            search.cost -= oldest.cost
            self._kept_bytes -= oldest.cost
        if dropped:
            search.boundary.forget(dropped)

    def _resume(self, walk: Any, direction: int, replay: list[Kept]) -> None:
        row = walk.rows("walks")[direction]
        row["mode"] = layout.HEADER
        self._foreign.discard(direction)
        passed = int(row["skipped"]) - sum(len(item.payload) for item in replay)
        is_first = direction in self._joined
        self._joined.discard(direction)
        if is_first and not passed:
            return  # its first bytes are a frame: nothing was lost that would be found again
        kind, packet = findings.WEBSOCKET_RESYNCHRONISED, int(replay[0].row["packet"])
        self._found.append(Finding(kind, direction >> 1, packet, -1, passed, direction=direction))


def _set_mode(walk: Any, slot: int, mode: int) -> None:
    walks = walk.rows("walks")
    walks[2 * slot]["mode"] = walks[2 * slot + 1]["mode"] = mode
