"""The record layer: what a record header says, and what is kept of each direction.

Knows RFC 8446 5.1 and RFC 5246 6.2.1. Must not know what a handshake message says
(tls.hello). The kernel that walks over records (tls._records) shares its constants and
dtypes, and takes the lifecycle of tls.session as a table.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from analyzer.columns import row_dtype
from analyzer.lazy_dataclass import dataclass

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
    """Content type, (major, minor) version and bytes of the record after it."""

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


SHORT_TURN: Final = 80
"""Bytes of a record, headers of its cipher and all, that holds no request of HTTP."""
HIDDEN_ALERT: Final = 19
"""Bytes of a record of TLS 1.3 that may be an alert."""
PUSH_NS: Final = 500_000_000

WALK = row_dtype(
    [
        ("tls_bytes", "<i8"),  # captured: record headers, and bodies but application data
        ("records", "<i8"),  # of application data
        ("record_bytes", "<i8"),  # what their headers say
        ("short_turns", "<i8"),  # behind the other side's, a record of at most SHORT_TURN bytes
        ("pushes", "<i8"),  # records PUSH_NS behind the one before, the other side silent since
        ("begun_time", "<i8"),  # ns, packet of the first byte; set with the first record
        ("changed_time", "<i8"),  # ns, end of the first ChangeCipherSpec
        ("finished_time", "<i8"),  # ns, end of the first handshake record after it
        ("first_time", "<i8"),  # ns, end of the first record of application data
        ("second_time", "<i8"),  # ns, end of the second
        ("last_time", "<i8"),  # ns, beginning of the last
        ("finished_packet", "<i8"),  # the packets of these; 0: not seen
        ("first_packet", "<i8"),
        ("alert_packet", "<i8"),  # first readable alert; 0 without
        ("hidden_packet", "<i8"),  # first encrypted alert (TLS 1.2); 0 without
        ("lost_packet", "<i8"),  # where record boundaries were first lost; 0: never
        ("fault_packet", "<i8"),  # the same, if a header cannot be one
        ("heard_packet", "<i8"),  # its last packet with bytes; 0 before any
        ("heard_time", "<i8"),  # ns; NULL: bytes after it were lost
        ("record_packet", "<i8"),  # first byte of the current record, or of the last one
        ("record_time", "<i8"),
        ("before_packet", "<i8"),  # the last byte before that one
        ("before_time", "<i8"),
        ("end_packet", "<i8"),  # first FIN or RST of either direction; 0 before
        ("end_time", "<i8"),
        ("quiet_packet", "<i8"),  # its last packet with bytes before that
        ("quiet_time", "<i8"),  # ns; NULL: not known
        ("left", "<i4"),  # bytes of the current record still to come
        ("length", "<i4"),  # of that record
        ("kept", "<i4"),  # bytes of handshake messages handed out
        ("version", "<u2"),  # of that record
        ("state", "u1"),  # tls.session.State
        ("type", "u1"),  # of that record
        ("have", "u1"),  # bytes of its header read
        ("done", "u1"),  # 1: handshake messages are no longer wanted
        ("alert", "u1"),  # description in the first readable alert
        ("last_alert", "u1"),  # last byte of the last alert, readable or not
        ("ended_it", "u1"),  # 1: end_packet is of this direction
        ("spoke", "u1"),  # 1: the last application data is of this direction
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
        ("behind", "<i4"),  # 1: after a ChangeCipherSpec, and so mostly encrypted
    ]
)
"""Bytes of handshake messages in one row of the stream."""

RECORD = row_dtype(
    [
        ("start", "<i8"),  # of its body in the batch's data; -1: not in one piece
        ("done_packet", "<i8"),  # the last of its packets
        ("done_time", "<i8"),  # ns: when it was whole
        ("wire", "<i8"),  # bytes of TCP's stream that it represents
        ("content", "<i8"),  # plaintext bytes, once that is known; of a hole the ones missing
        ("direction", "<i4"),
        ("length", "<i4"),  # of its body
        ("row", "<i4"),  # the row that made it whole
        ("first", "<i4"),  # its pieces: rows of CUT
        ("pieces", "<i4"),
        ("skip", "<i4"),  # bytes of the body before the plaintext; of a hole 1 where it goes on
        # from one before it
        ("version", "<u2"),
        ("type", "u1"),  # of the record header
        ("fate", "u1"),  # *_RECORD
    ]
)
"""One record cut from the stream, or a hole in it."""

# Fates of records. What the cut says:
WHOLE_RECORD: Final = 0
BROKEN_RECORD: Final = 1  # bytes of it are missing; where it ends is known
HOLE: Final = 2  # bytes whose records are not known, up to the next header that was found
# What came of it:
OPENED_RECORD: Final = 3  # application data; content is what it holds
FRAMING_RECORD: Final = 4  # handshake, alert, ticket: nothing for the stream above
SHUT_RECORD: Final = 5  # application data that stays unread; content is its size, or UNKNOWN,
# or 0 where what follows will not be read either
WAITING_RECORD: Final = 6  # for keys

UNKNOWN: Final = -1

PASSED: Final = 0
TAKEN: Final = 1
CLOSED: Final = 2
"""What is done with the rows of a direction."""

CUT = row_dtype(
    [
        ("record", "<i4"),  # -1: a row that passes; -2: one that is closed
        ("row", "<i4"),  # of the stream
        ("at", "<i4"),  # where in the record it begins
        ("begin", "<i4"),  # where in the row
        ("count", "<i4"),  # bytes of both
    ]
)
"""What a row of the cut represents."""

LINK = row_dtype(
    [
        ("row", "<i4"),
        ("at", "<i4"),  # where in the row it begins
        ("count", "<i4"),  # bytes; 0: a row without payload
        ("next", "<i4"),  # piece of the same record; -1
    ]
)
"""A piece of a record that is not whole yet."""

SIDE = row_dtype(
    [
        ("tls_bytes", "<i8"),  # bytes of TLS's own in what was laid
        ("head", "<i4"),  # first and last piece; -1
        ("tail", "<i4"),
        ("left", "<i4"),  # bytes of the body still to come
        ("have", "<i4"),  # bytes of the header read
        ("length", "<i4"),  # of the body
        ("seen", "<i4"),  # bytes of all pieces
        ("added", "<i4"),  # 1 + its row of SUM; 0
        ("stop", "<i4"),  # 1 + the row from which on none is laid; 0: all are
        ("version", "<u2"),
        ("type", "u1"),
        ("lost", "u1"),  # where the next record begins is not known
        ("broken", "u1"),  # bytes of the record are missing
        ("began_lost", "u1"),  # lost was set where the hole begins
    ]
)
"""One direction of the cut."""

SUM = row_dtype(
    [
        ("time", "<i8"),  # ns: when the first was whole
        ("content", "<i8"),  # bytes that they hold
        ("length", "<i8"),  # bytes of their bodies
        ("direction", "<i4"),
        ("count", "<i4"),
        ("least", "<i4"),  # the least and the most by which these differ
        ("most", "<i4"),
    ]
)
"""The records of one direction that were opened."""
