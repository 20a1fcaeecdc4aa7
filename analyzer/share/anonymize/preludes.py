"""The PROXY protocol with false addresses (the specification of HAProxy, versions 1 and 2).

Knows its header, which stands before all else that a client sends. Used by stream.
"""

from __future__ import annotations

from typing import Final

from analyzer.lazy_pattern import lazy_pattern
from analyzer.share.anonymize.words import Words

_LINE: Final = b"PROXY "
_MAX_LINE: Final = 107
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED: Final = 16
_ADDRESSES: Final = {0x10: 12, 0x20: 36, 0x30: 216}
"""Family -> bytes of addresses and ports; a checksum and other values stand behind them."""
_MAX_HEADER: Final = 4096
_HEX: Final = lazy_pattern(rb"[0-9A-Fa-f]+")


def begins(data: bytes) -> bool:
    """Say whether bytes may begin with such a header."""
    return data[: len(_LINE)] == _LINE[: len(data)] or (
        data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]
    )


def rewritten(data: bytes, words: Words) -> tuple[bytes, int] | None:
    """Return the header with false addresses, and its length; b"", 0 where it is none.

    None: it is not whole yet.
    """
    if data.startswith(_LINE):
        end = data.find(b"\n", 0, _MAX_LINE) + 1
        if not end:
            return None if len(data) < _MAX_LINE else (b"", 0)
        return _line(data[:end], words), end
    if len(data) < _FIXED:
        return None if begins(data) else (b"", 0)
    end = _FIXED + int.from_bytes(data[14:16], "big")
    if not data.startswith(_SIGNATURE) or end > _MAX_HEADER:
        return b"", 0
    return None if len(data) < end else (_binary(data[:end], words), end)


def _line(line: bytes, words: Words) -> bytes:
    parts = line.split(b" ")
    if len(parts) != 6:
        return b" ".join((*parts[:2], *map(words.text, parts[2:])))
    for place in (2, 3):
        address = parts[place]
        if b":" in address:
            parts[place] = _HEX.sub(lambda group: words.hexadecimal(group[0]), address)
        else:
            parts[place] = words.place(address)
    return b" ".join(parts)


def _binary(header: bytes, words: Words) -> bytes:
    size = _ADDRESSES.get(header[13] & 0xF0, 0)
    end = min(_FIXED + size, len(header))
    ports = 0 if size == 216 else min(4, size)
    made = [header[:_FIXED], words.noise(header[_FIXED : end - ports]), header[end - ports : end]]
    at = end
    while at + 3 <= len(header):
        length = int.from_bytes(header[at + 1 : at + 3], "big")
        value = header[at + 3 : at + 3 + length]
        made += [header[at : at + 3], words.noise(value)]
        at += 3 + len(value)
    made.append(words.noise(header[at:]))
    return b"".join(made)
