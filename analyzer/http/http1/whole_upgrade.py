"""The usual opening: a whole upgrade request in one row, its whole 101 in another.

A shorter way to what http.http1.conversation finds, and nothing but that: whatever is not as
usual goes there, with the state in which it would be. The heads of one client program differ in
the key and in cookies, those of one server in the accept value and the date. So a head without
these values is parsed and judged once; of each connection they are filled in, and the accept
value is checked. Profiled at 20,000 connections: that takes a third of the time of judging each
head. Knows heads and rows; must not know frames. Called by http.stage.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any, Final

from analyzer.http import pairing
from analyzer.http.collector import Results
from analyzer.http.exchanges import Handshake
from analyzer.http.handover import DIRECTION, KIND, OFFSET, PACKET, SPAN, TIME, Piece, Row
from analyzer.http.head import Head, Malformed, head_end, parse_head
from analyzer.http.upgrade import (
    Checks,
    accept_for,
    check_request,
    check_switch,
    draft_of_request,
    fill_request,
    fill_response,
    has_token,
    is_attempt,
    is_key,
)
from analyzer.named_tuple import NamedTuple
from analyzer.tcp.bytestream import DATA, DUPLICATE, FRAMING, GOES_ON, PURE, RETRANSMISSION, TWICE

_REQUEST: Final = ("Sec-WebSocket-Key", "Cookie")
_ANSWER: Final = ("Sec-WebSocket-Accept", "Date")
"""Fields whose values are left out of templates: in base64, which must be there, and a text."""
_MARKS: Final[dict[tuple[str, ...], tuple[bytes, ...]]] = {
    names: tuple(b"\n%b: " % name.encode() for name in names) for names in (_REQUEST, _ANSWER)
}
_MAX_HEAD: Final = 4096
"""Longer ones are rare, and would fill the cache."""
_MAX_TEMPLATES: Final = 512
_MAX_PAIRS: Final = 8
"""Answers kept by each request: more than usual servers give, and little memory however many an
attacker gives, since each keeps its template."""
_SAMPLE: Final = "dGhlIHNhbXBsZSBub25jZQ=="
"""A key to judge a template with (RFC 6455 1.3)."""

NO_PAYLOAD: Final = frozenset((RETRANSMISSION, PURE, DUPLICATE, FRAMING, TWICE, GOES_ON))
"""Rows that change nothing between a request and its answer."""

_PLACE: Final = {name: place for place, name in enumerate(Handshake.__slots__)}
_SLOT, _CLIENT, _NUMBER, _KEY, _ACCEPT, _DOUBTS, _ALIKE = (
    _PLACE[name] for name in ("slot", "client_side", "number", "key", "accept", "doubts", "alike")
)
_ASKED_BYTES, _ASKED_FIRST, _ASKED_LAST, _ASKED_PACKET, _ASKED = (
    _PLACE[f"request_{name}"] for name in ("bytes", "first_time", "last_time", "packet", "header")
)
_GIVEN_BYTES, _GIVEN_FIRST, _GIVEN_LAST, _GIVEN_PACKET, _GIVEN = (
    _PLACE[f"response_{name}"] for name in ("bytes", "first_time", "last_time", "packet", "header")
)
_numbers = itertools.count()


class _Template:
    """A head without the values of some fields.

    Attributes:
        head: with those fields empty.
        usual: of a request, the values of a Handshake that asks so and does nothing wrong; None:
            it may have done. Of an answer None.
        pairs: the same by answer, with that answer.
    """

    __slots__ = ("_holes", "head", "pairs", "usual")

    def __init__(self, head: Head, names: tuple[str, ...]) -> None:
        self.head = head
        self.usual: list[Any] | None = None
        self.pairs: dict[_Template, list[Any] | None] = {}
        sent = [name for name, _ in head.fields]
        self._holes = [(sent.index(name), name) for name in names if name in sent]

    def fields(self, texts: list[str]) -> tuple[tuple[str, str], ...]:
        """Return the fields, with `texts` in the places of those that are empty."""
        fields = list(self.head.fields)
        for (place, name), text in zip(self._holes, texts, strict=True):
            fields[place] = (name, text)
        return tuple(fields)

    def filled(self, texts: list[str], size: int) -> Head:
        """Return a head of `size` bytes."""
        head = self.head
        values = dict(head.values)
        for (_, name), text in zip(self._holes, texts, strict=True):
            values[name.lower()] = text
        shown = head.method, head.target, head.version, head.status, head.reason
        return Head(*shown, self.fields(texts), values, (), 0, size, ())

    def sample(self, text: str) -> Head:
        """Return a head with this text where base64 must be."""
        return self.filled([text, *[""] * (len(self._holes) - 1)], 0)


class _Found(NamedTuple):
    """A head that fits a template: that, its values, its size."""

    template: _Template
    texts: list[str]
    size: int

    @property
    def head(self) -> Head:
        """The head as parsed."""
        return self.template.filled(self.texts, self.size)


@lru_cache(maxsize=_MAX_TEMPLATES)
def _template(data: bytes, names: tuple[str, ...]) -> _Template | None:
    head = parse_head(data, 0, len(data))
    if isinstance(head, Malformed) or head.faults or len(head.values) != len(head.fields):
        return None
    made = _Template(head, names)
    if names is _REQUEST:
        made.usual = _usual_request(made.sample(_SAMPLE))
    return made


def _read(data: bytes, end: int, names: tuple[str, ...]) -> _Found | None:
    """Find the template of a head; None where the values that it leaves out are unusual."""
    frame = data[:end]
    texts: list[str] = []
    for mark in _MARKS[names]:
        before, found, rest = frame.partition(mark)
        if not found:
            if not texts:
                return None
            continue
        value, line_end, after = rest.partition(b"\r\n")
        # Without a line after it, or with one that continues it, the field is unusual.
        if not line_end or after[:1] in (b" ", b"\t", b"") or not value.isascii():
            return None
        text = value.decode("ascii")
        if not texts:
            if not value.isalnum() and not value.translate(None, b"+/=").isalnum():
                return None
        elif not text.isprintable() or text != text.strip(" "):
            return None
        texts.append(text)
        frame = b"%b%b\r\n%b" % (before, mark, after)
    template = _template(frame, names)
    return None if template is None else _Found(template, texts, end)


# --- judged once


def _usual_request(head: Head) -> list[Any] | None:
    """Return the values of a Handshake that asks with a head; None if the head is at fault."""
    values = head.values
    if head.version != "1.1" or not is_attempt(head) or draft_of_request(head):
        return None
    if "transfer-encoding" in values or "content-length" in values:
        return None
    checks = Checks([], 0, 1)
    check_request(head, checks)
    if checks.kinds:
        return None
    made = Handshake(0, 0, request_packet=1)
    fill_request(made, head)
    return [getattr(made, name) for name in Handshake.__slots__]


def _pair(asked: _Template, given: _Template) -> list[Any] | None:
    """Return the values of a Handshake that asks and is accepted; None where anything is odd."""
    if given in asked.pairs:
        return asked.pairs[given]
    if len(asked.pairs) >= _MAX_PAIRS:
        asked.pairs.clear()
    found: list[Any] | None = None
    assert asked.usual is not None
    made = Handshake(*asked.usual)
    head = given.sample(accept_for(_SAMPLE))
    if head.status == 101 and has_token(head.values.get("upgrade", ""), "websocket"):
        fill_response(made, head)
        checks = Checks([], 0, 1)
        check_switch(made, head, checks)
        if made.outcome == "accepted" and not checks.kinds:
            made.alike = next(_numbers)
            found = [getattr(made, name) for name in Handshake.__slots__]
    asked.pairs[given] = found
    return found


# --- each connection


class Opening:
    """A connection of which an upgrade request is all that was read.

    Args:
        slot: of the connection.
        number: of the attempt.
        found: the request.
        row: with the request.
        handshake: the attempt, where it was judged.

    Attributes:
        seen: stream offset after the request.
        client: side of the client.
    """

    __slots__ = ("_handshake", "_number", "_packet", "_slot", "_time", "client", "found", "seen")

    def __init__(
        self, slot: int, number: int, found: _Found, row: Row, handshake: Handshake | None
    ) -> None:
        self._slot, self._number, self._handshake = slot, number, handshake
        self._time, self._packet = row[TIME], row[PACKET]
        self.found = found
        self.client = row[DIRECTION] & 1
        self.seen = row[OFFSET] + row[SPAN]

    @property
    def is_judged(self) -> bool:
        """Whether the attempt is more than its template says."""
        return self._handshake is not None

    @property
    def key(self) -> str:
        """Sec-WebSocket-Key of the request."""
        return self.found.texts[0]

    @property
    def handshake(self) -> Handshake:
        """The attempt."""
        if self._handshake is None:
            usual = self.found.template.usual
            assert usual is not None
            values = usual.copy()
            self.fill(values)
            self._handshake = Handshake(*values)
        return self._handshake

    def fill(self, values: list[Any]) -> None:
        """Put what the request says into the values of a Handshake."""
        template, texts, size = self.found
        values[_SLOT], values[_CLIENT], values[_NUMBER] = self._slot, self.client, self._number
        values[_KEY], values[_DOUBTS] = texts[0], []
        values[_ASKED_BYTES], values[_ASKED_PACKET] = size, self._packet
        values[_ASKED_FIRST] = values[_ASKED_LAST] = self._time
        values[_ASKED] = template.fields(texts)


def open_attempt(results: Results, slot: int, piece: Piece) -> Opening | None:
    """Begin a connection whose first row is an upgrade request and nothing else.

    Returns:
        None, and nothing noted, where it is not exactly that.
    """
    row, data = piece.row, piece.data
    size = len(data)
    if data[:5] != b"GET /" or data[-4:] != b"\r\n\r\n" or size > _MAX_HEAD:
        return None
    if size > results.options.max_head_bytes or head_end(data, 0) != size:
        return None
    found = _read(data, size, _REQUEST)
    if found is None:
        return None
    key = found.texts[0]
    handshake: Handshake | None = None
    if found.template.usual is None or not is_key(key) or results.was_used(key, row[TIME]):
        head = found.head
        values = head.values
        if head.version != "1.1" or not is_attempt(head):
            return None
        if "transfer-encoding" in values or "content-length" in values:
            return None
        client = row[DIRECTION] & 1
        handshake = pairing.begin_attempt(results, slot, client, head, row[TIME], row)
        number = handshake.number
    else:
        number = results.next_handshake()
        results.note_key(key)
    results.http_bytes[row[DIRECTION]] += size
    return Opening(slot, number, found, row, handshake)


def switch(results: Results, opening: Opening, piece: Piece) -> bool:
    """Take a row that begins with the usual 101; False, and nothing noted, if it does not."""
    row = piece.row
    if row[KIND] != DATA or (row[DIRECTION] & 1) == opening.client:
        return False
    data = piece.data
    if data[:13] != b"HTTP/1.1 101 ":
        return False
    end = head_end(data, 0)
    if not 0 <= end <= min(_MAX_HEAD, results.options.max_head_bytes):
        return False
    found = _read(data, end, _ANSWER)
    if found is None:
        return False
    handshake = _accepted(opening, found, row)
    if handshake is None:
        head = found.head
        if head.status != 101 or not has_token(head.values.get("upgrade", ""), "websocket"):
            return False
        handshake = opening.handshake
        pairing.answer_attempt(handshake, head, row[TIME], row)
        checks = Checks(results.findings, handshake.slot, row[PACKET], row[DIRECTION])
        check_switch(handshake, head, checks)
    results.http_bytes[row[DIRECTION]] += end
    results.answered(opening.key, row[TIME])
    results.upgrades.append(handshake)
    results.marks.append(results.handover.place())
    results.leave(handshake.slot, search=False)
    results.handover.hand_on(piece, end)
    return True


def _accepted(opening: Opening, found: _Found, row: Row) -> Handshake | None:
    """Return the attempt with an answer that accepts it; None where anything is odd."""
    if opening.is_judged:
        return None
    usual = _pair(opening.found.template, found.template)
    accept = found.texts[0]
    if usual is None or accept != accept_for(opening.key):
        return None
    values = usual.copy()
    opening.fill(values)
    values[_ACCEPT] = accept
    values[_GIVEN_BYTES], values[_GIVEN_PACKET] = found.size, row[PACKET]
    values[_GIVEN_FIRST] = values[_GIVEN_LAST] = row[TIME]
    values[_GIVEN] = found.template.fields(found.texts)
    return Handshake(*values)
