"""Words and lists that sentences and evidence of all rules share.

Knows ended connections. Used by the families of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from analyzer.columns import NULL
from analyzer.diagnosis.facts import Ended
from analyzer.wording import address, timestamp

MOST = 10
"""Packets and connections listed as evidence: enough to look at, few enough to read."""


def lists(ends: Sequence[Ended]) -> dict[str, Any]:
    """Return packets of the ends and numbers of the connections, the first few."""
    return {
        "packets": packets(end.end_packet for end in ends),
        "connections": [end.number for end in ends][:MOST],
    }


def packets(some: Iterable[int]) -> list[int]:
    """Return the first few packets in order, without nulls."""
    return sorted({packet for packet in some if packet != NULL})[:MOST]


def when(time: int, name: str = "first_at") -> dict[str, str]:
    """Return when something first showed, in UTC; nothing where that is not known.

    Args:
        time: ns since 1970, or NULL.
        name: under which evidence has it.
    """
    return {} if time == NULL else {name: timestamp(time)}


def seconds(ns: int) -> str:
    """Return a time in seconds with three digits or more: 0.250 s, 60.0 s, 3,600 s."""
    value = ns / 1e9
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 1000 else 0
    return f"{value:,.{digits}f} s"


def side_name(side: int) -> str:
    """Return "the client" or "the server"."""
    return ("the client", "the server")[side]


def server_name(end: Ended) -> str:
    """Return the host that was asked for, else the address of the server."""
    return end.host or address(end.server_ip, end.server_port)
