"""The usual opening: a whole upgrade request in one row, its whole 101 in another.

A shorter way to what http.http1.conversation finds, and nothing but that: whatever is not as
usual goes there, with the state in which it would be. Profiled at 20,000 connections:
the objects of a Conversation cost more than its parsing. Knows heads and rows; must not
know frames. Called by http.stage.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from analyzer.http import pairing
from analyzer.http.collector import Results
from analyzer.http.exchanges import Handshake
from analyzer.http.handover import DIRECTION, KIND, OFFSET, PACKET, SPAN, TIME, Piece
from analyzer.http.head import Head, Malformed, head_end, parse_head
from analyzer.http.upgrade import Checks, check_switch, has_token, is_attempt
from analyzer.named_tuple import NamedTuple
from analyzer.tcp.bytestream import DATA, DUPLICATE, FRAMING, GOES_ON, PURE, RETRANSMISSION, TWICE

_KEY: Final = "Sec-WebSocket-Key"
_ACCEPT: Final = "Sec-WebSocket-Accept"
_MAX_HEAD: Final = 4096
"""Longer ones are rare, and would fill the cache."""

NO_PAYLOAD: Final = frozenset((RETRANSMISSION, PURE, DUPLICATE, FRAMING, TWICE, GOES_ON))
"""Rows that change nothing between a request and its answer."""


class Opening(NamedTuple):
    """A connection of which an upgrade request is all that was read.

    Attributes:
        handshake: the attempt.
        seen: stream offset after the request.
    """

    handshake: Handshake
    seen: int


class _Template(NamedTuple):
    """A head but for the value of one field.

    Attributes:
        head: with that field empty.
        before: fields before it.
        after: fields after it.
    """

    head: Head
    before: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]


@lru_cache(maxsize=512)
def _template(before: bytes, name: str, after: bytes) -> _Template | None:
    data = b"%b\n%b: \r\n%b" % (before, name.encode(), after)
    head = parse_head(data, 0, len(data))
    if isinstance(head, Malformed) or head.faults or len(head.values) != len(head.fields):
        return None
    place = head.fields.index((name, ""))
    return _Template(head, head.fields[:place], head.fields[place + 1 :])


def _read(data: bytes, end: int, name: str) -> Head | None:
    """Parse a head of which only one field's value is new.

    The heads of one client program differ in the key alone, those of one server
    in the accept value (and in the Date, by the second).
    """
    mark = b"\n%b: " % name.encode()
    before, found, rest = data[:end].partition(mark)
    value, line_end, after = rest.partition(b"\r\n")
    # Without a line after it, or with one that continues it, the field is unusual.
    if not found or not line_end or after[:1] in (b" ", b"\t", b""):
        return None
    if not value.isalnum() and not value.translate(None, b"+/=").isalnum():
        return None
    template = _template(before, name, after)
    if template is None:
        return None
    head = template.head
    text = value.decode("ascii")
    values = {**head.values, name.lower(): text}
    fields = (*template.before, (name, text), *template.after)
    return Head(
        head.method,
        head.target,
        head.version,
        head.status,
        head.reason,
        fields,
        values,
        (),
        0,
        end,
        (),
    )


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
    head = _read(data, size, _KEY)
    if head is None or head.version != "1.1" or not is_attempt(head):
        return None
    values = head.values
    if "transfer-encoding" in values or "content-length" in values:
        return None
    client = row[DIRECTION] & 1
    handshake = pairing.begin_attempt(results, slot, client, head, row[TIME], row)
    results.http_bytes[row[DIRECTION]] += size
    return Opening(handshake, row[OFFSET] + row[SPAN])


def switch(results: Results, opening: Opening, piece: Piece) -> bool:
    """Take a row that begins with the usual 101; False, and nothing noted, if it does not."""
    handshake = opening.handshake
    row = piece.row
    if row[KIND] != DATA or (row[DIRECTION] & 1) == handshake.client_side:
        return False
    data = piece.data
    if data[:13] != b"HTTP/1.1 101 ":
        return False
    end = head_end(data, 0)
    if not 0 <= end <= min(_MAX_HEAD, results.options.max_head_bytes):
        return False
    head = _read(data, end, _ACCEPT)
    if head is None or head.status != 101:
        return False
    if not has_token(head.values.get("upgrade", ""), "websocket"):
        return False
    results.http_bytes[row[DIRECTION]] += end
    results.answered(handshake.key, row[TIME])
    pairing.answer_attempt(handshake, head, row[TIME], row)
    checks = Checks(results.findings, handshake.slot, row[PACKET], row[DIRECTION])
    check_switch(handshake, head, checks)
    results.upgrades.append(handshake)
    results.marks.append(results.handover.place())
    results.leave(handshake.slot, search=False)
    results.handover.hand_on(piece, end)
    return True
