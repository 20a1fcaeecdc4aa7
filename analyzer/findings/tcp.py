"""Findings of TCP: loss, repeats, windows, connects that failed."""

from __future__ import annotations

from analyzer.findings.kinds import NOTE, WARNING
from analyzer.findings.kinds import kind_of as _kind

TCP_OVERLAP_DIFFERS = _kind(
    "tcp-overlap-differs",
    WARNING,
    "RFC 9293 3.10.7.4",
    "Bytes sent again differ from those sent first, at stream offset {detail}.",
)
TCP_LOST = _kind(
    "tcp-lost",
    WARNING,
    "",
    "{detail} bytes were acknowledged by the receiver or skipped over, but never captured.",
    one="A byte was acknowledged by the receiver or skipped over, but never captured.",
    total="{detail} bytes {where} were acknowledged by the receiver or skipped over, but never "
    "captured.",
)
TCP_ZERO_WINDOW = _kind(
    "tcp-zero-window",
    WARNING,
    "RFC 9293 3.8.6",
    "The receiver closed its window {detail} times.",
    one="The receiver closed its window once.",
    total="Receivers closed their window {detail} times {where}.",
)
TCP_RETRANSMISSIONS = _kind(
    "tcp-retransmissions",
    NOTE,
    "RFC 9293 3.8.1",
    "{detail} segments were sent again.",
    one="A segment was sent again.",
    total="{detail} segments {where} were sent again.",
)
TCP_RESET_IGNORED = _kind(
    "tcp-reset-ignored",
    NOTE,
    "RFC 5961 3.2",
    "A RST lies outside its receiver's window, or answers a SYN without acknowledging it; it must "
    "be ignored, and was.",
)
TCP_RESET_FOREIGN = _kind(
    "tcp-reset-foreign",
    WARNING,
    "RFC 9293 3.5.2",
    "A RST was probably not sent by its apparent sender: {detail}.",
)
TCP_ONE_DIRECTION = _kind(
    "tcp-one-direction",
    WARNING,
    "",
    "No packet of one direction was captured; {detail} of its bytes were acknowledged.",
    total="No packet of one direction was captured {where}; {detail} of its bytes were "
    "acknowledged.",
)
TCP_HELD_LIMIT = _kind(
    "tcp-held-limit",
    WARNING,
    "",
    "Out-of-order bytes reached max_held_bytes; the gap before them was given up: {detail} bytes.",
)
TCP_CONNECTION_LIMIT = _kind(
    "tcp-connection-limit",
    WARNING,
    "",
    "Connections dropped because max_connections were open: {detail}.",
)
TCP_IDLE = _kind(
    "tcp-idle",
    NOTE,
    "",
    "The connection was silent for longer than max_idle_s and was dropped: {detail}.",
)
TCP_CONNECT_REFUSED = _kind(
    "tcp-connect-refused", WARNING, "RFC 9293 3.5.2", "A connect was refused by {detail}."
)
TCP_CONNECT_UNANSWERED = _kind(
    "tcp-connect-unanswered", WARNING, "RFC 9293 3.8.1", "A connect to {detail} was not answered."
)
TCP_CONNECT_LIMIT = _kind(
    "tcp-connect-limit",
    WARNING,
    "",
    "Failed connects beyond max_failed_connects were not examined: {detail}.",
)
TCP_LATE = _kind(
    "tcp-late",
    NOTE,
    "",
    "Packets arrived after the rows of their connection had been written: {detail}.",
)
TCP_DATA_AFTER_FIN = _kind(
    "tcp-data-after-fin",
    WARNING,
    "RFC 9293 3.6",
    "Data beyond the sender's own FIN was ignored: {detail} bytes.",
    total="Data beyond the sender's own FIN was ignored {where}: {detail} bytes.",
)
TCP_OUT_OF_WINDOW = _kind(
    "tcp-out-of-window",
    NOTE,
    "RFC 9293 3.4",
    "Bytes are {detail} beyond the expected position, further than any window; they were ignored.",
)
