"""Calls: requests that ask an application and are answered, and what they would say in messages.

Knows exchanges. Must not know sessions. Used by alternatives.sessions, and by the pipeline for
what is worth keeping of bodies.
"""

from __future__ import annotations

from typing import Final

from analyzer.alternatives.heads import role_of
from analyzer.columns import NULL
from analyzer.http.exchanges import Exchange

KIND_TRANSPORTS: Final = {
    "poll": "short-poll",
    "long-poll": "long-poll",
    "stream": "stream",
    "sse": "sse",
    "call": "request",
}
_MARKUP: Final = ("text/html", "application/xhtml")
_CALL_ROLES: Final = ("post", "plain")

Said = tuple[int, bytes | None]
"""The size of a message, and its payload where it was kept."""


def is_call(exchange: Exchange) -> bool:
    """Return whether an exchange asks an application and is answered: no page, no part of one."""
    if exchange.kind != "plain" or exchange.transport or role_of(exchange) not in _CALL_ROLES:
        return False
    return not (exchange.content_type or "").lower().startswith(_MARKUP)


def is_compared(exchange: Exchange) -> bool:
    """Return whether an exchange, its kind known, may be part of a session or service."""
    delivers = exchange.group >= 0 and exchange.kind in KIND_TRANSPORTS
    return delivers or bool(exchange.sent) or bool(exchange.transport) or is_call(exchange)


def call_messages(exchange: Exchange) -> tuple[Said, Said]:
    """Return the messages that would ask and answer the same.

    What a request without a body asks for is in its target. Bodies count with their coding undone.
    """
    asked: Said = (
        sum(exchange.sent) or exchange.request_body_bytes,
        next(iter(exchange.asked), None),
    )
    if not asked[0]:
        path = (exchange.path or "").encode()
        asked = len(path), path
    given = exchange.response_body_bytes
    if exchange.content_bytes != NULL and (exchange.piecemeal or exchange.coded):
        # Without chunk framing.
        given = exchange.content_bytes
    return asked, (given, exchange.body)
