"""When a cause first shows: evidence has the time of the packet that it names."""

from __future__ import annotations

import json
import random
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import causes
import pytest

import analyzer

START_S = 1_700_000_000

NAMED = {
    "close-lost": "first_at",
    "idle-entry-lost": "first_at",
    "late-by-loss": "first_at",
    "nagle-delayed-ack": "first_at",
    "peer-vanished": "last_sign_of_life_at",
    "ping-unanswered": "first_at",
    "proxy-stripped": "first_request_at",
    "slow-handshake": "first_request_at",
}
"""Causes whose evidence has the time of their first packet, and under which name."""


def packet_times(pcap: bytes) -> list[int]:
    """Return the times of all packets, in ns: of a classic file with nanoseconds."""
    at, times = 24, []
    while at < len(pcap):
        seconds, fraction, kept, _ = struct.unpack_from("<IIII", pcap, at)
        times.append(seconds * 1_000_000_000 + fraction)
        at += 16 + kept
    return times


def ns(text: str) -> int:
    """Return a time of evidence in ns."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def said(variant: causes.Variant, folder: Path) -> dict[str, Any]:
    path = folder / "variant.pcap"
    path.write_bytes(variant.pcap)
    (row,) = analyzer.analyze(path, alternatives=False).diagnoses.to_dict("records")
    return {**row, "evidence": json.loads(row["evidence"])}


@pytest.fixture(scope="module")
def some() -> dict[str, causes.Variant]:
    """Return the first variant of each cause that shows nothing else."""
    found: dict[str, causes.Variant] = {}
    for maker in causes.MAKERS:
        variant = maker(random.Random(f"{maker.__name__} 0"), 0)
        if len(variant.right) == 1:
            found.setdefault(next(iter(variant.right)), variant)
    return found


@pytest.mark.parametrize("id_", sorted(NAMED))
def test_time_of_the_first_packet(
    id_: str, some: dict[str, causes.Variant], tmp_path: Path
) -> None:
    row = said(some[id_], tmp_path)
    seen = packet_times(some[id_].pcap)[int(row["packet"]) - 1]
    assert row["id"] == id_
    assert ns(row["evidence"][NAMED[id_]]) == seen // 1000 * 1000


@pytest.mark.parametrize("id_", ["idle-timeout", "lifetime-limit", "closed-unused"])
def test_when_the_first_one_was_closed(
    id_: str, some: dict[str, causes.Variant], tmp_path: Path
) -> None:
    """The last packet of a connection: the ACK of the other side's FIN, two behind the first."""
    row = said(some[id_], tmp_path)
    seen = packet_times(some[id_].pcap)[int(row["packet"]) - 1]
    assert ns(row["evidence"]["first_closed_at"]) == (seen + 200_000) // 1000 * 1000


def test_a_storm_begins_with_its_first_visit(
    some: dict[str, causes.Variant], tmp_path: Path
) -> None:
    """The end of the first 101: packets come each 100 µs, and it is the sixth."""
    row = said(some["reconnect-storm"], tmp_path)
    assert ns(row["evidence"]["first_at"]) == START_S * 1_000_000_000 + 500_000
