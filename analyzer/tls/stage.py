"""The tls stage: byte streams -> sessions, and the rows of what is inside them.

Recognises TLS where a stream begins with a hello, on any port. Where there are keys, rows of
records become rows of their plaintext (tls.unwrapping), and later stages do not know;
without, rows pass as they came. Holds the record walk, and one Session per open connection
that is TLS. Called by pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer import findings
from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tcp.bytestream import StreamBatch
from analyzer.tls import hello
from analyzer.tls._records import RecordWalk
from analyzer.tls.guess import websocket_guess
from analyzer.tls.hello import ClientHello, Messages, ServerHello
from analyzer.tls.inside import Unwrapped
from analyzer.tls.keylog import KeyRing
from analyzer.tls.names import TLS_1_3, alert_name, suite_name
from analyzer.tls.preludes import Preludes
from analyzer.tls.records import WALK, Answer
from analyzer.tls.session import Session, Side, State

if TYPE_CHECKING:
    from analyzer.tls.unwrapping import Unwrapper

_WANTED: Final = frozenset((hello.CLIENT_HELLO, hello.SERVER_HELLO, hello.SERVER_KEY_EXCHANGE))
_FIRST: Final = (hello.CLIENT_HELLO, hello.SERVER_HELLO)
_NAMES: Final = ("client", "server")

_CLOSE_NOTIFY: Final = 0

assert WALK.names is not None
_STATE: Final = WALK.names.index("state")
_COPIED: Final = tuple((name, WALK.names.index(name)) for name in Side.__slots__ if name != "state")
"""Fields of a side that are fields of WALK, and where."""


@dataclass(slots=True)
class EndedSession:
    """A session whose connection leaves.

    Attributes:
        session: all that is known of it.
        guess: why it is taken for a WebSocket's; None if it is not.
    """

    session: Session
    guess: str | None


@dataclass(slots=True)
class TlsBatch:
    """What the tls stage hands on.

    Attributes:
        stream: the batch below, with the rows for http.
        ended: sessions of slots that leave with it.
        findings: oddities of TLS; `Finding.slot` says where.
        by_stream: decrypted sessions that were there, by number of their TCP connection: with
            HTTP/2 a WebSocket has its own slot.
    """

    stream: StreamBatch
    ended: list[EndedSession] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    by_stream: Mapping[int, Session] = field(default_factory=dict)


class _Reader:
    """Handshake messages of one direction, until the hello is read."""

    __slots__ = ("behind", "fed", "messages")

    def __init__(self, limit: int) -> None:
        self.messages = Messages(_WANTED, limit)
        self.fed = 0
        self.behind = False
        """Whether messages after a ChangeCipherSpec are still in the clear."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a piece of a handshake message lies: its direction, packet and times (ns)."""

    direction: int
    packet: int
    time: int
    begun: int

    @property
    def slot(self) -> int:
        return self.direction >> 1

    @property
    def side(self) -> int:
        return self.direction & 1


class TlsStage:
    """Follows the sessions of all connections.

    Args:
        options: limits.
        ring: keys; more may come with the batches.
        follower: looks for more keys with each batch; None: nobody does.
    """

    def __init__(
        self,
        options: Options,
        ring: KeyRing | None = None,
        follower: Callable[[], object] | None = None,
    ) -> None:
        self._options = options
        self._ring = KeyRing(options) if ring is None else ring
        self._follower = follower
        self._may_grow = follower is not None
        self._unwrapper: Unwrapper | None = None
        self._limit = options.max_hello_bytes
        self._limit_total = options.max_hello_bytes_total
        self._walk = RecordWalk(options.max_hello_bytes)
        self._preludes = Preludes()
        self._readers: dict[int, _Reader] = {}  # by direction, the oldest first
        self._read: set[int] = set()  # directions that are no longer wanted
        self._held = 0
        self._sessions: dict[int, Session] = {}
        self._by_stream: dict[int, Session] = {}
        self._stale: list[int] = []  # numbers of those that have left
        self._faults: dict[int, list[tuple[int, str]]] = {}  # by slot, (packet, what)
        self._findings: list[Finding] = []
        self._unread = self._fitting = self._first_unread = 0

    def push(self, batch: StreamBatch) -> TlsBatch:
        """Take one batch; return what became complete with it."""
        self._walk.reserve(2 * len(batch.connections))
        data = batch.records.data
        rows = self._preludes.taken(batch.rows, data)
        # The walk learns only after a batch that enough was read, so that how much comes
        # here hangs on the batch; what is made of it does not.
        for packet, time, begun, start, direction, length, behind in self._walk.walk(
            rows, data
        ).tolist():
            if direction not in self._read:
                content = data[start : start + length].tobytes()
                self._take(_Place(direction, packet, time, begun), content, behind)
        for number in self._stale:
            del self._by_stream[number]
        self._stale = []
        out = TlsBatch(self._unwrapped(batch, rows), by_stream=self._by_stream)
        if batch.ended:
            self._end(batch, out)
        out.findings, self._findings = self._findings + out.findings, []
        return out

    # --- what is inside

    @property
    def held_bytes(self) -> int:
        """Bytes that wait for hellos, records or keys, about."""
        return self._held + (self._unwrapper.held if self._unwrapper is not None else 0)

    def _unwrapped(self, batch: StreamBatch, rows: Rows) -> StreamBatch:
        """Return the batch with the rows of what is inside `rows`, as far as there are keys."""
        records = batch.records
        if self._follower is not None:
            self._follower()
        self._may_grow = self._may_grow or records.may_bring_keys
        unwrapper = self._unwrapper
        if unwrapper is None:
            if not self._ring and not self._may_grow:
                return batch
            from analyzer.tls.keeping import source_name

            is_tls = self._walk.is_tls()
            if not is_tls.any():
                for packet, secrets in records.secrets:
                    self._ring.add(secrets, source_name(packet))
                    self._ring.finish(source_name(packet))
                return batch
            # Two kernels, which a capture without TLS or without keys does not need.
            from analyzer.tls.unwrapping import Unwrapper

            unwrapper = self._unwrapper = Unwrapper(self._options, self._ring)
        unwrapper.may_grow = self._may_grow
        rows = unwrapper.push(replace(batch, rows=rows), self._walk.is_tls())
        self._findings += unwrapper.take_findings()
        for slot in unwrapper.take_begun():
            if slot in self._sessions:
                self._sessions[slot].inside = unwrapper.session(slot)
                self._by_stream[batch.connection(slot).tcp_stream] = self._sessions[slot]
        return replace(batch, rows=self._preludes.put_back(rows))

    # --- hellos

    def _take(self, place: _Place, content: bytes, behind: int) -> None:
        """Take bytes of handshake messages."""
        reader = self._readers.get(place.direction)
        if reader is None:
            reader = self._readers[place.direction] = _Reader(self._limit)
        if behind and not reader.behind:
            self._finish(place.direction)
            return
        before = reader.messages.held
        reader.messages.feed(content)
        reader.fed += len(content)
        going_on = self._messages(place, reader)
        if going_on and reader.fed > self._limit:
            self._give_up(place, f"max_hello_bytes ({self._limit} bytes)")
            going_on = False
        if not going_on:
            self._held -= before
            self._drop(place.direction)
            return
        self._held += reader.messages.held - before
        while self._held > self._limit_total:
            oldest = next(iter(self._readers))
            self._give_up(
                _Place(oldest, place.packet, NULL, NULL),
                f"max_hello_bytes_total ({self._limit_total} bytes)",
            )
            self._finish(oldest)

    def _messages(self, place: _Place, reader: _Reader) -> bool:
        """Look at the messages that are complete; return whether more is wanted."""
        while True:
            taken = reader.messages.take()
            if reader.messages.first not in (None, *_FIRST):
                return False
            if taken is Answer.NEED_MORE:
                return True
            if isinstance(taken, Answer):
                self._give_up(place, f"max_hello_bytes ({self._limit} bytes)")
                return False
            if not self._message(place, reader, *taken):
                return False

    def _message(self, place: _Place, reader: _Reader, kind: int, body: bytes) -> bool:
        """Take one message; return whether more is wanted of its direction."""
        if kind == hello.CLIENT_HELLO:
            asked = hello.parse_client_hello(body)
            if isinstance(asked, Answer):
                self._fault(place, "the ClientHello's lengths do not fit")
            else:
                self._client_hello(place, asked)
            return False
        if kind == hello.SERVER_HELLO:
            chosen = hello.parse_server_hello(body)
            if isinstance(chosen, Answer):
                self._fault(place, "the ServerHello's lengths do not fit")
                return False
            return self._server_hello(place, reader, chosen)
        session = self._sessions.get(place.slot)
        if session is None or session.server is None or kind != hello.SERVER_KEY_EXCHANGE:
            return False
        if "_ECDHE_" in suite_name(session.server.cipher_suite):
            session.named_group = hello.parse_key_exchange(body)
        return False

    def _client_hello(self, place: _Place, asked: ClientHello) -> None:
        session = self._sessions.get(place.slot)
        if session is None:
            session = self._sessions[place.slot] = Session(place.slot, place.side)
        elif session.client_side != place.side:
            self._fault(place, "both sides send a ClientHello, or one side both hellos")
            return
        session.client = asked
        session.started_at = place.begun
        session.hello_packet = place.packet

    def _server_hello(self, place: _Place, reader: _Reader, chosen: ServerHello) -> bool:
        session = self._sessions.get(place.slot)
        if session is None:
            session = self._sessions[place.slot] = Session(place.slot, 1 - place.side)
        elif session.client_side == place.side:
            self._fault(place, "both sides send a ClientHello, or one side both hellos")
            return False
        if chosen.is_retry:
            # One is allowed (RFC 8446 4.1.4); what it says of the session counts until the
            # ServerHello does.
            is_first = not session.hello_retry
            session.hello_retry = reader.behind = True
            session.server = chosen
            return is_first
        session.server = chosen
        session.server_hello_time = place.time
        session.server_packet = place.packet
        return chosen.version < TLS_1_3

    def _fault(self, place: _Place, what: str) -> None:
        """Note what is wrong, to be reported if the connection is TLS at all."""
        self._faults.setdefault(place.slot, []).append((place.packet, what))

    def _give_up(self, place: _Place, limit: str) -> None:
        found = Finding(findings.TLS_HELLO_LIMIT, place.slot, place.packet, -1, limit)
        self._findings.append(found)

    def _finish(self, direction: int) -> None:
        """Stop reading a direction."""
        reader = self._readers.get(direction)
        if reader is not None:
            self._held -= reader.messages.held
        self._drop(direction)

    def _drop(self, direction: int) -> None:
        self._readers.pop(direction, None)
        self._read.add(direction)
        self._walk.set_done(direction)

    # --- ending

    def _end(self, batch: StreamBatch, out: TlsBatch) -> None:
        """Hand on the sessions of connections that leave."""
        ended = [slot for slot in batch.ended if slot in self._sessions]
        directions = np.asarray([[2 * slot, 2 * slot + 1] for slot in ended], np.int64).ravel()
        walks = self._walk.take(directions).tolist()
        for place, slot in enumerate(ended):
            session = self._sessions.pop(slot)
            sides = _side(walks[2 * place]), _side(walks[2 * place + 1])
            session.sides = sides if session.client_side == 0 else (sides[1], sides[0])
            session.faults = self._faults.pop(slot, [])
            self._look_inside(session)
            tcp = batch.connection(slot)
            if tcp.tcp_stream in self._by_stream:
                self._stale.append(tcp.tcp_stream)
            guess = None
            if not session.is_decrypted:
                guess = websocket_guess(session, tcp.port0 if session.client_side else tcp.port1)
                self._count_unread(session)
            out.ended.append(EndedSession(session, guess))
            out.findings += _findings(session, guess)
        for slot in batch.ended:
            self._faults.pop(slot, None)
            for direction in (2 * slot, 2 * slot + 1):
                reader = self._readers.pop(direction, None)
                if reader is not None:
                    self._held -= reader.messages.held
                self._read.discard(direction)
            self._preludes.forget(slot)
        self._walk.reset(batch.ended)
        if self._unwrapper is not None:
            for slot in batch.ended:
                self._unwrapper.forget(slot)

    def _count_unread(self, session: Session) -> None:
        """Count a session that has content and could not be read."""
        if session.client is None or session.server is None or not any(session.data_records):
            return
        self._unread += 1
        self._first_unread = self._first_unread or session.hello_packet
        self._fitting += self._ring.lookup(session.client.random) is not None

    def finish(self) -> list[Finding]:
        """Return the findings about keys, at the end of the capture."""
        found = bad_lines(self._ring)
        if self._unread and self._ring:
            sessions = self._ring.sessions
            fit = f"{self._fitting} of them these, but not all secrets, or wrong ones"
            detail = (
                f"{_plural(self._unread, 'TLS session')} could not be read; the key log has "
                f"{_plural(sessions, 'session')}, {fit if self._fitting else 'none of them these'}"
            )
            found.append(
                Finding(
                    findings.TLS_WRONG_KEYS,
                    packet=self._first_unread,
                    detail=detail,
                    count=self._unread,
                )
            )
        return found

    def _look_inside(self, session: Session) -> None:
        """Add to a session that ends what is known only with keys."""
        unwrapper, slot = self._unwrapper, session.slot
        inside = unwrapper.session(slot) if unwrapper is not None else None
        session.inside = inside
        if unwrapper is None or inside is None or not inside.is_open:
            return
        sizes = unwrapper.tls_bytes(slot)
        for side, size in zip(
            session.sides, sizes if not session.client_side else sizes[::-1], strict=True
        ):
            side.tls_bytes = size


def _side(walk: tuple[int, ...]) -> Side:
    """Return what was counted of a direction."""
    state = State(walk[_STATE])
    if state == State.OTHER:
        return Side(state)
    return Side(state, **{name: walk[place] for name, place in _COPIED})


def _findings(session: Session, guess: str | None) -> list[Finding]:
    """Return what is odd about a session that is over."""
    slot, chosen = session.slot, session.server_packet or session.hello_packet
    found = [
        Finding(findings.TLS_MALFORMED, slot, packet, -1, what) for packet, what in session.faults
    ]
    for name, side in zip(_NAMES, session.sides, strict=True):
        if side.fault_packet:
            detail = f"what the {name} sends is no record any more"
            found.append(Finding(findings.TLS_MALFORMED, slot, side.fault_packet, -1, detail))
        elif side.lost_packet and session.inside is None:
            found.append(Finding(findings.TLS_RECORDS_LOST, slot, side.lost_packet))
    if session.inside is not None:
        found += _inner_findings(session, session.inside)
    readable = [side.alert_packet for side in session.sides if side.alert_packet]
    if readable and not any(side.records for side in session.sides):
        detail = session.alert or ""
        found.append(Finding(findings.TLS_ALERT, slot, min(readable), -1, detail))
    if session.weakness is not None:
        detail = session.weakness
        found.append(Finding(findings.TLS_OLD_VERSION, slot, chosen, -1, detail))
    if session.without_forward_secrecy is not None:
        detail = session.without_forward_secrecy
        found.append(Finding(findings.TLS_NO_FORWARD_SECRECY, slot, chosen, -1, detail))
    if guess is not None:
        packet = session.hello_packet or session.server_packet
        found.append(Finding(findings.TLS_NO_KEYS, slot, packet, -1, guess))
    return found


def _inner_findings(session: Session, inside: Unwrapped) -> list[Finding]:
    """Return what is odd about a session of which keys were looked for."""
    slot, decryptor = session.slot, inside.decryptor
    packet = session.server_packet or session.hello_packet
    found: list[Finding] = []
    if decryptor.cannot is not None:
        found.append(Finding(findings.TLS_CANNOT_DECRYPT, slot, packet, -1, decryptor.cannot))
    for side, name in enumerate(_NAMES):
        lost, lost_packet = decryptor.skipped[side], inside.lost_packets[side]
        if lost_packet:
            detail = f"of the {name}, {lost or 'an unknown number of'} records"
            found.append(Finding(findings.TLS_RECORDS_MISSING, slot, lost_packet, -1, detail))
        count = decryptor.failures[side]
        if count:
            detail = f"{count} of the {name}"
            found.append(Finding(findings.TLS_UNREADABLE, slot, packet, -1, detail, count))
        if decryptor.unread[side]:
            detail = f"{decryptor.unread[side]} records of the {name}"
            found.append(Finding(findings.TLS_KEYS_INCOMPLETE, slot, packet, -1, detail))
    for side, _, description in decryptor.alerts:
        if description != _CLOSE_NOTIFY:
            detail = f"{_NAMES[side]}: {alert_name(description)}"
            found.append(Finding(findings.TLS_INNER_ALERT, slot, packet, -1, detail))
    return found


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def bad_lines(ring: KeyRing) -> list[Finding]:
    """Return the findings about lines in key logs that cannot be used."""
    if not ring.bad:
        return []
    told = [f"{each.source} line {each.line}: {each.reason}" for each in ring.bad_lines]
    more = ring.bad - len(told)
    detail = "; ".join(told) + (f"; and {more} more" if more > 0 else "")
    return [Finding(findings.TLS_KEY_LOG_LINES, detail=detail, count=ring.bad)]
