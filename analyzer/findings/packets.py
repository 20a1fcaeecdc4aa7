"""Findings of packets: link types, snap length, fragments, tunnels."""

from __future__ import annotations

from analyzer.findings.kinds import NOTE, WARNING
from analyzer.findings.kinds import kind_of as _kind

PACKETS_UNKNOWN_LINK_TYPE = _kind(
    "packets-unknown-link-type",
    WARNING,
    "",
    "Packets of a link type that is not decoded: {detail}.",
)
PACKETS_WRONG_LINK_TYPE = _kind(
    "packets-wrong-link-type",
    WARNING,
    "",
    "The file seems to name the wrong link type: {detail}.",
)
PACKETS_CAPTURED_TOO_LONG = _kind(
    "packets-captured-too-long",
    WARNING,
    "",
    "Packets are stored with more bytes than their original length, which is the "
    "one used: {detail}.",
)
PACKETS_WLAN_UNREAD = _kind(
    "packets-wlan-unread", WARNING, "", "Data in 802.11 frames was not read: {detail}."
)
PACKETS_SNAPLEN = _kind(
    "packets-snaplen", WARNING, "", "Packets were cut by the capture's snap length: {detail}."
)
PACKETS_MALFORMED = _kind(
    "packets-malformed", NOTE, "", "Packets with inconsistent headers: {detail}."
)
PACKETS_FRAGMENT_LOST = _kind(
    "packets-fragment-lost", WARNING, "RFC 791 3.2", "IP datagrams never completed: {detail}."
)
PACKETS_FRAGMENT_OVERLAP = _kind(
    "packets-fragment-overlap", WARNING, "RFC 5722", "IP fragments overlap: {detail}."
)
PACKETS_FRAGMENT_LIMIT = _kind(
    "packets-fragment-limit",
    WARNING,
    "",
    "Datagrams dropped because of max_fragmented_datagrams or max_fragments: {detail}.",
)
PACKETS_TUNNEL_DEPTH = _kind(
    "packets-tunnel-depth", WARNING, "", "Tunnels nested deeper than max_tunnel_depth: {detail}."
)
