"""The Chrome DevTools Protocol: JSON-RPC without its version member.

Source: Chrome DevTools Protocol, "HTTP Endpoints" and the domains' pages; a command has `id`
and `method`, its answer `id` and `result` or `error`, an event `method` alone. `sessionId` names
the target where several share a connection. Knows one connection's messages.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import NOTHING, decoded, is_given
from analyzer.inside.protocol import ASK, REPLY, REPLY_ERROR, Decoder, short

INNER: Final = "cdp"

_DOMAINS: Final = frozenset(
    {
        *("Accessibility", "Animation", "Audits", "Autofill", "Browser", "CSS", "CacheStorage"),
        *("Cast", "Console", "DOM", "DOMDebugger", "DOMSnapshot", "DOMStorage", "Debugger"),
        *("Emulation", "EventBreakpoints", "Extensions", "FedCm", "Fetch", "HeapProfiler", "IO"),
        *("IndexedDB", "Input", "Inspector", "LayerTree", "Log", "Media", "Memory", "Network"),
        *("Overlay", "Page", "Performance", "PerformanceTimeline", "Preload", "Profiler"),
        *("Runtime", "Schema", "Security", "ServiceWorker", "Storage", "SystemInfo", "Target"),
        *("Tethering", "Tracing", "WebAudio", "WebAuthn", "NodeTracing", "NodeWorker"),
    }
)


class _Head(msgspec.Struct, gc=False):
    id: int | None = None
    method: str | None = None
    sessionId: str | None = None
    error: Raw = NOTHING
    result: Raw = NOTHING
    jsonrpc: Raw = NOTHING


_HEAD: Final = msgspec.json.Decoder(_Head)


class Cdp(Decoder):
    """Reads one connection."""

    inner = INNER

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        head = decoded(_HEAD, payload)
        if head is None:
            return None
        session = short(head.sessionId)
        if head.id is None:
            if head.method is None:
                return None
            return [Item("notification", short(head.method), topic=session)]
        told, key = str(head.id), (head.sessionId, head.id)
        if head.method is not None:
            return [Item("request", short(head.method), told, None, session, ASK, key)]
        if is_given(head.error):
            return [Item("error", None, None, told, session, REPLY_ERROR, key)]
        if bytes(head.result):
            return [Item("response", None, None, told, session, REPLY, key)]
        return None


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message names a method of one of the protocol's domains."""
    head = decoded(_HEAD, payload) if payload[:1] == b"{" else None
    if head is None or head.method is None or bytes(head.jsonrpc):
        return False
    domain, dot, method = head.method.partition(".")
    return bool(dot) and domain in _DOMAINS and method[:1].islower()


def looks_named(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one, where the path names the protocol."""
    return Cdp.take(_ANY, payload, sender, is_text) is not None


_ANY: Final = Cdp.__new__(Cdp)
