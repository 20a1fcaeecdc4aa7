"""Heads: the start line and fields of an HTTP/1.1 message, from bytes.

Knows RFC 9112 sections 2 to 5, read leniently: this is a witness, not a server. Must
not know bodies, connections or WebSocket. Called by http.http1.conversation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from analyzer.lazy_dataclass import dataclass
from analyzer.lazy_pattern import lazy_pattern
from analyzer.named_tuple import NamedTuple

_TOKEN: Final = frozenset(
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_CONTROL: Final = bytes(byte for byte in range(0x20) if byte not in b"\t\r")
_MAX_METHOD = 32
"""Longest method taken for one. The longest registered, UPDATEREDIRECTREF, has 17."""

REQUEST: Final = "request"
RESPONSE: Final = "response"
MAYBE: Final = "maybe"
NEITHER: Final = "neither"


class Fault(NamedTuple):
    """What is wrong with a header section that can still be read.

    Attributes:
        text: in words.
        rfc: document and section of the rule.
    """

    text: str
    rfc: str


@dataclass(slots=True)
class Head:
    """One message head.

    Attributes:
        method: of a request; "" for a response.
        target: request target as sent.
        version: such as "1.1".
        status: of a response; 0 for a request.
        reason: reason phrase of a response.
        fields: (name, value) as sent, repeated ones too, folded lines joined by a space.
        values: by name in lower case; repeated fields joined by ", " (RFC 9110 5.3).
        repeated: names in lower case that came more than once.
        leading: bytes of empty lines before the start line.
        size: bytes from the start line to the empty line that ends the head.
        faults: rules that it breaks.
    """

    method: str
    target: str
    version: str
    status: int
    reason: str
    fields: tuple[tuple[str, str], ...]
    values: Mapping[str, str]
    repeated: tuple[str, ...]
    leading: int
    size: int
    faults: tuple[Fault, ...]

    def first(self, name: str) -> str | None:
        """Return the value of a field, of a repeated one the first; `name` in lower case."""
        if name not in self.repeated:
            return self.values.get(name)
        return self.each(name)[0]

    def each(self, name: str) -> list[str]:
        """Return the values of a field, one for each time that it was sent."""
        if name not in self.repeated:
            return [self.values[name]] if name in self.values else []
        return [value for sent, value in self.fields if sent.lower() == name]


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no head."""

    reason: str


def leading_empty(data: bytes | bytearray) -> int:
    """Return how many bytes of empty lines precede the start line.

    RFC 9112 2.2: "a server ... SHOULD ignore at least one empty line (CRLF) received
    prior to the request-line."
    """
    if data[:1] not in (b"\r", b"\n"):
        return 0
    return len(data) - len(data.lstrip(b"\r\n"))


def head_end(data: bytes | bytearray, begin: int) -> int:
    """Return the offset after the empty line that ends the head; -1 if not there.

    A lone LF ends a line as well (RFC 9112 2.2: "a recipient MAY recognize a single LF").

    Args:
        data: bytes of the head and perhaps more.
        begin: where to search, at or after the start line.
    """
    crlf = data.find(b"\n\r\n", begin)
    lone = data.find(b"\n\n", begin, crlf + 2 if crlf >= 0 else len(data))
    if lone >= 0:
        return lone + 2
    return crlf + 3 if crlf >= 0 else -1


def read_head(data: bytes | bytearray) -> Head | Malformed | None:
    """Parse the head at the start of `data`.

    Returns:
        The head; None if more bytes are needed; Malformed if no bytes can help.
    """
    leading = leading_empty(data)
    end = head_end(data, leading)
    if end < 0:
        return Malformed("not a start line") if recognise(data) == NEITHER else None
    return parse_head(data, leading, end)


def recognise(data: bytes | bytearray) -> str:
    """Say what the first bytes of a stream can be.

    Returns:
        REQUEST or RESPONSE if the start line is complete and right; NEITHER if it
        cannot become one; MAYBE otherwise.
    """
    at = leading_empty(data)
    if data[at : at + 1] and data[at] < 0x21:
        return NEITHER
    end = data.find(b"\n", at)
    # Nearly every upgrade request opens like this; the rest is for the others.
    if data[end - 10 : end] == b" HTTP/1.1\r" and data[at : at + 5] == b"GET /":
        return REQUEST
    line = bytes(data[at:end] if end >= 0 else data[at:])
    if end >= 0:
        start = _start_line(line.decode("latin-1").rstrip("\r"))
        if start is None:
            return NEITHER
        return REQUEST if start[0] else RESPONSE
    if _has_control(line):
        return NEITHER
    if line[:5] == b"HTTP/"[: len(line)]:
        return MAYBE
    method, space, _ = line.partition(b" ")
    if len(method) > _MAX_METHOD or not _TOKEN.issuperset(method.rstrip(b"\r").decode("latin-1")):
        return NEITHER
    # A CR that ends the line at the method leaves no room for a target.
    return NEITHER if method.endswith(b"\r") and (space or len(method) > 1) else MAYBE


def parse_head(data: bytes | bytearray, leading: int, end: int) -> Head | Malformed:
    """Parse `data[leading:end]`, a whole head with its empty line."""
    lines = data[leading:end].decode("latin-1").split("\n")
    first = lines[0].rstrip("\r")
    start = _known_start_line(first) if len(first) <= _CACHED_START else _start_line(first)
    if start is None:
        return Malformed(f"not a start line: {lines[0][:60].rstrip()!r}")
    # Whole heads in a few calls: they cost most of this stage.
    read = _field if end - leading <= _CACHED_HEAD else _parse_field
    keys, pairs, contents, odd = zip(*map(read, lines[1:-2]), strict=True) if lines[3:] else _NONE
    values = dict(zip(keys, contents, strict=True))
    repeated: tuple[str, ...] = ()
    faults: list[Fault] = []
    if len(values) != len(keys) or "" in values or any(odd):
        pairs, values, repeated = _merge(lines[1:-2], faults)
    if data.find(b"\0", leading, end) >= 0:
        # RFC 9110 5.5: values with CR, LF or NUL "are invalid and dangerous".
        faults.append(Fault("a NUL byte", "RFC 9110 5.5"))
    method, target, version, status, reason = start
    return Head(
        method,
        target,
        version,
        status,
        reason,
        pairs,
        values,
        repeated,
        leading,
        end - leading,
        tuple(dict.fromkeys(faults)),
    )


_STATUS: Final = lazy_pattern(rb"HTTP/1\.[01] [1-5][0-9][0-9] ")


def parse_cut(data: bytes | bytearray) -> Head | Malformed:
    """Parse the lines there are of a head whose end was not captured."""
    # The last line may be cut anywhere, in the middle of a key for one.
    whole = bytes(data[: data.rfind(b"\n") + 1])
    if not whole and _STATUS.match(data):
        # Only the reason phrase is cut, and it means nothing (RFC 9112 4: "A client
        # SHOULD ignore the reason-phrase content").
        whole = bytes(data) + b"\r\n"
    whole += b"\r\n"
    return parse_head(whole, leading_empty(whole), len(whole))


_NONE: Final = ((), (), (), ())


def _parse_field(line: str) -> tuple[str, tuple[str, str], str, Fault | None]:
    """Return (name in lower case, (name, value), value, fault); name "" if it is no field."""
    name, colon, value = line.partition(":")
    if name[:1] in (" ", "\t"):
        return "", ("", ""), "", None
    if not colon or not name:
        text = f"a line without a field name: {line[:40].rstrip()!r}"
        return "", ("", ""), "", Fault(text, "RFC 9112 5")
    fault = None
    if name[-1] in " \t":
        # RFC 9112 5.1: "No whitespace is allowed between the field name and colon."
        fault = Fault(f"whitespace before the colon of {name.strip()[:40]}", "RFC 9112 5.1")
        name = name.rstrip(" \t")
    value = value.strip(" \t\r")
    return name.lower(), (name, value), value, fault


_CACHED_HEAD: Final = 4096
# Clients of one service send the same lines in each request: a hit costs a fifth, and
# equal lines are kept once.
_field = lru_cache(maxsize=4096)(_parse_field)


def _merge(
    lines: list[str], faults: list[Fault]
) -> tuple[tuple[tuple[str, str], ...], dict[str, str], tuple[str, ...]]:
    """Return fields, values and repeated names where lines are folded, repeated or odd."""
    fields: list[tuple[str, str]] = []
    values: dict[str, str] = {}
    repeated: list[str] = []
    for line in lines:
        key, pair, value, fault = _parse_field(line)
        if fault is not None:
            faults.append(fault)
        if not key:
            if line[:1] in (" ", "\t"):
                _unfold(line, fields, values, faults)
            continue
        fields.append(pair)
        if key in values:
            values[key] += ", " + value
            repeated.append(key)
        else:
            values[key] = value
    return tuple(fields), values, tuple(repeated)


def _unfold(
    line: str, fields: list[tuple[str, str]], values: dict[str, str], faults: list[Fault]
) -> None:
    """Join a folded line to the field before it.

    RFC 9112 5.2: "A sender MUST NOT generate a message that includes line folding"; a
    recipient replaces "each received obs-fold with one or more SP octets".
    """
    if not fields:
        # RFC 9112 2.2: "A sender MUST NOT send whitespace between the start-line and the
        # first header field."
        faults.append(Fault("whitespace before the first field", "RFC 9112 2.2"))
        return
    more = line.strip(" \t\r")
    name, value = fields[-1]
    faults.append(Fault(f"{name[:40]} is folded over several lines", "RFC 9112 5.2"))
    fields[-1] = (name, f"{value} {more}".strip(" "))
    values[name.lower()] = f"{values[name.lower()]} {more}".strip(" ")


def _start_line(line: str) -> tuple[str, str, str, int, str] | None:
    """Return (method, target, version, status, reason), or None."""
    if line[:5] == "HTTP/":
        code = line[9:12]
        if line[8:9] != " " or not _is_version(line[5:8]) or line[12:13] not in ("", " "):
            return None
        if len(code) != 3 or not code.isascii() or not code.isdigit() or code[0] == "0":
            return None
        return "", "", line[5:8], int(code), line[13:]
    method, _, rest = line.partition(" ")
    target, _, protocol = rest.rstrip(" ").rpartition(" ")
    if protocol[:5] != "HTTP/" or not _is_version(protocol[5:]) or not target:
        return None
    if not 0 < len(method) <= _MAX_METHOD or not _TOKEN.issuperset(method):
        return None
    # "PRI * HTTP/2.0" opens HTTP/2 (RFC 9113 3.4), which is another protocol.
    if method == "PRI" and protocol == "HTTP/2.0":
        return None
    return method, target, protocol[5:], 0, ""


_CACHED_START: Final = 256
_known_start_line = lru_cache(maxsize=1024)(_start_line)


def _is_version(text: str) -> bool:
    """RFC 9112 2.3: HTTP-version = HTTP-name "/" DIGIT "." DIGIT."""
    return text in ("1.1", "1.0") or (
        len(text) == 3 and text.isascii() and text[1] == "." and (text[0] + text[2]).isdigit()
    )


def _has_control(line: bytes) -> bool:
    # Without a line end yet: a text protocol has no control characters in its line.
    return len(line.translate(None, _CONTROL)) != len(line)


def is_token(text: str) -> bool:
    """Return whether it is a token (RFC 9110 5.6.2)."""
    return bool(text) and _TOKEN.issuperset(text)


_ABSOLUTE: Final = lazy_pattern(r"(?:https?|wss?)://([^/?#]*)", re.IGNORECASE)


def target_parts(target: str) -> tuple[str | None, str]:
    """Return host and path of a request target in absolute form (RFC 9112 3.2.2).

    Returns:
        The host, None where the target is in another form, and the path with its query.
    """
    found = _ABSOLUTE.match(target) if target[:1] in "hHwW" else None
    if found is None:
        return None, target
    path = target[found.end() :]
    host = found[1].rpartition("@")[2]
    return host or None, path if path[:1] == "/" else "/" + path
