"""Items: what one message of an inner protocol says.

A message may hold several items (a batch of JSON-RPC, packets of MQTT), or none that begins
in it. Knows no protocol. Used by all decoders, and by inside.talk, which pairs items.
"""

from __future__ import annotations

from collections.abc import Hashable

import msgspec


class Item(msgspec.Struct, gc=False):
    """One thing said.

    Attributes:
        kind: what it is, in the protocol's words; see docs/inside.md.
        name: method, event or topic; None where there is none, or it is that of the request.
        id: by which it may be answered.
        reply_to: id of what it answers.
        topic: what it is published to, or its namespace or channel.
        role: ASK to ASK_OPEN; NO_CALL.
        key: what a call and its answer have in common, in one connection.
        also: a second call that it is part of: role and key.
        spread: PUBLISH to DELIVER_MAYBE; 0 where it is neither.
        spread_topic: the topic of that, where it is not `topic`.
        body: what a publication and its deliveries have in common; None: not known.
    """

    kind: str
    name: str | None = None
    id: str | None = None
    reply_to: str | None = None
    topic: str | None = None
    role: int = 0  # NO_CALL
    key: Hashable = None
    also: tuple[int, Hashable] | None = None
    spread: int = 0
    spread_topic: str | None = None
    body: bytes | None = None
