"""Tunnels: protocols of other kinds that WebSocket only carries; they only get a label.

Sources: RFC 6143, 7.1.1 (RFB's ProtocolVersion), RFC 4253, 4.2 (SSH's identification), RFC 8446,
5.1 (TLS records). noVNC, websockify, chisel and wstunnel carry these. Knows first bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from analyzer.inside.item import Decoder, Item, Protocol, Setting
from analyzer.lazy_pattern import lazy_pattern


class Tunnel(Decoder):
    """Takes everything as it is; nothing begins in it that has a name."""

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Say nothing of a message."""
        return []


def _tunnel(
    inner: str, first: re.Pattern[bytes], begins: bytes, subprotocols: str | None = None
) -> Protocol:
    def make(setting: Setting) -> Decoder:
        decoder = Tunnel(setting)
        decoder.inner = inner
        return decoder

    def looks(payload: bytes, sender: int, is_text: bool) -> bool:
        return first.match(payload) is not None

    named: re.Pattern[str] | None = lazy_pattern(subprotocols) if subprotocols else None
    checked: Callable[[bytes, int, bool], bool] = looks
    return Protocol(inner, make, checked, subprotocols=named, begins=begins)


PROTOCOLS: Final = (
    _tunnel("rfb", lazy_pattern(rb"RFB \d{3}\.\d{3}\n"), b"R"),
    _tunnel("ssh", lazy_pattern(rb"SSH-(?:2\.0|1\.99)-[!-~]"), b"S"),
    _tunnel(
        "tls", lazy_pattern(rb"[\x14-\x17]\x03[\0-\x04][\0-\x48].", re.DOTALL), b"\x14\x15\x16\x17"
    ),
    _tunnel("chisel", lazy_pattern(rb"(?!)"), b"S", r"chisel-v\d+"),
)
"""Both sides begin with their versions, so that two messages confirm them."""
