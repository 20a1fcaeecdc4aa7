"""Seeks frames where the walk cannot go on: behind gaps, and in unknown traffic.

Two questions of the walk are answered here, both rare, in plain Python: where is the
next frame (a direction in mode SEEK), and is this WebSocket at all (mode PROBE). Bytes
are kept, within limits, until the answer is known, and are walked then. Knows the
walk's modes and recognition's judgements. Owned by websocket.stage, called by the walk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analyzer import findings
from analyzer.columns import Rows, empty
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.tcp.bytestream import CHUNK, DATA, GAP_LOST, StreamBatch, within
from analyzer.websocket import frames as layout
from analyzer.websocket.boundary import BoundarySearch
from analyzer.websocket.negotiation import Negotiation
from analyzer.websocket.recognition import Recogniser, Verdict

_ROW_BYTES = 512
"""What a row costs beside its bytes while it is kept: segments of one byte must not
evade the limit on bytes."""

Opener = Callable[[int, int, int, int], None]
"""Opens a recognised connection: slot, client side, time in ns, packet."""


@dataclass(slots=True)
class _Kept:
    """A row whose bytes outlive its batch."""

    row: Any
    payload: bytes
    """Empty for a gap."""

    @property
    def length(self) -> int:
        """Bytes of the stream that it stands for."""
        return int(self.row["length"])

    @property
    def cost(self) -> int:
        """Bytes of memory, about."""
        return len(self.payload) + _ROW_BYTES


@dataclass(slots=True)
class _Probe:
    """An unknown connection, and all that was seen of it."""

    recogniser: Recogniser
    kept: list[_Kept] = field(default_factory=list)
    cost: int = 0


@dataclass(slots=True)
class _Search:
    """A direction that lost its frame boundary."""

    boundary: BoundarySearch
    kept: deque[_Kept] = field(default_factory=deque)
    size: int = 0
    """Bytes of payload kept."""
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
        self._open = open_recognised
        self._doubtful = doubtful
        self._probes: dict[int, _Probe] = {}
        self._kept_bytes = 0
        self._searches: dict[int, _Search] = {}
        self._lost: set[int] = set()  # directions that ever were in mode SEEK
        self._negotiated: dict[int, Negotiation] = {}
        self._found: list[Finding] = []
        self._stream: StreamBatch | None = None

    # --- what the stage calls

    def begin_batch(self, stream: StreamBatch) -> None:
        """Take the batch whose connections the next calls are about."""
        self._stream = stream

    @property
    def held_bytes(self) -> int:
        """Bytes kept of unknown connections, and where the framing was lost."""
        return self._kept_bytes

    def known(self, slot: int, negotiation: Negotiation) -> None:
        """Note what a connection that opened may send."""
        self._negotiated[slot] = negotiation
        self._drop_probe(slot)

    def take_findings(self) -> list[Finding]:
        """Return what was found since the last call."""
        found, self._found = self._found, []
        return found

    def end(self, walk: Any, slot: int) -> list[Finding]:
        """Forget a connection; say what was never found again in it."""
        self._drop_probe(slot)
        found: list[Finding] = []
        if self._negotiated.pop(slot, None) is None:
            return found
        for direction in (2 * slot, 2 * slot + 1):
            if direction not in self._lost:
                continue
            self._lost.discard(direction)
            self._drop_search(direction)
            row = walk.rows("walks")[direction]
            if row["mode"] == layout.SEEK and row["skipped"]:
                found.append(
                    Finding(
                        findings.WEBSOCKET_NOT_RESYNCHRONISED,
                        slot,
                        int(row["packet_last"]),
                        -1,
                        int(row["skipped"]),
                        direction=direction,
                    )
                )
        return found

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
        kept = None if at < 0 else _keep(row, at, records)
        direction = int(row["direction"])
        if walk.rows("walks")[direction]["mode"] == layout.PROBE:
            kept_rows = self._probe(walk, row, kept)
        else:
            kept_rows = self._seek(walk, row, kept)
        return _replayed(kept_rows, records) if kept_rows else None

    # --- is it WebSocket?

    def _probe(self, walk: Any, row: Any, kept: _Kept | None) -> list[_Kept]:
        slot, side = int(row["direction"]) >> 1, int(row["direction"]) & 1
        probe = self._probes.get(slot)
        if slot in self._doubtful and kept is not None:
            self._open(slot, 0, int(row["time"]), int(row["packet"]))
            return [kept]
        if probe is None:
            if kept is not None and self._starts_otherwise(row):
                _set_mode(walk, slot, layout.IGNORE)
                return []
            probe = self._probes[slot] = _Probe(Recogniser(self._options))
        if kept is None:
            probe.recogniser.lose(side, int(row["length"]))
            self._keep_probed(probe, _gap(row))
            return self._within_limit(walk)
        self._keep_probed(probe, kept)
        recognition = probe.recogniser.push(side, kept.payload)
        if recognition.verdict is Verdict.WEBSOCKET:
            return self._recognised(walk, slot, probe, recognition.client_side, recognition.starts)
        if recognition.verdict is Verdict.NOT_WEBSOCKET:
            _set_mode(walk, slot, layout.IGNORE)
            self._drop_probe(slot)
        return self._within_limit(walk)

    def _keep_probed(self, probe: _Probe, kept: _Kept) -> None:
        probe.kept.append(kept)
        probe.cost += kept.cost
        self._kept_bytes += kept.cost

    def _within_limit(self, walk: Any) -> list[_Kept]:
        """Give up what was kept longest while there is too much; return no rows."""
        while self._kept_bytes > self._options.max_probe_bytes_total:
            if self._probes:
                oldest = next(iter(self._probes))
                _set_mode(walk, oldest, layout.IGNORE)
                self._drop_probe(oldest)
            else:
                # The direction goes on searching in what comes next.
                self._drop_search(next(iter(self._searches)))
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
    ) -> list[_Kept]:
        """Open the connection at its first frame; return its rows from there on."""
        seen = [0, 0]
        replay: list[_Kept] = []
        for kept in probe.kept:
            side = int(kept.row["direction"]) & 1
            begin, start = seen[side], starts[side]
            seen[side] += kept.length
            # A side without a frame yet is searched once it is known what it speaks.
            skip = 0 if start is None else max(0, start - begin)
            if skip < kept.length:
                replay.append(_trimmed(kept, skip))
        first = next(kept.row for kept in replay if kept.payload)
        self._open(slot, client_side, int(first["time"]), int(first["packet"]))
        walks = walk.rows("walks")
        for side in (0, 1):
            if starts[side] is None:
                walks[2 * slot + side]["mode"] = layout.SEEK
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

    def _seek(self, walk: Any, row: Any, kept: _Kept | None) -> list[_Kept]:
        direction = int(row["direction"])
        self._lost.add(direction)
        search = self._searches.get(direction)
        if kept is None:
            # Behind a gap nothing is known of what came before it.
            self._drop_search(direction)
            return []
        if search is None:
            search = self._searches[direction] = self._new_search(walk, direction)
        search.kept.append(kept)
        search.size += len(kept.payload)
        search.cost += kept.cost
        self._kept_bytes += kept.cost
        start = search.boundary.push(kept.payload)
        if start is None:
            self._forget_oldest(search)
            return self._within_limit(walk)
        self._drop_search(direction)
        replay: list[_Kept] = []
        at = search.boundary.begin
        for item in search.kept:
            skip = max(0, start - at)
            at += len(item.payload)
            if skip < len(item.payload):
                replay.append(_trimmed(item, skip))
        self._resume(walk, direction, replay)
        return replay

    def _new_search(self, walk: Any, direction: int) -> _Search:
        negotiation = self._negotiated.get(direction >> 1, Negotiation.unknown())
        is_client = walk.rows("walks")[direction]["sender"] == layout.CLIENT
        return _Search(
            BoundarySearch(
                masked=bool(is_client),
                rsv_allowed=negotiation.rsv_allowed,
                frames_needed=self._options.resync_frames,
            )
        )

    def _forget_oldest(self, search: _Search) -> None:
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

    def _resume(self, walk: Any, direction: int, replay: list[_Kept]) -> None:
        row = walk.rows("walks")[direction]
        row["mode"] = layout.HEADER
        found = sum(len(item.payload) for item in replay)
        self._found.append(
            Finding(
                findings.WEBSOCKET_RESYNCHRONISED,
                direction >> 1,
                int(replay[0].row["packet"]),
                -1,
                int(row["skipped"]) - found,
                direction=direction,
            )
        )


def _set_mode(walk: Any, slot: int, mode: int) -> None:
    walks = walk.rows("walks")
    walks[2 * slot]["mode"] = walks[2 * slot + 1]["mode"] = mode


def _keep(row: Any, at: int, records: Any) -> _Kept:
    """Copy a row from byte `at` of the buffer on, with its bytes."""
    start = int(row["start"])
    end = start + int(row["length"])
    whole = _Kept(row.copy(), records.data[start:end].tobytes())
    # Acknowledgements were taken from the row itself already.
    whole.row["acked"] = -1
    return _trimmed(whole, at - start)


def _gap(row: Any) -> _Kept:
    """Return a row for bytes that were not captured: its cost was counted already."""
    gap = _Kept(row.copy(), b"")
    gap.row["kind"] = GAP_LOST
    gap.row["acked"] = -1
    gap.row["wire"] = 0
    return gap


def _trimmed(kept: _Kept, skip: int) -> _Kept:
    """Return the row without its first `skip` bytes."""
    if not skip:
        return kept
    row = kept.row.copy()
    length = int(row["length"])
    passed = within(skip, int(row["span"]), length)
    row["offset"] += passed
    row["into"] += passed
    row["tls"] -= within(skip, int(row["tls"]), length) if row["tls"] else 0
    row["length"] -= skip
    row["span"] -= passed
    row["wire"] = 0
    return _Kept(row, kept.payload[skip:])


def _replayed(kept: list[_Kept], records: Any) -> Rows:
    """Return rows whose bytes lie in the batch's buffer."""
    rows = empty(CHUNK, len(kept))
    for place, item in enumerate(kept):
        rows[place] = item.row
        if item.payload:
            rows[place]["start"] = records.append(item.payload)
            rows[place]["kind"] = DATA
    return np.asarray(rows)
