"""Holds rows that are payload by the header before them, and frames by their looks.

Knows the walk's rows, and asks promises which of the two they are. Must not know how frames are
recognised. Owned by websocket.seeking.
"""

from __future__ import annotations

from typing import Any

from analyzer import findings
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.websocket import foreign, promises
from analyzer.websocket import frames as layout
from analyzer.websocket.kept_rows import Kept, gap
from analyzer.websocket.promises import Promise


class Holding:
    """The directions in whose current frame nobody knows yet what its payload is.

    Args:
        options: limits: max_probe_bytes for each, max_probe_bytes_total for all.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._promises: dict[int, Promise] = {}
        self._found: list[Finding] = []
        self.held_bytes = 0
        """What is kept, about."""

    def __contains__(self, direction: int) -> bool:
        return direction in self._promises

    def __bool__(self) -> bool:
        return bool(self._promises)

    def take_findings(self) -> list[Finding]:
        """Return what was found since the last call."""
        found, self._found = self._found, []
        return found

    def begin(self, walk: Any, row: Any, shape: foreign.Shape) -> None:
        """Hold what comes from now on in a direction.

        Args:
            walk: the FrameWalk, within the payload of a frame.
            row: dtype CHUNK; its bytes are to be taken next.
            shape: of frames in this direction.
        """
        direction = int(row["direction"])
        frame = walk.rows("walks")[direction]
        left = int(frame["payload_left"])
        sender = ("client", "server")[int(frame["sender"])]
        opcode, announced = int(frame["opcode"]), int(frame["payload_bytes"])
        detail = promises.described(opcode, announced, left, sender)
        self._promises[direction] = Promise(
            shape, left, not frame["bad_text"], int(frame["packet_first"]), detail, opcode
        )

    def take(self, walk: Any, row: Any, kept: Kept | None) -> list[Kept]:
        """Take the next row of a direction that is held; None stands for a gap.

        Returns:
            The rows to walk, once it is known what they are.
        """
        direction = int(row["direction"])
        if kept is None:
            # What was lost may be the rest of the payload: it is taken for that.
            return [*self._decided(walk, direction, is_payload=True), gap(row)]
        promise = self._promises[direction]
        is_payload = promise.push(kept)
        self.held_bytes += kept.cost
        is_much = promise.cost > self._options.max_probe_bytes
        if is_payload is None and (
            is_much or self.held_bytes > self._options.max_probe_bytes_total
        ):
            is_payload = promise.concluded()
        if is_payload is None:
            return []
        return self._decided(walk, direction, is_payload=is_payload)

    def conclude(self, walk: Any, direction: int) -> list[Kept]:
        """Decide by what there is, as the connection ends; return the rows to walk."""
        is_payload = self._promises[direction].concluded()
        return self._decided(walk, direction, is_payload=is_payload)

    def _decided(self, walk: Any, direction: int, *, is_payload: bool) -> list[Kept]:
        """Let the walk go on within the frame, or at a new header; return the rows held."""
        promise = self._promises.pop(direction)
        self.held_bytes -= promise.cost
        if is_payload:
            row = walk.rows("walks")[direction]
            row["mode"], row["trusted"] = layout.PAYLOAD, 1
            return promise.kept
        walk.drop_frame(direction)
        detail = promise.described
        mixed = promise.mixed()
        if mixed is not None:
            sender = ("client", "server")[int(not promise.shape.masked)]
            show = self._options.payload != "none"
            size = sum(len(kept.payload) for kept in promise.kept)
            detail = foreign.described_mix(mixed, size, sender, show=show)
        self._found.append(
            Finding(
                findings.WEBSOCKET_TORN_WRITE,
                direction >> 1,
                promise.packet,
                -1,
                detail,
                direction=direction,
            )
        )
        # Of mixed frames none can be read; what follows them can.
        return [] if mixed is not None else promise.kept
