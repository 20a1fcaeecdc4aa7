"""Sessions: conversations over plain HTTP, by the name that their transport gives them.

Engine.IO may go on over WebSocket under the same name (engine.io-protocol, "Upgrade"): then the
connection takes up the same conversation. Knows names and servers; must not know what is said.
Used by inside.stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analyzer.columns import NULL
from analyzer.http.delivery.callers import ENGINE_IO, SOCKJS
from analyzer.http.delivery.carried import Carried
from analyzer.http.exchanges import Handshake
from analyzer.inside.crossing import Server
from analyzer.inside.protocol import Setting
from analyzer.inside.recognition import Recogniser
from analyzer.inside.registry import ENGINE_IO_BY_PATH, ENGINE_IO_PATH, GENERIC, JOINED, PROTOCOLS
from analyzer.inside.registry import SOCKJS as BY_SOCKJS
from analyzer.inside.talk import SPEAKS, Shared, Talk
from analyzer.lazy_pattern import lazy_pattern
from analyzer.options import Options
from analyzer.tcp.bytestream import Connection

_SID: Final = lazy_pattern(r"[^?#]*\?(?:[^#]*&)?sid=([^&#]+)", needs="sid=")
_FIRST: Final = -2
"""Sessions are numbered downwards from here: -1 is no connection, 0 the first of WebSocket."""

Key = tuple[Server, str, str]


class Sessions:
    """Those that are remembered, the one used longest ago first.

    Attributes:
        limited: one was let go because there are too many.
    """

    def __init__(self, options: Options, shared: Shared) -> None:
        self._options = options
        self._shared = shared
        self._talks: dict[Key, Talk] = {}
        self._next = _FIRST
        self._astray: dict[Server, list[int]] = {}
        self.limited = False

    def __len__(self) -> int:
        return len(self._talks)

    def __iter__(self) -> Iterator[Talk]:
        return iter(self._talks.values())

    def astray(self, carried: Carried) -> None:
        """Note that something came from a server that may be of any of its sessions."""
        self._astray_of(server_of(carried.tcp, carried.client_side))[0] = carried.packet_last

    def _astray_of(self, server: Server) -> list[int]:
        """Return the last such packet, in a list that the books of the server's sessions have."""
        found = self._astray.get(server)
        if found is None:
            found = self._astray[server] = [-1]
            if len(self._astray) > self._options.max_inside_sessions:
                del self._astray[next(iter(self._astray))]
        return found

    def take(self, carried: Carried) -> tuple[Talk, Talk | None]:
        """Return the conversation that something is said in, and one that is let go for it."""
        server = server_of(carried.tcp, carried.client_side)
        key = (server, carried.transport, carried.session)
        talk = self._talks.pop(key, None)
        gone = None
        if talk is None:
            talk = self._begin(server, carried)
            if len(self._talks) >= self._options.max_inside_sessions:
                gone = self._talks.pop(next(iter(self._talks)))
                self.limited = True
        self._talks[key] = talk
        if talk.session == NULL and carried.group >= 0:
            talk.session = carried.group
        return talk, gone

    def _begin(self, server: Server, carried: Carried) -> Talk:
        setting = Setting("", carried.path, self._options.max_inside_bytes)
        talk = Talk.begin(self._shared, self._next, server, setting, recogniser_of(setting))
        talk.since = carried.time_last
        talk.deaf = True
        talk.book.astray = self._astray_of(server)
        self._next -= 1
        # The target names the transport, and the body was cut by its rules.
        if carried.transport == SOCKJS:
            talk.wrap(BY_SOCKJS)
        else:
            talk.speak(ENGINE_IO_BY_PATH)
        return talk

    def upgraded(self, server: Server, path: str) -> Talk | None:
        """Return the conversation that a WebSocket connection goes on with; None if it has none."""
        session = session_of(path)
        if session is None:
            return None
        talk = self._talks.get((server, ENGINE_IO, session))
        if talk is None or talk.state != SPEAKS or talk.connection >= 0:
            return None
        return talk

    def finish(self) -> list[Talk]:
        """Return all: the capture has ended."""
        talks, self._talks = self._talks, {}
        return list(talks.values())


def setting_of(handshake: Handshake | None, options: Options) -> Setting:
    """Return what is known of a connection; None: its handshake was not captured."""
    if handshake is None:
        return Setting(max_bytes=options.max_inside_bytes, joined=True)
    name = (handshake.subprotocol or "").strip().lower()
    return Setting(name, handshake.path or "", options.max_inside_bytes)


def recogniser_of(setting: Setting) -> Recogniser:
    """Return what recognises the protocol of a connection or session."""
    return Recogniser(setting, JOINED if setting.joined else PROTOCOLS, GENERIC)


def session_of(path: str) -> str | None:
    """Return the session of Engine.IO that an upgrade's target names; None: none."""
    named = _SID.match(path)
    return None if named is None or not ENGINE_IO_PATH.match(path) else named[1]


def server_of(tcp: Connection, client_side: int) -> Server:
    """Return address and port of a server."""
    if client_side:
        return (tcp.high0, tcp.low0, tcp.port0)
    return (tcp.high1, tcp.low1, tcp.port1)
