"""Tunnels: protocols of other kinds that WebSocket only carries; they only get a label.

Sources: RFC 6143, 7.1.1 (RFB's ProtocolVersion), RFC 4253, 4.2 (SSH's identification), RFC 8446,
5.1 (TLS records). noVNC, websockify, chisel and wstunnel carry these. Knows no bytes: their first
ones are in inside.registry.
"""

from __future__ import annotations

from analyzer.inside.item import Item
from analyzer.inside.protocol import Decoder, Setting


class Tunnel(Decoder):
    """Takes everything as it is; nothing begins in it that has a name.

    Args:
        setting: of the connection.
        inner: which protocol it is.
    """

    def __init__(self, setting: Setting, inner: str) -> None:
        super().__init__(setting)
        self.inner = inner

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Say nothing of a message."""
        return []
