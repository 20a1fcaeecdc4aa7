"""What went before a connect: the look-up of its name, and attempts at other addresses.

Knows look-ups (names.stage), and the SYNs of all TCP connections. Used by tables.build, which
passes it both and asks it about each handshake.

Two addresses are one name's by the answers of DNS, or if both are loopback and the port is the
same: `localhost` is ::1 first and 127.0.0.1 then, and no resolver is asked. All is judged by packet
and time of the handshake's SYN, so that what came later changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from functools import lru_cache

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple
from analyzer.names.stage import Lookup
from analyzer.options import Options
from analyzer.packets.segments import address_text
from analyzer.tcp.bytestream import Connection, StreamBatch

USED_NS = 1_000_000_000
"""A look-up counts for connects that begin this soon after its answer: later ones had the
addresses from a cache."""
TRIED_NS = 150_000_000_000
"""How far back attempts are looked for: Linux gives a connect up after 127 s."""
_LOOKUPS_OF_A_NAME = 8
_CONNECTS_OF_A_SERVER = 16
"""What is kept of a name and of a server: a client that retries has its last tries there."""
_STEPS = 64
"""Failed connects kept that led to one: names have fewer addresses."""
_address = lru_cache(maxsize=65_536)(address_text)


@dataclass(slots=True)
class _Connect:
    """One TCP connect; `slot` is -1 when it has ended. Times ns.

    `before` has the failed ones that led to it, with their servers; `is_followed`: it led to one.
    """

    slot: int
    client: str
    packet: int
    syn: int
    server: str
    answered: int = NULL
    tcp_stream: int = -1
    before: list[_Connect] = field(default_factory=list)
    is_followed: bool = False


@dataclass(slots=True)
class _Found:
    """Look-ups that had found a connection's server, and unanswered connects by their server."""

    lookups: list[Lookup]
    tried: list[_Connect]


class Before(NamedTuple):
    """What went before a handshake. Times ns, NULL where not seen.

    Attributes:
        dns: time that the look-up took.
        attempts: connects to other addresses of the same name that had not been answered when
            this one began; NULL if its SYN was not captured.
        tried: from the first of them to this one.
        begun: the first query, or the first of these connects; NULL if neither was seen.
    """

    dns: int = NULL
    attempts: int = NULL
    tried: int = NULL
    begun: int = NULL


class BeforeConnect:
    """Holds recent look-ups by name, recent connects by server, and what open connections had.

    Args:
        options: max_names, max_connect_attempts.
    """

    def __init__(self, options: Options) -> None:
        self._max_names = options.max_names
        self._max_connects = options.max_connect_attempts
        self._names: OrderedDict[str, deque[Lookup]] = OrderedDict()
        self._kept = 0  # look-ups of all names
        self._addresses: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._connects: OrderedDict[tuple[str, int], deque[_Connect]] = OrderedDict()
        self._by_stream: dict[int, _Connect] = {}  # those of them that are open
        self._loopback: dict[int, set[str]] = {}  # servers by port
        self._forgotten = 0
        self._told = -1  # packet of the last answer noted
        self._found: dict[int, _Found] = {}  # by tcp_stream, where there is anything

    def push(self, lookups: Iterable[Lookup], stream: StreamBatch) -> None:
        """Note the look-ups that were answered, and the connects of a batch, in their order."""
        told = self._news(lookups)
        at = 0
        for slot in stream.opened:
            tcp = stream.connection(slot)
            if tcp.syn_time == NULL:
                continue
            # What is kept of a name is little: later look-ups must not take the room of those
            # that this connect had.
            while at < len(told) and told[at][0] < tcp.first_packet:
                self._note(*told[at][1:])
                at += 1
            self._connect(slot, tcp, stream)
        for _, lookup, addresses in told[at:]:
            self._note(lookup, addresses)
        for slot in stream.ended:
            tcp = stream.connection(slot)
            connect = self._by_stream.pop(tcp.tcp_stream, None)
            if connect is not None:
                connect.answered, connect.slot = tcp.synack_time, -1

    def forget(self, stream: StreamBatch) -> None:
        """Forget the connections that left with a batch, whose rows were made."""
        if self._found:
            for slot in stream.ended:
                self._found.pop(stream.connection(slot).tcp_stream, None)

    def _news(self, lookups: Iterable[Lookup]) -> list[tuple[int, Lookup, tuple[str, ...]]]:
        """Return answers that are new, by their packets, with their look-ups and addresses."""
        told = [
            (packet, lookup, addresses)
            for lookup in lookups
            for packet, _, addresses in lookup.answers
            if packet > self._told
        ]
        told.sort(key=lambda each: each[0])
        self._told = told[-1][0] if told else self._told
        return told

    def finish(self) -> list[Finding]:
        """Return what max_names left out."""
        if not self._forgotten:
            return []
        detail = f"{self._forgotten} names were forgotten before a connect could follow"
        return [Finding(findings.NAMES_LIMIT, detail=detail)]

    def _connect(self, slot: int, tcp: Connection, stream: StreamBatch) -> None:
        client = _address(tcp.high0, tcp.low0, tcp.version)
        server = _address(tcp.high1, tcp.low1, tcp.version)
        made = _Connect(slot, client, tcp.first_packet, tcp.syn_time, server)
        lookups = [
            lookup
            for name in self._addresses.get(server, ())
            for lookup in self._names.get(name, ())
            if server in _answered(lookup, tcp.first_packet) and _may_be_one(lookup.client, client)
        ]
        others = {each for one in lookups for each in _answered(one, tcp.first_packet)}
        if _is_loopback(server):
            others |= self._loopback.get(tcp.port1, set())
        made.before = self._tried(made, others - {server}, tcp.port1, stream)
        if lookups or made.before:
            self._found[tcp.tcp_stream] = _Found(lookups, list(made.before))
        self._keep(made, server, tcp)

    def _tried(
        self, made: _Connect, others: Iterable[str], port: int, stream: StreamBatch
    ) -> list[_Connect]:
        """Return the connects that failed before one, the last first.

        A client tries each address of a name once and goes on to the next (RFC 8305 5): each
        failed connect leads to one other, the oldest that nothing followed first, since several
        may try side by side. One that led here by the same address was a round before.
        """
        heads = [
            each
            for other in others
            for each in self._connects.get((other, port), ())
            if not each.is_followed
            and _may_be_one(each.client, made.client)
            and _was_open(each, made, stream)
            and all(one.server != made.server for one in each.before)
        ]
        if not heads:
            return []
        head = min(heads, key=lambda each: each.packet)
        head.is_followed = True
        before, head.before = head.before, []
        return [head, *(one for one in before if _was_open(one, made, stream))][:_STEPS]

    def _keep(self, made: _Connect, server: str, tcp: Connection) -> None:
        key = server, tcp.port1
        held = self._connects.pop(key, None)
        held = deque(maxlen=_CONNECTS_OF_A_SERVER) if held is None else held
        if len(held) == held.maxlen:
            self._drop(held[0])
        made.tcp_stream = tcp.tcp_stream
        held.append(made)
        self._connects[key] = held
        self._by_stream[tcp.tcp_stream] = made
        if _is_loopback(server) and len(self._loopback) < self._max_connects:
            servers = self._loopback.setdefault(tcp.port1, set())
            if len(servers) < _CONNECTS_OF_A_SERVER:
                servers.add(server)
        if len(self._connects) > self._max_connects:
            _, dropped = self._connects.popitem(last=False)
            for each in dropped:
                self._drop(each)

    def _drop(self, connect: _Connect) -> None:
        """Look no more at what becomes of a connect: its slot will be another's."""
        self._by_stream.pop(connect.tcp_stream, None)
        connect.slot = -1

    def _note(self, lookup: Lookup, addresses: Iterable[str]) -> None:
        held = self._names.pop(lookup.name, None)
        held = deque(maxlen=_LOOKUPS_OF_A_NAME) if held is None else held
        if not any(each is lookup for each in held):
            self._kept += len(held) < _LOOKUPS_OF_A_NAME
            held.append(lookup)
        self._names[lookup.name] = held
        for address in addresses:
            names = self._addresses.pop(address, OrderedDict())
            names[lookup.name] = None
            if len(names) > _LOOKUPS_OF_A_NAME:
                names.popitem(last=False)
            self._addresses[address] = names
        while self._kept > self._max_names:
            _, dropped = self._names.popitem(last=False)
            self._kept -= len(dropped)
            if dropped[-1].last_time + USED_NS > lookup.last_time:
                self._forgotten += 1
        while len(self._addresses) > self._max_names:
            self._addresses.popitem(last=False)

    def of(self, tcp: Connection, host: str | None) -> Before:
        """Return what went before the connect of a TCP connection.

        Args:
            tcp: its CONNECTION row.
            host: name that the handshake asks for, maybe with a port; None: not known.
        """
        if tcp.syn_time == NULL:
            return Before()
        found = self._found.get(tcp.tcp_stream)
        if found is None:
            return Before(attempts=0, begun=tcp.syn_time)
        name = _name_of(host)
        lookups = [each for each in found.lookups if name is None or each.name == name]
        same = {each for one in lookups for each in _answered(one, tcp.first_packet)}
        tried = [each for each in found.tried if each.server in same or _is_loopback(each.server)]
        first = min((each.syn for each in tried), default=tcp.syn_time)
        packet = min((each.packet for each in tried), default=tcp.first_packet)
        client = _address(tcp.high0, tcp.low0, tcp.version)
        dns, asked = _looked_up(lookups, client, packet, first)
        return Before(
            dns=dns,
            attempts=len(tried),
            tried=tcp.syn_time - first if tried else NULL,
            begun=first if asked == NULL else min(asked, first),
        )


def _was_open(each: _Connect, made: _Connect, stream: StreamBatch) -> bool:
    """Tell whether a connect had been begun, and not answered, when another one began."""
    if each.packet >= made.packet or not 0 <= made.syn - each.syn <= TRIED_NS:
        return False
    answered = each.answered
    if each.slot >= 0:
        answered = stream.connection(each.slot).synack_time
    return answered == NULL or answered > made.syn


def _looked_up(lookups: Sequence[Lookup], client: str, packet: int, first: int) -> tuple[int, int]:
    """Return how long the look-up before a connect took, and when it began; NULL without one.

    Args:
        lookups: of the name.
        client: address of the client.
        packet: SYN of the first connect.
        first: time of that, in ns.
    """
    best = NULL, NULL
    for lookup in lookups:
        if not _may_be_one(lookup.client, client):
            continue
        begun, answered = lookup.before(packet)
        if NULL in (begun, answered) or not 0 <= first - answered <= USED_NS:
            continue
        if begun > best[1]:
            best = answered - begun, begun
    return best


def _answered(lookup: Lookup, packet: int) -> set[str]:
    """Return the addresses that a look-up had found before a packet."""
    return {each for number, _, found in lookup.answers if number < packet for each in found}


def _name_of(host: str | None) -> str | None:
    """Return the name in a Host field, in lower case and without its port or last dot."""
    if not host or host.startswith("["):
        return None
    return host.partition(":")[0].rstrip(".").lower()


def _may_be_one(one: str, other: str) -> bool:
    """Tell whether two addresses may be one machine's: equal, of two families, or loopback.

    A resolver of the machine itself is asked over loopback, and a name server over IPv4 for IPv6.
    """
    return one == other or (":" in one) != (":" in other) or _is_loopback(one)


@lru_cache(maxsize=65_536)
def _is_loopback(address: str) -> bool:
    if ":" not in address:
        return address.startswith("127.")
    import ipaddress

    return ipaddress.ip_address(address).is_loopback
