"""What is known of JSON without reading it: names by which any is told apart, how it may begin.

Knows bytes alone. Used by inside.any_json, by its entry in inside.registry, by inside.talk and the
quick way.
"""

from __future__ import annotations

from typing import Final

from analyzer.inside.protocol import HEARTBEAT

KEYS: Final = (
    *("type", "event", "action", "op", "method", "msg", "cmd", "command", "e", "kind"),
    *("messageType", "message_type", "eventType", "event_type", "requestType", "topic"),
    *("channel", "stream", "table", "ch", "janus", "ev", "T", "t"),
)
"""Asked for in this order; of one with too many values the next is taken."""
CHANGES: Final = frozenset({"update", "snapshot", "delta", "partial", "insert", "delete", "data"})
"""What feeds say of a change; the channel, if they name one, says of what."""
CHANNELS: Final = ("topic", "channel", "stream", "table", "ch")
IDS: Final = ("id", "requestId", "request_id", "req_id", "transaction")
"""What may pair a message with its answer, in the order in which they are asked for."""
BEATS: Final = frozenset({b"ping", b"pong", b"PING", b"PONG"})
"""Whole messages that are heartbeats."""
BEAT_NAMES: Final = frozenset({"ping", "pong", "PING", "PONG", "heartbeat", "hb"})
"""Names of others that are."""
_MARK: Final = b"\xef\xbb\xbf"
"""A byte order mark: senders must not write one, readers may ignore it (RFC 8259 8.1)."""


def trimmed(payload: bytes) -> bytes:
    """Return an array or object without white space before it (RFC 8259 2); else what it was."""
    if payload[:1] > b" " and payload[:1] != _MARK[:1]:
        return payload
    rest = payload.removeprefix(_MARK).lstrip(b" \t\r\n")
    return rest if rest[:1] in (b"{", b"[") else payload


def kind_of(name: str | None) -> str:
    """Return the kind of a message by its name."""
    return HEARTBEAT if name in BEAT_NAMES else "json"
