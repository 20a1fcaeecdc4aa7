"""Kubernetes: exec, attach and port-forward over WebSocket.

Source: k8s.io/apimachinery/pkg/util/remotecommand/constants.go and
k8s.io/apiserver/pkg/util/wsstream: a message's first byte is its channel (in the base64 forms a
digit); from version 5 on 255 closes the channel that the next byte names. Knows one connection's
messages.
"""

from __future__ import annotations

from typing import Final

from analyzer.inside.item import Item
from analyzer.inside.protocol import Decoder, Setting

INNER: Final = "kubernetes"

_CHANNELS: Final = ("stdin", "stdout", "stderr", "error", "resize")
_CLOSE: Final = 255


class Kubernetes(Decoder):
    """Reads one connection."""

    inner = INNER

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._is_base64 = setting.subprotocol.startswith("base64.")

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        if not payload:
            return []
        channel = payload[0] - (0x30 if self._is_base64 else 0)
        if channel == _CLOSE and len(payload) == 2 and payload[1] < len(_CHANNELS):
            return [Item("close", _CHANNELS[payload[1]])]
        if not 0 <= channel < len(_CHANNELS):
            return None
        return [Item(_CHANNELS[channel])]


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Say nothing by messages: only the subprotocol identifies it."""
    return False
