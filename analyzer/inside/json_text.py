"""JSON as decoders of it need it: the few members wanted, nothing built of the rest.

Nothing here raises. Nesting is bounded by the parser (msgspec counts its recursion), and
numbers are kept as they are written. Knows JSON alone. Used by decoders.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw

from analyzer.inside.protocol import short

T = TypeVar("T")

NOTHING: Final = Raw()
"""The default of members that are kept as they are written."""

ERRORS: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


def decoded(decoder: msgspec.json.Decoder[T], payload: bytes | Raw) -> T | None:
    """Return a payload as the decoder's type; None if it is not one."""
    try:
        return decoder.decode(payload)
    except ERRORS:
        return None


_TEXT: Final = msgspec.json.Decoder(str)


def text_of(raw: bytes | Raw) -> str | None:
    """Return a member's text: of a string its content, of a number how it is written.

    None for all else, and where it is not there.
    """
    token = bytes(raw)
    if not token or len(token) > 4096:
        return None
    first = token[0]
    if first == 0x22:
        if b"\\" not in token and token.isascii():
            return short(token[1:-1].decode())
        return short(decoded(_TEXT, token))
    if first == 0x2D or 0x30 <= first <= 0x39:
        return short(token.decode("ascii", "replace"))
    return None


def name_of(raw: bytes | Raw) -> str | None:
    """Return a member's text if it is a string."""
    return text_of(raw) if bytes(raw)[:1] == b'"' else None


def is_given(raw: bytes | Raw) -> bool:
    """Return whether a member is there, and not null."""
    token = bytes(raw)
    return bool(token) and token != b"null"


_ELEMENTS: Final = msgspec.json.Decoder(list[Raw])
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


def elements(payload: bytes | Raw) -> list[Any] | None:
    """Return an array's elements as they are written; None if it is no array."""
    return decoded(_ELEMENTS, payload)


def members(payload: bytes | Raw) -> dict[str, Any] | None:
    """Return an object's members as they are written; None if it is none."""
    return decoded(_MEMBERS, payload)
