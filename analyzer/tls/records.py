"""The record layer: what a record header says, and what is kept of each direction.

Knows RFC 8446 5.1 and RFC 5246 6.2.1. Must not know what a handshake message says
(tls.hello). The kernel that walks over records (tls._records) shares its constants and
dtypes, and takes the lifecycle of tls.session as a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from analyzer.columns import row_dtype

CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23
HEARTBEAT: Final = 24  # RFC 6520 3

HEADER_BYTES: Final = 5
MAX_PLAINTEXT: Final = 1 << 14
"""RFC 8446 5.1: "The length MUST NOT exceed 2^14 bytes." """
MAX_CIPHERTEXT: Final = MAX_PLAINTEXT + 2048
"""RFC 5246 6.2.3; TLS 1.3 allows 2^14 + 256 (RFC 8446 5.2)."""
MAX_MINOR: Final = 4
"""Versions of records are 3.0 (SSL 3.0) to 3.3 (TLS 1.2, and 1.3 for all but the first);
3.4 was sent by drafts only."""
ALERT_BYTES: Final = 2
"""An alert of this length is readable: encryption makes it longer."""


class Answer(IntEnum):
    """What a parser says that has no value to give."""

    NEED_MORE = 0
    MALFORMED = 1


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """Content type, (major, minor) version and bytes of the record behind it."""

    type: int
    version: tuple[int, int]
    length: int


def parse_header(data: bytes, *, clear: bool = False) -> RecordHeader | Answer:
    """Read the header of a record.

    Args:
        data: where it begins.
        clear: nothing is encrypted yet: then a record is no longer than MAX_PLAINTEXT, a
            ChangeCipherSpec has 1 byte (RFC 8446 5), and handshake messages and alerts must
            have some ("zero-length fragments" are forbidden, RFC 8446 5.1).

    Returns:
        The header; MALFORMED as soon as the bytes that are there cannot begin one.
    """
    kind = data[0] if data else HANDSHAKE
    major = data[1] if len(data) > 1 else 3
    minor = data[2] if len(data) > 2 else 0
    if not CHANGE_CIPHER_SPEC <= kind <= HEARTBEAT or major != 3 or minor > MAX_MINOR:
        return Answer.MALFORMED
    if len(data) < HEADER_BYTES:
        return Answer.NEED_MORE
    length = data[3] << 8 | data[4]
    return (
        RecordHeader(kind, (major, minor), length)
        if _fits(kind, length, clear)
        else (Answer.MALFORMED)
    )


def _fits(kind: int, length: int, clear: bool) -> bool:
    if not clear:
        return length <= MAX_CIPHERTEXT
    if kind == APPLICATION_DATA:
        # The first one of a direction ends what is in the clear.
        return length <= MAX_CIPHERTEXT
    if kind == CHANGE_CIPHER_SPEC:
        return length == 1
    return 0 < length <= MAX_PLAINTEXT


WALK = row_dtype(
    [
        ("tls_bytes", "<i8"),  # captured: record headers, and bodies but application data
        ("records", "<i8"),  # of application data
        ("record_bytes", "<i8"),  # what their headers say
        ("begun_time", "<i8"),  # ns, packet of the first byte; set with the first record
        ("changed_time", "<i8"),  # ns, end of the first ChangeCipherSpec
        ("finished_time", "<i8"),  # ns, end of the first handshake record behind it
        ("first_time", "<i8"),  # ns, end of the first record of application data
        ("second_time", "<i8"),  # ns, end of the second
        ("last_time", "<i8"),  # ns, beginning of the last
        ("finished_packet", "<i8"),  # the packets of these; 0: not seen
        ("first_packet", "<i8"),
        ("alert_packet", "<i8"),  # first readable alert; 0 without
        ("hidden_packet", "<i8"),  # first encrypted alert (TLS 1.2); 0 without
        ("lost_packet", "<i8"),  # where record boundaries were first lost; 0: never
        ("fault_packet", "<i8"),  # the same, if a header cannot be one
        ("left", "<i4"),  # bytes of the record at hand still to come
        ("length", "<i4"),  # of that record
        ("kept", "<i4"),  # bytes of handshake messages handed out
        ("version", "<u2"),  # of that record
        ("state", "u1"),  # tls.session.State
        ("type", "u1"),  # of that record
        ("have", "u1"),  # bytes of its header read
        ("done", "u1"),  # 1: handshake messages are wanted no more
        ("alert", "u1"),  # description in the first readable alert
    ]
)
"""What is known of the records of one direction; times NULL where not seen."""

PIECE = row_dtype(
    [
        ("packet", "<i8"),
        ("time", "<i8"),  # ns: captured, and all before it there
        ("begun", "<i8"),  # ns: when the packet with its first byte was captured
        ("start", "<i8"),  # in the batch's data
        ("direction", "<i4"),
        ("length", "<i4"),
        ("behind", "<i4"),  # 1: behind a ChangeCipherSpec, and so mostly encrypted
    ]
)
"""Bytes of handshake messages in one row of the stream."""
