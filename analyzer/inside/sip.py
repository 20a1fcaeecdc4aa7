"""SIP over WebSocket.

Sources: RFC 7118 (a message of WebSocket is one of SIP), RFC 3261, 7 (messages), 8.1.3 and 17.1
(responses), RFC 5626, 4.4.1 (CRLF as keep-alive). Knows one connection's messages.
"""

from __future__ import annotations

import re
from typing import Final

from analyzer.inside.item import Item
from analyzer.inside.protocol import (
    ASK,
    HEARTBEAT,
    REPLY,
    REPLY_ERROR,
    STREAM,
    Decoder,
    short,
)
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "sip"

_START: Final = lazy_pattern(
    rb"(?:SIP/2\.0 ([1-6]\d\d) [^\r\n]{0,256}|([A-Z]{1,32}) [^ \r\n]{1,2048} SIP/2\.0)\r\n"
)
_CALL_ID: Final = lazy_pattern(rb"\n(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]{1,256})\r", re.IGNORECASE)
_SEQUENCE: Final = lazy_pattern(rb"\nCSeq[ \t]*:[ \t]*(\d{1,10})[ \t]+([A-Z]{1,32})", re.IGNORECASE)
_HEAD: Final = 65_536
"""Bytes in which the fields are searched for."""


class Sip(Decoder):
    """Reads one connection."""

    inner = INNER

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        if payload in (b"\r\n", b"\r\n\r\n"):
            return [Item(HEARTBEAT)]
        start = _START.match(payload)
        if start is None:
            return None
        end = payload.find(b"\r\n\r\n", 0, _HEAD)
        end = _HEAD if end < 0 else end + 2
        call, sequence = _CALL_ID.search(payload, 0, end), _SEQUENCE.search(payload, 0, end)
        id_, key = None, None
        if call is not None and sequence is not None:
            told = call[1].strip().decode("utf-8", "replace")
            number = sequence[1].decode()
            id_ = short(f"{told} {number}")
            key = (told, number, sequence[2])
        status, method = start.groups()
        if method is not None:
            item = Item("request", method.decode(), id_)
            # ACK is never answered (17.1.1.1).
            if key is not None and method != b"ACK":
                item.role, item.key = ASK, key
            return [item]
        role = STREAM if status[:1] == b"1" else REPLY if status[:1] == b"2" else REPLY_ERROR
        if key is None:
            role = 0
        return [Item("response", status.decode(), None, id_, None, role, key)]


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is a request or response of SIP with its Call-ID."""
    return _START.match(payload) is not None and _CALL_ID.search(payload, 0, _HEAD) is not None
