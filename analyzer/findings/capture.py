"""Findings of the capture itself: what the file or the interface lacks."""

from __future__ import annotations

from analyzer.findings.kinds import ERROR, INFO, NOTE, WARNING
from analyzer.findings.kinds import kind_of as _kind

CAPTURE_CUT = _kind("capture-cut", WARNING, "", "The capture ends within a record: {detail}.")
CAPTURE_DAMAGED = _kind(
    "capture-damaged", ERROR, "", "The capture is damaged; what follows was not read: {detail}."
)
CAPTURE_SKIPPED = _kind(
    "capture-skipped",
    WARNING,
    "",
    "Records of the capture are inconsistent and were skipped: {detail}.",
)
CAPTURE_UNREADABLE = _kind(
    "capture-unreadable", ERROR, "", "One of the files was not read: {detail}."
)
CAPTURE_EMPTY = _kind("capture-empty", NOTE, "", "The capture holds no packets.")
CAPTURE_DROPS = _kind(
    "capture-drops", WARNING, "", "The capturing program says that it dropped packets: {detail}."
)
CAPTURE_NOT_READ = _kind(
    "capture-not-read",
    WARNING,
    "",
    "The run had to end before packets that had arrived were analysed: {detail}.",
)
CAPTURE_NO_TIME = _kind(
    "capture-no-time", NOTE, "", "Packets without a time stamp (simple packet blocks): {detail}."
)
CAPTURE_INTERFACE_DOWN = _kind(
    "capture-interface-down",
    WARNING,
    "",
    "The interface went down or away; nothing is captured until it is back: {detail}.",
)
CAPTURE_INTERFACE_UP = _kind(
    "capture-interface-up", NOTE, "", "The interface is back, and the capture continues: {detail}."
)
CAPTURE_CLOCK = _kind(
    "capture-clock", WARNING, "", "The clock of the packet times stepped back: {detail}."
)
CAPTURE_NOT_KEPT = _kind(
    "capture-not-kept",
    ERROR,
    "",
    "From here on, packets are analysed but no longer written to files: {detail}.",
)
CAPTURE_SEEN_TWICE = _kind(
    "capture-seen-twice",
    NOTE,
    "",
    "Packets were captured more than once, at several places or interfaces: "
    "{detail} are copies. They do not count as retransmissions or in the cost of a "
    "connection.",
)
CAPTURE_SEEN_AHEAD = _kind(
    "capture-seen-ahead",
    WARNING,
    "",
    "Copies of {detail} packets came before the SYN of their connection, as where captures are "
    "merged whose clocks differ: what they carry counts twice. Shift one of the files by the "
    "difference (editcap -t) and merge them again.",
)
CAPTURE_REPLACED = _kind(
    "capture-replaced",
    NOTE,
    "",
    "The followed file was replaced or truncated; reading continues with the new one: {detail}.",
)

CAPTURE_ANONYMIZED = _kind(
    "capture-anonymized",
    NOTE,
    "",
    "The capture was anonymized: addresses, names and payload are false, lengths and times are "
    "true; overwritten: {detail}.",
)
CAPTURE_LEGS_LIMIT = _kind(
    "capture-legs-limit",
    INFO,
    "",
    "Legs of one conversation were not looked for among all connections: {detail}.",
)
