"""One made capture with what must be said of it, and short ways to make frames for it.

Used by peers and peers_tcp, which hold the cases.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conversation import frame

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
KEYS = random.Random(6455)
"""Gives each client frame its masking key; seeded anew before cases are made."""
Messages = dict[str, list[tuple[str, bytes | None]]]


@dataclass
class Case:
    """A capture, what it shows and what must be said of it."""

    description: str
    pcap: bytes
    messages: Messages | None = None
    findings: tuple[str, ...] = ()
    expected: dict[str, Any] = field(default_factory=dict)


MAKERS: dict[str, Callable[[], Case]] = {}


def case(maker: Callable[[], Case]) -> Callable[[], Case]:
    """Add a maker under its own name."""
    MAKERS[maker.__name__] = maker
    return maker


def c(opcode: int, payload: bytes = b"", **options: Any) -> bytes:
    """A client's frame, with a masking key of its own (RFC 6455, 5.3)."""
    return frame(opcode, payload, key=KEYS.randbytes(4), **options)


def s(opcode: int, payload: bytes = b"", **options: Any) -> bytes:
    return frame(opcode, payload, **options)


def texts(client: list[bytes], server: list[bytes]) -> Messages:
    return {"client": [("text", p) for p in client], "server": [("text", p) for p in server]}
