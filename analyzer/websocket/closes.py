"""Close frames as they come: their bodies, and what is odd about them.

Knows RFC 6455 5.5.1 and 7.4. Must not know how connections end. Used by websocket.stage, for each
Close frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analyzer import findings
from analyzer.findings import Finding
from analyzer.websocket.connection import CloseFrame, WebSocketConnection
from analyzer.websocket.opcodes import CloseBody, close_code_name, is_error, parse_close
from analyzer.websocket.overlong import MAX_KEPT

_MOST: Final = 1024
"""Bodies that are remembered; most closes say the same."""
_LONGEST: Final = 125
"""Bytes of a body that is remembered: what a control frame may hold."""


class Closes:
    """Reads bodies, and remembers what they say."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[CloseBody, str]] = {}

    def take(
        self,
        connection: WebSocketConnection,
        frame: tuple[int, int, int, int],
        payload: bytes | None,
    ) -> Sequence[Finding]:
        """Note a Close frame; one whose body was not captured closes as well.

        Args:
            connection: where it was sent.
            frame: its packet_last, time_last, frame and sender.
            payload: its body; None where it was not captured.
        """
        body, error = self._known.get(payload or b"") or self._read(payload or b"")
        packet, time, number, sender = frame
        closes = connection.closes
        is_first = closes[sender] is None
        if is_first:
            known = payload is not None and not body.faults
            closes[sender] = CloseFrame(body.code, body.reason, time, packet, number, known)
        if not body.faults and not error:
            return ()
        at = (connection.slot, packet, number)
        direction = connection.direction(sender)
        detail = "" if body.code is None else str(body.code)
        found = [Finding(fault, *at, detail, 1, direction) for fault in body.faults]
        if is_first and error and not closes[1 - sender]:
            found.append(Finding(findings.WEBSOCKET_CLOSE_ERROR, *at, error, 1, direction))
        return found

    def _read(self, payload: bytes) -> tuple[CloseBody, str]:
        """Return what a body says, and the error that its code stands for; "": none."""
        body, error = parse_close(payload, is_whole=len(payload) < MAX_KEPT), ""
        if body.code is not None and is_error(body.code):
            error = f"{body.code} ({close_code_name(body.code)})"
        if len(payload) <= _LONGEST:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[payload] = body, error
        return body, error
