"""Frames and messages as rows, and the state of a frame walk.

Knows the layout of what the kernel `_frames` reads and writes. Must not know how
rows are reported. Used by the kernel's owner, websocket.stage, and by tables.
"""

from __future__ import annotations

from analyzer.columns import row_dtype
from analyzer.named_tuple import NamedTuple

FRAME = row_dtype(
    [
        ("connection", "<i8"),
        ("frame", "<i8"),  # number in its connection, both directions together
        ("message", "<i8"),  # number in its connection; NULL for control frames
        ("payload_bytes", "<i8"),  # on the wire
        ("masking_key", "<i8"),  # as sent, big-endian; NULL if not masked
        ("packet_first", "<i8"),
        ("packet_last", "<i8"),  # the packet with which it was complete, in order
        ("time_first", "<i8"),  # ns
        ("time_last", "<i8"),
        ("direction", "<i4"),  # 2 * slot + side
        ("header_bytes", "<i4"),
        ("close_code", "<i4"),  # -1 if none
        ("sender", "u1"),  # CLIENT or SERVER
        ("opcode", "u1"),
        ("bits", "u1"),  # FIN 8, RSV1 4, RSV2 2, RSV3 1
        ("masked", "u1"),
    ]
)
"""One frame, complete (RFC 6455 5.2)."""

MESSAGE = row_dtype(
    [
        ("connection", "<i8"),
        ("message", "<i8"),  # number in its connection
        ("payload_bytes", "<i8"),  # as the application sees it; NULL if not known
        ("transfer_bytes", "<i8"),  # as sent
        ("ws_header_bytes", "<i8"),
        ("packet_header_bytes", "<i8"),
        ("ack_bytes", "<i8"),
        ("retransmitted_bytes", "<i8"),
        ("tls_bytes", "<i8"),
        ("http_bytes", "<i8"),  # HTTP/2 framing
        ("packet_first", "<i8"),
        ("packet_last", "<i8"),  # the packet with which it was complete, in order
        ("time_first", "<i8"),  # ns
        ("time_last", "<i8"),
        ("stall", "<i8"),  # ns of waiting for a hole to fill
        ("stall_until", "<i8"),  # ns: end of the wait counted last
        ("begin", "<i8"),  # stream offsets of its first byte and after its last
        ("end", "<i8"),  # NULL while it is not complete
        ("before", "<i8"),  # ns: end of the message before it; NULL: none; NOT_OVER
        ("shut_before", "<i8"),  # ns for which the receiver's window had been closed
        ("window", "<i8"),  # ns for which it was, of the time that the message took
        ("nagle", "<i8"),  # ns of waiting for a delayed ACK
        ("resent", "<i8"),  # ns until bytes of it were sent again
        ("resent_until", "<i8"),  # ns: end of the wait counted last
        ("estimate", "<i8"),  # bytes that permessage-deflate would have saved; NULL
        ("digest", "<u8"),  # over its length and first DIGESTED bytes; 0: not known
        ("word", "<u8"),  # of the digest: bytes that make no whole word yet
        ("frames", "<i4"),
        ("direction", "<i4"),
        ("preview_bytes", "<i4"),
        ("digested", "<i4"),  # bytes in the digest so far
        ("next", "<i4"),  # in its direction's queue of messages that wait for an ACK
        ("sender", "u1"),
        ("opcode", "u1"),
        ("compressed", "u1"),
        ("damaged", "u1"),  # bytes of it were lost or not read
        ("told", "u1"),  # NOT_TOLD, TOLD; FREE: no message
    ]
)
"""One message (RFC 6455 5.4), in the pool until all its costs are known."""

WALK = row_dtype(
    [
        ("connection", "<i8"),
        ("frame", "<i8"),
        ("payload_bytes", "<i8"),
        ("payload_left", "<i8"),
        ("begin", "<i8"),  # stream offset of the frame's first byte
        ("packet_first", "<i8"),
        ("packet_last", "<i8"),
        ("time_first", "<i8"),
        ("time_last", "<i8"),
        ("share", "<i8"),  # packet header bytes of a frame header read in part
        ("ack_share", "<i8"),  # pure ACK bytes of the same
        ("tls_share", "<i8"),  # TLS and HTTP/2 framing of the same
        ("http_share", "<i8"),
        ("seen", "<i8"),  # stream offset after the last row
        ("acked", "<i8"),  # stream offset acknowledged by the peer; NULL before any
        ("frames", "<i8"),
        ("messages", "<i8"),
        ("message_bytes", "<i8"),  # payload of complete messages, inflated
        ("ws_header_bytes", "<i8"),
        ("ws_control_bytes", "<i8"),
        ("transfer_bytes", "<i8"),
        ("unparsed_bytes", "<i8"),
        ("missing", "<i8"),  # bytes of the frame's payload that were not captured
        ("skipped", "<i8"),  # bytes not read since the framing was lost
        ("first_data_time", "<i8"),  # ns of the first data frame; NULL
        ("last_key", "<i8"),  # NULL before the first
        ("key_step", "<i8"),
        ("repeated_keys", "<i8"),
        ("stepped_keys", "<i8"),
        ("ready_packet", "<i8"),  # that made the latest bytes readable
        ("heard_packet", "<i8"),  # its last packet with bytes above TCP; 0 before any
        ("heard_time", "<i8"),  # ns; NULL: bytes after it were lost
        ("before_packet", "<i8"),  # the same, before the first byte of the frame
        ("before_time", "<i8"),
        ("end_packet", "<i8"),  # first Close, FIN or RST of either direction; 0 before
        ("end_time", "<i8"),
        ("quiet_packet", "<i8"),  # its last packet with bytes before that
        ("quiet_time", "<i8"),  # ns; NULL: not known
        ("life_packet", "<i8"),  # its last packet of any kind
        ("life_time", "<i8"),
        ("watched", "<i8"),  # stream offset up to which ACKs are reported
        ("sent", "<i8"),  # stream offset up to which its bytes came; 0: none came yet
        ("shut_since", "<i8"),  # ns: when its sender's window closed; NULL: it is open
        ("shut_total", "<i8"),  # ns for which it was closed before
        ("shut_from", "<i8"),  # ns: when it closed the last time that it opened again; NULL
        ("shut_until", "<i8"),  # ns: when it opened then
        ("shut_seen", "<i8"),  # ns: when it was last said that it is closed
        ("round_trip", "<i8"),  # ns from its bytes to their ACK, where that came at once; NULL
        ("ack_delay", "<i8"),  # ns more than that until all of it was acknowledged; NULL
        ("acked_time", "<i8"),  # ns: when; good where ack_delay is
        ("head_nagle", "<i8"),  # ns that the header now read waited for delayed ACKs
        ("mode", "<i4"),
        ("message", "<i4"),  # pool index; -1 between messages
        ("head", "<i4"),  # first and last message that wait for an ACK; -1
        ("tail", "<i4"),
        ("pending", "<i4"),
        ("have", "<i4"),  # bytes of a frame header read so far
        ("key", "<u4"),  # little-endian: byte i masks payload byte i
        ("phase", "<i4"),  # which byte of the key comes next
        ("header_bytes", "<i4"),
        ("utf8_need", "<i4"),  # continuation bytes still due; -1: known to be invalid
        ("utf8_low", "<i4"),
        ("utf8_high", "<i4"),
        ("rsv_allowed", "<i4"),
        ("keep", "<i4"),  # KEEP_*
        ("mss", "<i4"),  # of its segments, as the receiver announced; 0: not known
        ("sender", "u1"),
        ("opcode", "u1"),
        ("bits", "u1"),
        ("masked", "u1"),
        ("closing", "u1"),  # this direction has sent Close
        ("tolerant", "u1"),  # a message may be joined in its middle
        ("deflate", "u1"),  # permessage-deflate was negotiated
        ("compressed", "u1"),  # the current message is
        ("framed", "u1"),  # its rows represent more than their bytes
        ("ended_by_close", "u1"),  # end_packet is a Close
        ("quiet_known", "u1"),  # 0: bytes were lost, or it is not known
        ("bad_text", "u1"),  # a text of this direction was not UTF-8
        ("trusted", "u1"),  # the frame's payload was taken for frames, and is none
        ("zero_keys", "<i8"),  # masking keys of zero
        ("repeat_packet", "<i8"),  # of the first key that repeats; 0 before any
        ("repeat_frame", "<i8"),
        ("step_packet", "<i8"),  # of the first at the same step as the one before
        ("step_frame", "<i8"),
        ("zero_packet", "<i8"),
        ("zero_frame", "<i8"),
        ("data_frame", "<i8"),  # the last frame that was part of a message
    ]
)
"""One direction of the walk."""


class Keys(NamedTuple):
    """Masking keys of a direction that are not random (RFC 6455 5.3); from its WALK row."""

    repeated: int
    stepped: int
    zero: int
    repeat: tuple[int, int]
    """Packet and frame of the first that repeats; (0, 0) before any."""
    step: tuple[int, int]
    zeroed: tuple[int, int]


class Ending(NamedTuple):
    """The state of a direction when its connection ends; from its WALK row."""

    mode: int
    header_read: int
    """Bytes of a header that is not whole."""
    payload_left: int
    in_message: int
    packet: int
    frame: int
    frames: int
    messages: int
    message_bytes: int
    ws_header_bytes: int
    ws_control_bytes: int
    transfer_bytes: int
    unparsed_bytes: int
    first_data_time: int
    end_packet: int
    """First Close, FIN or RST of either direction; 0 without."""
    end_time: int
    quiet_time: int
    """Last byte above TCP before that; NULL if not known."""
    ended_by_close: int
    heard_packet: int
    """Last packet with bytes above TCP; 0 without."""
    heard_time: int
    life_time: int
    """Last packet of any kind."""
    shut_total: int
    shut_since: int
    data_packet: int
    """Last packet of the unfinished message's whole frames; 0 where it has none."""
    data_frame: int


CONTROL = row_dtype(
    [
        ("row", "<i4"),  # of the frame, in the batch's frames
        ("start", "<i4"),  # of its payload, in the batch's control bytes
        ("length", "<i4"),  # of the payload kept (at most 125)
        ("complete", "<i4"),  # 0: bytes were lost
        ("end", "<i8"),  # stream offset after the frame
    ]
)
"""One control frame with its payload, unmasked."""

ACK = row_dtype(
    [
        ("acked", "<i8"),  # stream offset
        ("packet", "<i8"),
        ("time", "<i8"),  # ns
        ("direction", "<i4"),  # the one that is acknowledged
        ("place", "<i4"),  # rows of CONTROL that came before it in the batch
    ]
)
"""An acknowledgement of bytes that hold a Ping or a Close, or come after one."""

FRAGMENT = row_dtype(
    [
        ("start", "<i8"),  # in data, unmasked; -1: bytes that were lost
        ("length", "<i8"),
        ("packet", "<i8"),
        ("frame", "<i8"),
        ("message", "<i4"),  # pool index; -1: the message was given up
        ("direction", "<i4"),
        ("last", "u1"),  # ends its message
        ("compressed", "u1"),
        ("text", "u1"),
    ]
)
"""A piece of payload that must be kept: to inflate it, or because all payload is."""

ODDITY = row_dtype(
    [
        ("packet", "<i8"),
        ("frame", "<i8"),
        ("detail", "<i8"),
        ("direction", "<i4"),
        ("kind", "<i4"),  # findings.Kind.code
    ]
)
"""A finding as the kernel writes it."""

CLIENT, SERVER = 0, 1

# Modes of a direction. PROBE is 0, so that zeroed state means: not known yet.
PROBE = 0  # unknown traffic: shown to the recogniser
HEADER = 1  # the next byte belongs to a frame header
PAYLOAD = 2
SEEK = 3  # the boundary was lost: searched for
IGNORE = 4  # not WebSocket

KEEP_NOTHING, KEEP_COMPRESSED, KEEP_ALL = 0, 1, 2
"""Which payload becomes FRAGMENT rows."""

FREE, NOT_TOLD, TOLD = 0, 1, 2
"""Whether a message that waits for an ACK was announced to observers of a live run."""

NOT_OVER = 2**63 - 1
"""In place of the end of a message that was still on its way when the next one began."""

SHORTEST_DELAYED_ACK_NS = 30_000_000
"""What a receiver waits on purpose: Linux 40 ms, less a tick of its clock, others more."""
LONGEST_DELAYED_ACK_NS = 500_000_000
"""RFC 9293 3.8.6.3: "the delay MUST be less than 0.5 seconds"."""
AT_ONCE_NS = 2_000_000
"""A segment that was held back leaves with the ACK: within the time of an interrupt, and of a busy
host's queue. A program that itself waits meets that moment by chance only."""
LONG_WAY_NS = 1_000_000_000
"""No way there and back takes longer: TCP itself supposes one second (RFC 6298 2.1)."""
MOST_AGAIN = 64
"""Copies of a message's bytes of which it is remembered how long it waited for them: a stack gives
up after some 15 (RFC 9293 3.8.3)."""
SMALL_SEGMENT = 1_220
"""Segments below this count as small where no SYN announced the maximum: what IPv6's least
MTU of 1,280 leaves (RFC 8200 5)."""

DIGESTED = 256
"""Payload bytes of a message in its digest: messages that differ only behind them are rare."""

MAX_CONTROL = 125
"""RFC 6455 5.5: all control frames MUST have a payload length of 125 bytes or less."""
