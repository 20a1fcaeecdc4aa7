"""Mutation fuzzing that looks at what is said: no error about a peer that did nothing wrong.

Not collected by pytest: it runs as long as it is told to.

    python tests/fuzzing/blamed.py --seconds 3600 > /tmp/blamed.txt

Each capture of captures/ and tests/cases/ up to 100 kB is analysed as it is, then changed in one
of two ways. What only a capture suffers (packets lost, repeated, swapped, cut, its beginning or
end missing) changes no byte that a peer sent: an error with a culprit, a message or a Close that
the whole capture does not have is then false. What changes bytes (a bit, a field of TCP) may
bring errors at the packet that was changed, and is counted for somebody to look at. Every
twentieth is analysed again in small batches, which must give the same tables.
"""

# ruff: noqa: E402, tests/ is put on the path first
from __future__ import annotations

import argparse
import collections
import io
import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from oracle import captures, mutations

from analyzer import pipeline
from analyzer.analysis import Collector
from analyzer.errors import CaptureError
from analyzer.options import Options
from analyzer.tables.schema import FINDINGS, FRAMES, MESSAGES, TABLES

LARGEST = 100_000
"""Bytes of a capture that is taken: many small ones say more in an hour."""
EDITCAP = ["editcap", "-F", "nsecpcap"]

Row = tuple[Any, ...]
Counts = collections.Counter[Row]


@dataclass
class Said:
    """What one analysis said: errors with a culprit, whole messages, codes of Close frames."""

    errors: Counts = field(default_factory=collections.Counter)
    messages: Counts = field(default_factory=collections.Counter)
    closes: Counts = field(default_factory=collections.Counter)
    places: list[Row] = field(default_factory=list)


def analysed(data: bytes, keys: Path | None, **options: Any) -> Collector:
    collector = Collector()
    chosen = Options(payload="full", keys=keys, alternatives=False, **options)
    pipeline.run(["-"], chosen, [collector], stdin=io.BytesIO(data))
    return collector


def rows_of(collector: Collector, table: Any, *names: str) -> list[Row]:
    values = collector.rows(table).values
    columns = [list(values[name]) for name in names]
    return [tuple(row) for row in zip(*columns, strict=True)]


def what_is_said(collector: Collector) -> Said:
    said = Said()
    names = ("id", "severity", "direction", "tcp_stream", "packet", "text", "count")
    for id_, severity, direction, stream, packet, text, count in rows_of(
        collector, FINDINGS, *names
    ):
        if str(severity) in ("error", "3") and direction not in (None, -1, ""):
            said.errors[id_, str(direction)] += int(count)
            said.places.append((id_, str(direction), int(stream), int(packet), text))
    for row in rows_of(collector, MESSAGES, "direction", "type", "payload_bytes", "payload"):
        payload = row[3]
        if payload is not None and len(payload) == row[2]:
            said.messages[str(row[0]), str(row[1]), bytes(payload)] += 1
    for direction, opcode, code in rows_of(collector, FRAMES, "direction", "opcode", "close_code"):
        said.closes[str(direction), str(opcode), int(code)] += 1
    return said


# --- what a capture suffers ------------------------------------------------------------
def lost(packets: list, rng: random.Random) -> list:
    gone = set(rng.sample(range(len(packets)), min(len(packets) - 1, rng.choice((1, 1, 2, 4)))))
    return [each for place, each in enumerate(packets) if place not in gone]


def run_lost(packets: list, rng: random.Random) -> list:
    at = rng.randrange(len(packets))
    return packets[:at] + packets[at + rng.randrange(1, 12) :]


def repeated(packets: list, rng: random.Random) -> list:
    at = rng.randrange(len(packets))
    later = min(len(packets), at + rng.choice((1, 1, 2, 8)))
    return [*packets[:later], packets[at], *packets[later:]]


def swapped(packets: list, rng: random.Random) -> list:
    packets = list(packets)
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.randrange(len(packets) - 1)
        packets[at], packets[at + 1] = packets[at + 1], packets[at]
    return packets


def late_start(packets: list, rng: random.Random) -> list:
    return packets[rng.randrange(len(packets)) :]


def early_end(packets: list, rng: random.Random) -> list:
    return packets[: rng.randrange(1, len(packets) + 1)]


def snapped(packets: list, rng: random.Random) -> list:
    length = rng.choice((60, 68, 80, 96, 120, 128, 200, 300, rng.randrange(54, 400)))
    return [(when, data[:length], original) for when, data, original in packets]


def one_snapped(packets: list, rng: random.Random) -> list:
    packets = list(packets)
    at = rng.randrange(len(packets))
    when, data, original = packets[at]
    packets[at] = (when, data[: rng.randrange(max(1, min(54, len(data))), len(data) + 1)], original)
    return packets


def one_side_lost(packets: list, rng: random.Random) -> list:
    """Loss of one port's packets, in a run."""
    port = rng.choice(packets)[1][34:36]
    first = rng.randrange(len(packets))
    last = first + rng.randrange(1, 40)
    return [
        each
        for place, each in enumerate(packets)
        if not (first <= place < last and each[1][34:36] == port)
    ] or packets


SUFFERED = (
    *(lost, run_lost, repeated, swapped, late_start, early_end, snapped, one_snapped),
    *(one_side_lost, lost, run_lost),
)


# --- what changes bytes ----------------------------------------------------------------
def flipped(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(min(34, len(data) - 1), len(data))
    data[at] ^= 1 << rng.randrange(8)


def sequence(data: bytearray, rng: random.Random) -> None:
    if len(data) > 42:
        data[rng.randrange(38, 42)] ^= 1 << rng.randrange(8)


def acknowledgement(data: bytearray, rng: random.Random) -> None:
    if len(data) > 46:
        data[rng.randrange(42, 46)] ^= 1 << rng.randrange(8)


def flags(data: bytearray, rng: random.Random) -> None:
    if len(data) > 47:
        data[47] ^= 1 << rng.randrange(8)


CHANGED = (flipped, flipped, sequence, acknowledgement, flags)


# --- the run ---------------------------------------------------------------------------
@dataclass
class Original:
    """A capture, taken apart."""

    path: Path
    link: int
    packets: list
    keys: Path | None
    said: Said


def originals(pattern: str) -> list[Original]:
    found = []
    folders = (TESTS.parent / "captures", TESTS / "cases")
    for path in sorted(each for folder in folders for each in folder.rglob("*.pcap*")):
        if path.stat().st_size > LARGEST or pattern not in path.name:
            continue
        done = subprocess.run([*EDITCAP, str(path), "-"], capture_output=True, check=False)
        keys = path.with_suffix(".keys")
        keys = keys if keys.exists() else None
        try:
            link, packets = mutations.packets_of(done.stdout)
            said = what_is_said(
                analysed(captures.pcap(packets, link_type=link, nanoseconds=True), keys)
            )
        except (CaptureError, struct.error, ValueError, IndexError, OSError) as error:
            print(f"left out: {path.name}: {error!r}", flush=True)
            continue
        if len(packets) > 2:
            found.append(Original(path, link, packets, keys, said))
    return found


class Mutation(NamedTuple):
    """A capture that something happened to."""

    file: bytes
    change: Callable[..., Any]
    place: int
    """Of the packet that was changed; -1 where packets as a whole suffered."""


def mutated(one: Original, seed: int) -> Mutation:
    """Return the mutation that a seed stands for."""
    rng = random.Random(seed)
    place = -1
    change: Callable[..., Any]
    if rng.random() < 0.7:
        change = rng.choice(SUFFERED)
        packets = change(one.packets, rng)
    else:
        change = rng.choice(CHANGED)
        place = rng.randrange(len(one.packets))
        when, data, original = one.packets[place]
        changed = bytearray(data)
        change(changed, rng)
        packets = list(one.packets)
        packets[place] = (when, bytes(changed), original)
    file = captures.pcap(packets, link_type=one.link, nanoseconds=True)
    return Mutation(file, change, place)


def compared(one: Original, seed: int) -> list[Row]:
    """Return what is said of a mutation and should not be."""
    file, change, place = mutated(one, seed)
    collector = analysed(file, one.keys)
    said = what_is_said(collector)
    odd: list[Row] = []
    for id_, side in said.errors - one.said.errors:
        for where in said.places:
            here = "here" if where[3] == place + 1 else "elsewhere"
            if where[:2] == (id_, side):
                odd.append((change.__name__, id_, here if place >= 0 else "", where))
                break
    if place < 0:
        more = said.messages - one.said.messages
        if change is not repeated:
            odd += [(change.__name__, "message", "", (row[0], row[2][:40])) for row in more]
        odd += [
            (change.__name__, "close", "", row)
            for row in said.closes - one.said.closes
            if row[1] == "close"
        ]
    if seed % 20 == 0:
        other = analysed(file, one.keys, batch_bytes=512)
        for table in TABLES:
            if rows_as_text(collector, table) != rows_as_text(other, table):
                odd.append((change.__name__, "batches", "", (table.name,)))
    return odd


def rows_as_text(collector: Collector, table: Any) -> list[str]:
    names = [column.name for column in table.columns]
    return sorted(map(repr, rows_of(collector, table, *names)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--only", default="", help="captures whose name has this")
    parser.add_argument("--save", type=Path, help="write the capture of --first here, and end")
    chosen = parser.parse_args()
    found = originals(chosen.only)
    print(f"{len(found)} captures", flush=True)
    if chosen.save:
        one = found[chosen.first % len(found)]
        chosen.save.write_bytes(mutated(one, chosen.first).file)
        print(f"{one.path.name} -> {chosen.save}")
        return
    counts: Counts = collections.Counter()
    until, seed = time.monotonic() + chosen.seconds, chosen.first
    while time.monotonic() < until:
        one = found[seed % len(found)]
        try:
            odd = compared(one, seed)
        except Exception as error:
            odd = [("?", "raised", "", (repr(error),))]
        for row in odd:
            counts[row[:3]] += 1
            # A bit that was changed may well break a rule where it is.
            if counts[row[:3]] <= 12 and row[::2][:2] != ("flipped", "here"):
                print(one.path.name, seed, *row, flush=True)
        seed += 1
    print(f"{seed - chosen.first} mutations")
    for row, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        print(count, *row)


if __name__ == "__main__":
    main()
