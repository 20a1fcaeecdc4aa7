"""The names stage: DNS messages -> look-ups, each with its retries.

Pairs queries and answers. Holds queries that wait for an answer and look-ups that may go on, both
up to `max_names`. Knows DNS; must not know connections. Called by pipeline with what the packets
stage found on port 53; what it hands on goes to tables.before_connect.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.lazy_dataclass import dataclass, field
from analyzer.names.messages import AAAA, HTTPS, A, Message, parse
from analyzer.options import Options
from analyzer.packets.segments import Datagram

_TYPES = (A, AAAA, HTTPS)

GOES_ON_NS = 1_000_000_000
"""A query this soon after the last answer belongs to the same look-up: A before AAAA, the next
search domain's fallback, a CNAME asked for by itself."""
GIVEN_UP_NS = 60_000_000_000
"""A query after this much silence is another look-up, though the one before had no answer:
resolvers give up after 5 s times a few servers and attempts."""
_MAX_STEPS = 16
"""Queries and answers kept of one look-up."""
_MAX_ADDRESSES = 32
"""Addresses kept of one look-up: clients try the first few."""


@dataclass(slots=True)
class Lookup:
    """What one client did to find the addresses of one name.

    Attributes:
        client: address that asks.
        name: that it asks for.
        queries: (packet, time ns) of each, retries too.
        answers: (packet, time ns, addresses that no answer had before) of each.
        pending: types that were asked for and not answered yet.
        known: types of which addresses are known.
        ids: those of its queries.
    """

    client: str
    name: str
    queries: list[tuple[int, int]] = field(default_factory=list)
    answers: list[tuple[int, int, tuple[str, ...]]] = field(default_factory=list)
    pending: set[int] = field(default_factory=set)
    known: set[int] = field(default_factory=set)
    ids: set[int] = field(default_factory=set)

    @property
    def last_time(self) -> int:
        """Time of its last message in ns."""
        return max([time for _, time in self.queries] + [time for _, time, _ in self.answers])

    def before(self, packet: int) -> tuple[int, int]:
        """Return the times of its first query and last answer before a packet; NULL without."""
        begun = min((time for number, time in self.queries if number < packet), default=NULL)
        answered = [time for number, time, _ in self.answers if number < packet]
        return begun, max(answered, default=NULL)


_Query = tuple[str, int, int, str, int]
"""Client's address and port, id, name and type."""


class NamesStage:
    """Holds the look-ups of all clients.

    Args:
        options: max_names.
    """

    def __init__(self, options: Options) -> None:
        self._limit = options.max_names
        self._waiting: OrderedDict[_Query, Lookup] = OrderedDict()
        self._open: OrderedDict[tuple[str, str], Lookup] = OrderedDict()
        self._forgotten = 0
        self._first_forgotten = NULL

    def finish(self) -> list[Finding]:
        """Return what max_names left out."""
        if not self._forgotten:
            return []
        detail = f"{self._forgotten} queries were forgotten before their answer could come"
        return [Finding(findings.NAMES_LIMIT, packet=self._first_forgotten, detail=detail)]

    def push(self, datagrams: Iterable[Datagram]) -> Sequence[Lookup]:
        """Take DNS messages; return the look-ups that got an answer, each once a batch.

        The same object comes again with its next answer.
        """
        changed: dict[int, Lookup] = {}
        for datagram in datagrams:
            message = parse(datagram.payload)
            if message is None or message.type not in _TYPES or datagram.time == NULL:
                continue
            if message.is_answer:
                lookup = self._answer(datagram, message)
                if lookup is not None:
                    changed[id(lookup)] = lookup
            else:
                self._ask(datagram, message)
        return list(changed.values())

    def _ask(self, datagram: Datagram, message: Message) -> None:
        key = (datagram.source, message.name)
        lookup = self._open.pop(key, None)
        if lookup is None or not self._goes_on(lookup, message, datagram.time):
            lookup = Lookup(*key)
        self._open[key] = lookup
        lookup.pending.add(message.type)
        if len(lookup.ids) < _MAX_STEPS:
            lookup.ids.add(message.id)
        if len(lookup.queries) < _MAX_STEPS:
            lookup.queries.append((datagram.packet, datagram.time))
        query = (*(datagram.source, datagram.source_port, message.id), message.name, message.type)
        # A query sent again from the same port with the same id is still the first one.
        self._waiting.setdefault(query, lookup)
        if len(self._open) > self._limit:
            self._open.popitem(last=False)
        if len(self._waiting) > self._limit:
            _, oldest = self._waiting.popitem(last=False)
            self._note_forgotten(oldest, datagram)

    def _note_forgotten(self, lookup: Lookup, now: Datagram) -> None:
        """Count a query whose answer could still come."""
        if now.time - lookup.last_time <= GIVEN_UP_NS:
            self._forgotten += 1
            if self._first_forgotten == NULL:
                self._first_forgotten = now.packet

    def _goes_on(self, lookup: Lookup, message: Message, now: int) -> bool:
        if message.type in lookup.known and message.id not in lookup.ids:
            # Who has the addresses asks no more: that is for another connection. Some ask for both
            # families again, with the same ids, where one had no answer.
            return False
        return now - lookup.last_time <= (GIVEN_UP_NS if lookup.pending else GOES_ON_NS)

    def _answer(self, datagram: Datagram, message: Message) -> Lookup | None:
        to = (datagram.destination, datagram.destination_port, message.id)
        lookup = self._waiting.pop((*to, message.name, message.type), None)
        if lookup is None:
            return None
        lookup.pending.discard(message.type)
        if message.addresses:
            lookup.known.add(message.type)
        if len(lookup.answers) < _MAX_STEPS:
            before = {each for _, _, found in lookup.answers for each in found}
            new = [each for each in dict.fromkeys(message.addresses) if each not in before]
            addresses = tuple(new[: _MAX_ADDRESSES - len(before)])
            lookup.answers.append((datagram.packet, datagram.time, addresses))
        return lookup
