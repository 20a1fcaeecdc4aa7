"""Formats: which kind of file the first bytes belong to.

Knows magic numbers only. Must not read files. Used by source to choose a reader, and
by the readers to refuse what they cannot read. File names are never looked at.
"""

from __future__ import annotations

from typing import Final

from analyzer.errors import NotACaptureError

PCAP: Final = "pcap"
PCAPNG: Final = "pcapng"
GZIP: Final = "gzip"
ZSTD: Final = "zstd"

HEAD_BYTES = 24
"""Enough of a file's header to name its format."""

PCAP_MAGICS: Final = {
    # As stored: big-endian?, nanoseconds in one unit of the fraction.
    b"\xa1\xb2\xc3\xd4": (True, 1000),
    b"\xd4\xc3\xb2\xa1": (False, 1000),
    b"\xa1\xb2\x3c\x4d": (True, 1),
    b"\x4d\x3c\xb2\xa1": (False, 1),
}
"""The four magic numbers of pcap (draft-ietf-opsawg-pcap, section 4)."""

PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"

_READ: Final = (
    *((magic, PCAP) for magic in PCAP_MAGICS),
    (PCAPNG_MAGIC, PCAPNG),
    (b"\x1f\x8b", GZIP),
    (b"\x28\xb5\x2f\xfd", ZSTD),
    # Skippable frames (RFC 8878 3.1.2) may come first; pzstd writes them.
    *((bytes([0x50 + i, 0x2A, 0x4D, 0x18]), ZSTD) for i in range(16)),
)

_CONVERT = "convert it first: editcap -F pcapng OLD NEW.pcapng"
_DECOMPRESS = "decompress it first"
_RECORD = "record packets with tcpdump, dumpcap or Wireshark"


def _both_orders(magic: str) -> tuple[bytes, bytes]:
    stored = bytes.fromhex(magic)
    return stored, stored[::-1]


_REFUSED: Final = (
    *((m, "a modified pcap (Kuznetzov's)", _CONVERT) for m in _both_orders("a1b2cd34")),
    *((m, "a modified pcap (Mesquita's)", _CONVERT) for m in _both_orders("a1b234cd")),
    *((m, "a modified pcap (Navtel's)", _CONVERT) for m in _both_orders("a12b3c4d")),
    *((m, "an IXIA pcap (hardware)", _CONVERT) for m in _both_orders("1c0001ac")),
    *((m, "an IXIA pcap (software)", _CONVERT) for m in _both_orders("1c0001ab")),
    (b"snoop\0\0\0", "a snoop capture", _CONVERT),
    (b"btsnoop\0", "a Bluetooth btsnoop log", None),
    (b"RTSS", "a Microsoft Network Monitor 1 capture", _CONVERT),
    (b"GMBU", "a Microsoft Network Monitor 2 capture", _CONVERT),
    (b"TRSNIFF data", "a Sniffer capture", _CONVERT),
    (b"XCP\0", "a NetXRay or Sniffer capture", _CONVERT),
    (b"iptrace", "an AIX iptrace capture", _CONVERT),
    (b"\xfd7zXZ\0", "an xz file", _DECOMPRESS),
    (b"BZh", "a bzip2 file", _DECOMPRESS),
    (b"\x04\x22\x4d\x18", "an lz4 file", _DECOMPRESS),
    (b"PK\x03\x04", "a zip archive", _DECOMPRESS),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _DECOMPRESS),
    (b"\x7fELF", "a program", None),
)


def sniff(head: bytes) -> str:
    """Return the format whose magic `head` begins with, or "" if no supported format does."""
    for magic, name in _READ:
        if head.startswith(magic):
            return name
    return ""


def refusal(head: bytes, name: str = "the input") -> NotACaptureError:
    """Return the error for a file that begins with `head` and that we do not read."""
    if not head:
        return NotACaptureError(f"{name} is empty: it has no capture in it.", hint=_RECORD)
    for magic, kind, hint in _REFUSED:
        if head.startswith(magic):
            return NotACaptureError(f"{name} is {kind}, which is not read here.", hint=hint)
    if any(magic.startswith(head) for magic, _ in _READ):
        return NotACaptureError(f"{name} ends within its first {len(head)} bytes.")
    kind, hint = _other(head)
    return NotACaptureError(f"{name} is not a capture: it looks like {kind}.", hint=hint)


def _other(head: bytes) -> tuple[str, str | None]:
    """Guess at files without a magic number that people hand to an analyzer."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"["):
        return "JSON, such as a HAR file", "a HAR has no packets; " + _RECORD
    if text[:1] == b"<":
        return "XML or HTML", _RECORD
    if all(byte >= 0x20 or byte in b"\t\r\n\f\x1b" for byte in head):
        return "text", "printed packets cannot be read; " + _RECORD
    return f"something else (first bytes {head[:8].hex(' ')})", _RECORD
