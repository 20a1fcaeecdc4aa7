"""Blocks of pcapng files to be written (draft-ietf-opsawg-pcapng), little-endian.

Knows their layout. Must not know files, or what packets mean. Used by keep and share.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from analyzer.capture.records import Interface
from analyzer.version import __version__

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
STATISTICS: Final = 5
ENHANCED_PACKET: Final = 6
SECRETS: Final = 10

FIGURES: Final = 0xB5F1
"""An option for local use: its highest bit is set."""
FIGURES_MAGIC: Final = b"wsanalyze:"
"""How its value begins, since others may use the same number."""
FIGURES_BYTES: Final = 60_000

_TLS_KEY_LOG: Final = 0x544C534B  # "TLSK" (section 4.7)
_END, _COMMENT = 0, 1
_SHB_USERAPPL, _IF_NAME, _IF_DESCRIPTION, _IF_TSRESOL = 4, 2, 3, 9
_NANOSECONDS: Final = 9
_MOST_OPTION_BYTES: Final = 65_535


def block(kind: int, body: bytes) -> bytes:
    """Return a block; `body` is a multiple of 4 bytes."""
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def option(code: int, value: bytes) -> bytes:
    """Return an option, padded to 4 bytes (section 3.5)."""
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(comment: str = "", figures: bytes = b"") -> bytes:
    """Return a Section Header Block that names this program (section 4.1).

    Args:
        comment: what users read.
        figures: for this program alone; others skip options for local use (section 3.5.1).
    """
    body = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    if comment:
        body += option(_COMMENT, _text(comment))
    for at in range(0, len(figures), FIGURES_BYTES):
        body += option(FIGURES, FIGURES_MAGIC + figures[at : at + FIGURES_BYTES])
    body += option(_SHB_USERAPPL, f"wsanalyze {__version__}".encode())
    return block(SECTION, body + option(_END, b""))


def interface(described: Interface) -> bytes:
    """Return an Interface Description Block for times in nanoseconds (section 4.2)."""
    body = struct.pack("<HHI", described.link_type, 0, described.snaplen)
    if described.name:
        body += option(_IF_NAME, described.name)
    if described.description:
        body += option(_IF_DESCRIPTION, described.description)
    body += option(_IF_TSRESOL, bytes([_NANOSECONDS]))
    return block(INTERFACE, body + option(_END, b""))


def secrets(lines: bytes) -> bytes:
    """Return a Decryption Secrets Block with a TLS key log (section 4.7)."""
    body = struct.pack("<II", _TLS_KEY_LOG, len(lines)) + lines + bytes(-len(lines) % 4)
    return block(SECRETS, body)


def packet(
    number: int, time: int, original: int, data: bytes | memoryview, comments: Sequence[str]
) -> bytes:
    """Return an Enhanced Packet Block with comments (section 4.3).

    Args:
        number: of its interface in the section.
        time: ns since 1970; before that it is written as 0.
        original: bytes on the wire.
        data: bytes captured.
        comments: an option each.
    """
    time = max(time, 0)
    head = struct.pack("<IIIII", number, time >> 32, time & 0xFFFFFFFF, len(data), original)
    body = b"".join((head, data, bytes(-len(data) % 4)))
    if comments:
        body += b"".join(option(_COMMENT, _text(each)) for each in comments) + option(_END, b"")
    return block(ENHANCED_PACKET, body)


def _text(text: str) -> bytes:
    """Return UTF-8 that fits an option, whole characters only."""
    data = text.encode("utf-8", "replace")
    return data[:_MOST_OPTION_BYTES].decode("utf-8", "ignore").encode()
