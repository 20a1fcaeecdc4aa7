"""Payloads: the messages in a body that is there as a whole.

Knows what a JSON answer, the polling payloads of Engine.IO and the frames of SockJS look
like. Must not know HTTP headers. Called by http.delivery.deliveries; nothing here raises.

Sources: RFC 8259; engine.io-protocol, revisions 3 and 4, "Payload"; sockjs-protocol 0.3.3,
"SockJS framing" (the frames o, h, a, m and c).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from analyzer.lazy_dataclass import dataclass
from analyzer.lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from json import JSONDecoder

Span = tuple[int, int]
"""Where a message begins and ends in a text."""
_SPACE: Final = lazy_pattern(r"[ \t\n\r]*")
_SEPARATOR_V4: Final = b"\x1e"
_MESSAGE: Final = 0x34  # "4"
_POLLING_ALONE: Final = (b"1", b"5", b"6")
"""close, upgrade, noop"""
_BINARY: Final = 0x62  # "b"
_END_OF_LENGTH: Final = 0xFF
_MAX_LENGTH_DIGITS: Final = 10
CLEARLY: Final = 2
"""Of several lists in an object, the one with so many times the elements of the next is what
the answer is about."""


@cache
def _decoder() -> JSONDecoder:
    from json import JSONDecoder

    return JSONDecoder()


@dataclass(frozen=True, slots=True)
class Found:
    """What a body brings: the sizes of its messages; none at all: it is empty."""

    sizes: tuple[int, ...] = ()


# --- JSON --------------------------------------------------------------------------


def json_messages(body: bytes) -> Found | None:
    """Return the messages of a JSON text; None if it is not one.

    An array's elements are messages; of an object with one list (or one that is clearly
    the longest, of objects) that list's elements; else the whole text is one message. An
    empty value brings none, nor does an object that holds empty lists and objects alone.
    """
    try:
        text = body.decode("utf-8-sig")
        spans = _messages(text, _skip(text, 0))
    except (ValueError, IndexError, RecursionError):
        return None
    if spans is None:
        return None
    if text.isascii():
        return Found(tuple(end - begin for begin, end in spans))
    return Found(tuple(_bytes(text, *span) for span in spans))


def json_payloads(body: bytes) -> list[bytes]:
    """Return the messages of a JSON text as they are written; none of what is not one."""
    try:
        text = body.decode("utf-8-sig")
        spans = _messages(text, _skip(text, 0))
    except (ValueError, IndexError, RecursionError):
        return []
    return [text[begin:end].encode() for begin, end in spans or ()]


def _messages(text: str, begin: int) -> Sequence[Span] | None:
    """Return where the messages are; None if it is no JSON text."""
    first = text[begin]
    if first == "[":
        spans, end = _elements(text, begin)
        return spans if _skip(text, end) == len(text) else None
    members: dict[str, tuple[Any, int]] = {}
    value: Any = members
    if first == "{":
        members, end = _members(text, begin)
    else:
        value, end = _decoder().raw_decode(text, begin)
    if _skip(text, end) != len(text):
        return None
    if first != "{":
        return () if value is None or value == "" else ((begin, end),)
    values = {name: value for name, (value, _) in members.items()}
    if not values or _is_idle(values):
        return ()
    name = _chosen(values)
    if name is not None:
        return _elements(text, members[name][1])[0]
    return ((begin, end),)


def _is_idle(members: dict[str, Any]) -> bool:
    """Return whether an object has an empty list, and nothing in any list or object."""
    inner = [each for each in members.values() if isinstance(each, list | dict)]
    return not any(inner) and any(isinstance(each, list) for each in inner)


def _chosen(members: dict[str, Any]) -> str | None:
    """Return the name of the list that an object brings; None without one."""
    lists = {name: each for name, each in members.items() if isinstance(each, list)}
    if len(lists) == 1:
        (name,) = lists
        return name if lists[name] else None
    if not lists:
        return None
    first, second = sorted(lists, key=lambda name: len(lists[name]), reverse=True)[:2]
    longest = lists[first]
    if len(longest) < CLEARLY * max(1, len(lists[second])):
        return None
    return first if all(isinstance(each, dict) for each in longest) else None


def _members(text: str, begin: int) -> tuple[dict[str, tuple[Any, int]], int]:
    """Return each member's value and where it begins (of one name the last), and the end."""
    members: dict[str, tuple[Any, int]] = {}
    at = _skip(text, begin + 1)
    if text[at] == "}":
        return members, at + 1
    while True:
        name, at = _decoder().raw_decode(text, at)
        at = _skip(text, at)
        if not isinstance(name, str) or text[at] != ":":
            raise ValueError
        at = _skip(text, at + 1)
        value, end = _decoder().raw_decode(text, at)
        members[name] = value, at
        at = _skip(text, end)
        if text[at] == "}":
            return members, at + 1
        if text[at] != ",":
            raise ValueError
        at = _skip(text, at + 1)


def _elements(text: str, begin: int) -> tuple[Sequence[Span], int]:
    """Return where an array's elements are, and its end."""
    at = _skip(text, begin + 1)
    spans: list[Span] = []
    if text[at] == "]":
        return spans, at + 1
    while True:
        _, end = _decoder().raw_decode(text, at)
        spans.append((at, end))
        at = _skip(text, end)
        if text[at] == "]":
            return spans, at + 1
        if text[at] != ",":
            raise ValueError
        at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    if text[at : at + 1] > " ":
        return at
    match = _SPACE.match(text, at)
    return match.end() if match is not None else at


def _bytes(text: str, begin: int, end: int) -> int:
    return len(text[begin:end].encode())


# --- Engine.IO ---------------------------------------------------------------------


def engine_io_messages(body: bytes, version: int) -> Found | None:
    """Return the messages of a polling payload; None if it is not one.

    A packet's size is that without its type; binary ones count as the bytes that their
    base64 decodes to.
    """
    packets = _packets(body, version)
    if packets is None:
        return None
    sizes = []
    for packet in packets:
        size = _packet_size(packet, version)
        if size is None:
            return None
        if size >= 0:
            sizes.append(size)
    return Found(tuple(sizes))


def _packets(body: bytes, version: int) -> list[bytes] | None:
    """Cut a payload into packets; None if it is none."""
    if body.startswith(b"d="):
        # A form, as JSONP sends it: "\\n" is an escaped line feed.
        body = _form(body).replace(b"\\n", b"\n")
    elif body.startswith(b"___eio["):
        text = _argument(body)
        if text is None:
            return None
        body = text.encode("utf-8", "surrogatepass")
    return body.split(_SEPARATOR_V4) if version >= 4 else _packets_v3(body)


def engine_io_frames(body: bytes, version: int) -> list[tuple[bytes, bool]] | None:
    """Return the packets of a payload as WebSocket would carry them; None if it is not one.

    Each with whether it is text: what base64 decodes to is binary.
    """
    packets = _packets(body, version)
    if packets is None:
        return None
    frames = []
    for packet in packets:
        if _packet_size(packet, version) is None:
            return None
        if packet[0] == _BINARY:
            frames.append((_base64(packet[1:] if version >= 4 else packet[2:]), False))
        else:
            frames.append((packet, packet[0] >= 0x30))
    return frames


def engine_io_carried(body: bytes, version: int) -> list[bytes]:
    """Return a payload's packets as WebSocket would carry them, each in a frame.

    All but those that only polling needs: noop, which ends a poll, and close, for which WebSocket
    has a frame of its own; nor upgrade.
    """
    frames = engine_io_frames(body, version) or []
    return [data for data, is_text in frames if not (is_text and data[:1] in _POLLING_ALONE)]


def _base64(text: bytes) -> bytes:
    from base64 import b64decode

    try:
        return b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return b""


def _packet_size(packet: bytes, version: int) -> int | None:
    """Return a message's size, -1 for another packet, None if it is none."""
    kind = packet[0] if packet else -1
    if kind == _BINARY:
        return _base64_size(packet[1:] if version >= 4 else packet[2:])
    if kind == _MESSAGE or kind == 4:
        return len(packet) - 1
    return -1 if 0x30 <= kind <= 0x36 or 0 <= kind <= 6 else None


def _base64_size(text: bytes) -> int:
    return len(text.rstrip(b"=")) * 3 // 4


def _packets_v3(body: bytes) -> list[bytes] | None:
    """Cut a payload of revision 3 and before: each packet after its length."""
    if body[:1] in (b"\0", b"\x01"):
        return _binary_packets_v3(body)
    # Lengths are in characters of JavaScript: two for one beyond the basic plane.
    try:
        units = body.decode().encode("utf-16-le")
    except UnicodeDecodeError:
        return None
    packets, at = [], 0
    while at < len(units):
        colon = units.find(b":\0", at, at + 2 * _MAX_LENGTH_DIGITS + 2)
        digits = units[at:colon:2] if colon > at else b""
        if not digits.isdigit():
            return None
        at = colon + 2 + 2 * int(digits)
        if at > len(units):
            return None
        packets.append(units[colon + 2 : at].decode("utf-16-le", "replace").encode())
    return packets


def _binary_packets_v3(body: bytes) -> list[bytes] | None:
    """Cut the form for XHR2: 0 or 1, digits as numbers, 255, packet."""
    packets, at = [], 0
    while at < len(body):
        end = body.find(b"\xff", at, at + _MAX_LENGTH_DIGITS + 2)
        digits = body[at + 1 : end] if end > at + 1 else b""
        if not digits or max(digits) > 9 or body[at] > 1:
            return None
        length = int("".join(map(str, digits)))
        at = end + 1 + length
        if at > len(body):
            return None
        packets.append(body[end + 1 : at])
    return packets


def engine_io_session(body: bytes, version: int) -> str | None:
    """Return the `sid` of an open packet that begins a payload."""
    if version < 4:
        packets = _packets_v3(body)
        body = packets[0] if packets else b""
    if body[:1] not in (b"0", b"\0"):
        return None
    import json

    try:
        opened = json.loads(body[1:].split(_SEPARATOR_V4)[0])
    except (ValueError, RecursionError):
        return None
    session = opened.get("sid") if isinstance(opened, dict) else None
    return session if isinstance(session, str) else None


# --- SockJS ------------------------------------------------------------------------


def sockjs_frame(line: bytes) -> Found | None:
    """Return the sizes of the messages of one frame; None if it is none."""
    payloads = sockjs_frame_payloads(line)
    return None if payloads is None else Found(tuple(map(len, payloads)))


def sockjs_frame_payloads(line: bytes) -> list[bytes] | None:
    """Return the messages of one frame; None if it is none.

    Around a frame, jsonp and htmlfile put a call: `p("a[...]");`.
    """
    line = line.strip()
    if b'("' in line and not line.startswith((b"a[", b'm"', b"c[")):
        text = _argument(line)
        if text is None:
            return None
        line = text.encode("utf-8", "surrogatepass")
    if line.startswith(b"a"):
        return sockjs_payloads(line[1:])
    if line.startswith(b"m"):
        found = sockjs_payloads(b"[" + line[1:] + b"]")
        return found if found is not None and len(found) == 1 else None
    # What xhr-streaming begins with is many times "h".
    return [] if line == b"o" or line.startswith(b"c") or not line.strip(b"h") else None


_FRAME: Final = lazy_pattern(rb'[oh]$|a\[|m"|c\[')


def sockjs_text(line: bytes) -> bytes | None:
    """Return the frame in a line, without the call around it; None if there is none.

    It may be damaged within. What answers begin with, many times "h" or a page, is none.
    """
    line = line.strip()
    if b'("' in line and not line.startswith((b"a[", b'm"', b"c[")):
        text = _argument(line)
        if text is None:
            return None
        line = text.encode("utf-8", "surrogatepass")
    return line if _FRAME.match(line) else None


def sockjs_sent(body: bytes) -> bytes:
    """Return the array in a request's body: a form of jsonp_send has it as `d`."""
    return _form(body) if body.startswith(b"d=") else body


def _form(body: bytes) -> bytes:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(body[2:].replace(b"+", b" "))


def sockjs_messages(body: bytes) -> Found | None:
    """Return the messages of a JSON array of strings, as xhr_send and frames have it."""
    payloads = sockjs_payloads(body)
    return None if payloads is None else Found(tuple(map(len, payloads)))


def sockjs_payloads(body: bytes) -> list[bytes] | None:
    """Return the messages themselves; None if it is no such array."""
    import json

    try:
        values = json.loads(sockjs_sent(body))
    except (ValueError, RecursionError):
        return None
    if isinstance(values, str):
        values = [values]
    return [_text(each) for each in values] if isinstance(values, list) else None


def _text(value: object) -> bytes:
    import json

    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _argument(line: bytes) -> str | None:
    """Return the string that a call is given."""
    begin, end = line.find(b'("'), line.rfind(b'")')
    if not 0 <= begin < end:
        return None
    import json

    try:
        text = json.loads(line[begin + 1 : end + 1])
    except (ValueError, RecursionError):
        return None
    return text if isinstance(text, str) else None
