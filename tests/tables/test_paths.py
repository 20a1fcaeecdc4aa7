"""Connections that two captures hold: found, timed, with what was lost and changed between."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import analyzer
from analyzer.tables.clocks import Clocks
from analyzer.tables.paths import Between, Matched, matched
from analyzer.tables.talks import Said

CAPTURES = Path(__file__).parents[2] / "captures"
CLIENT, SERVER = CAPTURES / "ends-client.pcap", CAPTURES / "ends-server.pcap"
S, MS = 1_000_000_000, 1_000_000
ONE_WAY_US = 15_000  # of the forwarder between, captures/make/two_ends.py


def records(path: Path) -> tuple[bytes, list[tuple[int, bytes, bytes]]]:
    """Head of a little-endian pcap file, and time (us), lengths and bytes of each packet."""
    data, at, found = path.read_bytes(), 24, []
    while at < len(data):
        seconds, micros, kept, _ = struct.unpack_from("<IIII", data, at)
        found.append((seconds * 1_000_000 + micros, data[at + 8 : at + 16], data[at + 16 :][:kept]))
        at += 16 + kept
    return data[:24], found


def written(target: Path, head: bytes, packets: list[tuple[int, bytes, bytes]]) -> Path:
    body = b"".join(
        struct.pack("<II", *divmod(time, 1_000_000)) + lengths + data
        for time, lengths, data in packets
    )
    target.write_bytes(head + body)
    return target


@cache
def both() -> tuple[pd.DataFrame, pd.DataFrame]:
    return analyzer.paths(CLIENT, SERVER)


def test_one_way_times_and_clocks_of_the_recording() -> None:
    ways, changes = both()
    assert list(ways["direction"]) == ["client", "server"]
    assert list(ways["messages"]) == [30, 30]
    assert list(ways["lost"]) == [0, 0]
    assert len(changes) == 0
    # One clock, and the same delay both ways: the middle is right but for the forwarder's wake.
    assert ways["offset_us"].abs().max() < 500
    assert ways["uncertainty_us"].between(ONE_WAY_US, ONE_WAY_US + 1_000).all()
    assert ways["one_way_us_median"].between(ONE_WAY_US - 500, ONE_WAY_US + 2_000).all()
    # What the forwarder dropped was sent again, after 200 ms or more.
    assert (ways["lost_bytes"] > 0).all()
    assert (ways["one_way_us_max"] > 100_000).all()


def test_order_of_the_captures_does_not_matter() -> None:
    ways, _ = analyzer.paths(SERVER, CLIENT)
    columns = ["messages", "lost", "one_way_us_median", "uncertainty_us", "lost_bytes"]
    assert ways[columns].equals(both()[0][columns])
    assert list(ways["offset_us"]) == list(-both()[0]["offset_us"])


@pytest.mark.parametrize("shift_us", [3_600_500_000, -250_000])
def test_known_offset(shift_us: int, tmp_path: Path) -> None:
    head, packets = records(SERVER)
    moved = [(time + shift_us, lengths, data) for time, lengths, data in packets]
    ways, _ = analyzer.paths(CLIENT, written(tmp_path / "moved.pcap", head, moved))
    assert (ways["offset_us"] - both()[0]["offset_us"]).round().eq(shift_us).all()
    for column in ("one_way_us_median", "one_way_us_max", "lost"):
        assert ways[column].equals(both()[0][column])


def of_port(path: Path, ports: set[int], target: Path) -> Path:
    """The packets of some server ports; the recordings are of Ethernet and IPv4."""
    head, packets = records(path)
    kept = [each for each in packets if ports & set(struct.unpack_from(">HH", each[2], 34))]
    return written(target, head, kept)


def test_a_proxy_with_handshakes_of_its_own(tmp_path: Path) -> None:
    source = CAPTURES / "why-own-handshakes.pcap"
    front = of_port(source, {9107, 9108}, tmp_path / "front.pcap")
    back = of_port(source, {9109}, tmp_path / "back.pcap")
    ways, changes = analyzer.paths(front, back)
    assert len(ways) == 6
    assert list(ways["messages"]) == [10] * 6
    assert (ways["offset_us"].abs() <= ways["uncertainty_us"]).all()  # it is one clock
    kinds = changes.groupby("connection_a", observed=True)["kind"].apply(set)
    assert all({"address", "key", "compression"} <= kind for kind in kinds)
    offered = changes[changes["name"] == "sec-websocket-extensions"]
    assert offered["server_side"].isna().all()
    assert offered["client_side"].str.startswith("permessage-deflate").all()


def test_two_runs_of_one_program_are_not_one_connection() -> None:
    # The same scenario over other ports: what is said is alike, and so are its sizes.
    ways, changes = analyzer.paths(CAPTURES / "npm-ws-basic.pcap", CAPTURES / "lossy.pcap")
    assert len(ways) == len(changes) == 0


def test_what_never_came_is_lost(tmp_path: Path) -> None:
    # The last message of the server's end and all behind it are gone from the client's capture,
    # though it goes on: for longer than the slowest message took, else it may just have ended.
    head, packets = records(CLIENT)
    sizes = [len(data) for _, _, data in packets]
    last = max(place for place, size in enumerate(sizes) if size > 500)
    time, *rest = packets[-1]
    kept = [*packets[:last], (time + 2_000_000, *rest)]
    ways, _ = analyzer.paths(written(tmp_path / "cut.pcap", head, kept), SERVER)
    assert list(ways["lost"]) == [0, 1]


@pytest.mark.parametrize(("sender", "ppm"), [(0, 300.0), (1, 300.0), (0, -300.0), (1, -300.0)])
def test_lost_by_clocks_that_drift(sender: int, ppm: float) -> None:
    """A message half a second before the other capture ends, after an hour, is lost."""
    hour = 3_600 * S
    found = Clocks(40 * S, 5 * MS, drift=ppm * 1000, origin=0)
    ahead = round(40 * S + ppm * 1e-6 * hour)  # of the server's clock, after that hour
    between = Between.__new__(Between)
    between.clocks = found
    between._spans = (0, hour), (40 * S, hour + ahead)
    own = hour if sender == 0 else hour + ahead
    way = Matched([(0, 40 * S + 10 * MS) if sender == 0 else (0, 40 * S - 10 * MS)], 1)
    way.alone[sender].extend([own - 500 * MS, own + 500 * MS])
    assert between.lost(way, sender) == 1


# --- which messages are which


def said(text: str, start: int = 0) -> Said:
    """A message for each letter, one a second."""
    return Said([(ord(letter), 9) for letter in text], [start + n for n in range(len(text))])


@pytest.mark.parametrize(
    ("near", "far", "count", "alone", "points"),
    [
        ("abc", "abc", 3, ([], []), [(0, 100), (1, 101), (2, 102)]),
        ("abc", "ac", 2, ([1], []), [(0, 100), (2, 101)]),
        ("ac", "abc", 2, ([], [101]), [(0, 100), (1, 102)]),
        ("xapp", "xapp", 4, ([], []), [(0, 100), (1, 101), (2, 102), (3, 103)]),
        ("appb", "apb", 3, ([2], []), [(0, 100), (3, 102)]),  # which p was lost, nobody knows
        ("abcd", "acbd", 4, ([], []), [(0, 100), (2, 101), (3, 103)]),
        ("", "ab", 0, ([], [100, 101]), []),
    ],
)
def test_messages_are_matched_in_order(
    near: str, far: str, count: int, alone: tuple[list[int], list[int]], points: list[object]
) -> None:
    found = matched(said(near), said(far, 100))
    if near == "abcd":  # one of b and c is out of order: it is no lost one
        assert (len(found.points), found.count + len(found.alone[0])) == (3, 4)
        return
    assert (found.count, found.alone, found.points) == (count, alone, points)
