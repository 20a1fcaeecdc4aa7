"""What a handshake leaves open of which the answer was cut by a snap length.

The answer's segment may hold frames behind the head, so the server's next segment may begin
within one; and where the request shows neither key nor version, the connection may be of a draft
before RFC 6455. Where the answer's Upgrade field was cut off too, it may be to another protocol
(RFC 9110 7.8), and its bytes prove nobody wrong. Knows handshakes, and what the bytes behind
them look like. Must not know the walk. Used by websocket.seeking.
"""

from __future__ import annotations

from typing import Any

from analyzer import findings
from analyzer.findings import Finding
from analyzer.http.exchanges import Handshake
from analyzer.websocket import foreign
from analyzer.websocket.negotiation import Negotiation, answer_names_websocket

_CLIENT = foreign.Shape(masked=True, rsv_allowed=Negotiation.unknown().rsv_allowed)


class CutHeads:
    """Remembers the connections whose 101 was cut."""

    def __init__(self) -> None:
        self._drafts: set[int] = set()  # slots
        self._places: set[int] = set()  # directions
        self._unproven: set[int] = set()  # slots

    def note(self, handshake: Handshake) -> None:
        """Take note of a handshake, whatever became of it."""
        if handshake.outcome != "cut" or handshake.response_packet:
            return
        slot = handshake.slot
        self._places.add(2 * slot + 1 - handshake.client_side)
        if handshake.key is None and handshake.version is None:
            self._drafts.add(slot)
        if not answer_names_websocket(handshake):
            self._unproven.add(slot)

    def forget(self, slot: int) -> None:
        """Forget a connection, which has ended."""
        self._drafts.discard(slot)
        self._unproven.discard(slot)
        self._places -= {2 * slot, 2 * slot + 1}

    def is_draft(self, row: Any, payload: bytes) -> bool:
        """Tell whether the first bytes behind the heads are frames of an older draft.

        Args:
            row: dtype CHUNK.
            payload: its bytes; those of its packet that it lacks were not captured.
        """
        if int(row["direction"]) >> 1 not in self._drafts:
            return False
        return foreign.is_old_draft(payload, max(0, int(row["payload"]) - len(payload)))

    def may_begin_within(self, direction: int, frames: int) -> bool:
        """Tell whether a direction of which `frames` were read may begin with something else.

        Within a frame, or with no frame at all.
        """
        return not frames and (direction in self._places or direction >> 1 in self._unproven)

    def may_be_another(self, row: Any, payload: bytes) -> bool:
        """Tell whether the first bytes behind the heads speak against WebSocket.

        Args:
            row: dtype CHUNK.
            payload: its bytes.
        """
        direction = int(row["direction"])
        if direction >> 1 not in self._unproven:
            return False
        if foreign.recognised(payload, is_final=True) is not None:
            return True
        # The server's may begin within a frame.
        return direction not in self._places and foreign.faults(payload, _CLIENT) > 0


def old_draft(row: Any) -> Finding:
    """Return the finding on a connection of an older draft that its frames show.

    Args:
        row: dtype CHUNK, which begins with one.
    """
    direction = int(row["direction"])
    detail = "its frames begin with 0x00 and end with 0xFF"
    at = (direction >> 1, int(row["packet"]), -1)
    return Finding(findings.WEBSOCKET_OLD_DRAFT, *at, detail, direction=direction)
