"""Rows of records become rows of what is inside: nothing lost, nothing twice, whatever the cuts."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle.sealed import HEADER_BYTES, OVERHEAD, FakeDecryptor, Traffic, seal, streams
from oracle.whole import assert_ties_out, tables_of

from analyzer.options import Options
from analyzer.tcp.bytestream import DATA, FRAMING, GAP_CUT, GAP_LOST, PURE
from analyzer.tls.inside import Unwrapped
from analyzer.tls.keylog import KeyRing
from analyzer.tls.unwrapping import Unwrapper

CAPTURES = Path(__file__).parents[2] / "captures"
LINE = b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"


def unwrapper(options: Options | None = None, *, keys: bool = True) -> Unwrapper:
    ring = KeyRing()
    made = Unwrapper(options or Options(), ring)
    if keys:
        ring.add(LINE, "test")

    def begin(slot, direction, kind, body):
        session = made._sessions[slot] = Unwrapped(0, FakeDecryptor())
        made._begun.append(slot)
        return session

    made._begin = begin
    return made


class Seen:
    """All rows that came out, with their bytes."""

    def __init__(self) -> None:
        self.rows, self.contents = [], []

    def take(self, rows, data):
        for row in rows:
            self.rows.append(row.copy())
            start = int(row["start"])
            content = data[start : start + int(row["length"])].tobytes()
            self.contents.append(content if row["kind"] == DATA else b"")

    def content(self, direction):
        pairs = zip(self.rows, self.contents, strict=True)
        return b"".join(content for row, content in pairs if row["direction"] == direction)

    def of(self, direction, *kinds):
        return [
            row
            for row in self.rows
            if row["direction"] == direction and (not kinds or row["kind"] in kinds)
        ]


def run(traffic: Traffic, cuts=(), made: Unwrapper | None = None, slots=1, is_tls=None) -> Seen:
    made = made or unwrapper()
    seen = Seen()
    if is_tls is None:
        is_tls = np.ones(2 * slots, bool)
    bounds = sorted({0, len(traffic.rows), *(c for c in cuts if c < len(traffic.rows))})
    for begin, end in itertools.pairwise(bounds):
        batch = traffic.batch(begin, end, slots=slots, last=end == len(traffic.rows))
        rows = made.push(batch, is_tls)
        seen.take(rows, batch.records.data)
    return seen


def interleaved(made, seed: int, biggest: int) -> Traffic:
    """Cut the records of each direction into packets that take turns."""
    source, traffic = random.Random(seed), Traffic()
    left = {direction: b"".join(records) for direction, (records, _) in made.items()}
    while any(left.values()):
        direction = source.choice([d for d, data in left.items() if data])
        if source.random() < 0.2:
            traffic.ack(direction)
            continue
        size = source.randint(1, biggest)
        traffic.data(direction, left[direction][:size])
        left[direction] = left[direction][size:]
    for direction in left:
        traffic.fin(direction)
    return traffic


sizes = st.lists(st.integers(0, 200), min_size=1, max_size=12)


@given(
    sizes=st.tuples(sizes, sizes),
    seed=st.integers(0, 2**32),
    biggest=st.sampled_from([1, 3, 20, 300]),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_content_is_that_of_the_records_and_every_byte_is_accounted_for(sizes, seed, biggest, cuts):
    made = streams(seed, dict(enumerate(sizes)))
    traffic = interleaved(made, seed, biggest)
    seen = run(traffic, cuts)
    for direction, (records, contents) in made.items():
        assert seen.content(direction) == b"".join(contents)
        mine = [row for row in traffic.rows if row["direction"] == direction]
        out = seen.of(direction)
        assert sum(int(row["wire"]) for row in out) == sum(row["wire"] for row in mine)
        assert sum(int(row["span"]) for row in out) == sum(map(len, records))
        own = sum(int(row["tls"]) for row in out)
        assert own == sum(map(len, records)) - sum(map(len, contents))
        # Every packet is there; its pieces follow each other within its payload.
        pieces = defaultdict(list)
        for each in out:
            pieces[int(each["packet"])].append(
                (int(each["into"]), int(each["into"] + each["span"]))
            )
        for row in mine:
            ends = sorted(pieces[row["packet"]])
            assert ends[0][0] == 0
            assert ends[-1][1] == row["length"]
            assert all(one[1] == two[0] for one, two in itertools.pairwise(ends))


@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 300), max_size=8))
@example(seed=1533, cuts=[7])  # the cut lies within a hole that begins in a header
@settings(max_examples=40, deadline=None)
def test_how_rows_are_cut_into_batches_changes_nothing(seed, cuts):
    source = random.Random(seed)
    made = streams(seed, {d: [source.randint(0, 60) for _ in range(8)] for d in (0, 1)})
    traffic = interleaved(made, seed, 40)
    # A gap somewhere, in a header or in a body.
    place = source.randrange(len(traffic.rows))
    if traffic.rows[place]["kind"] == DATA:
        traffic.rows[place].update(kind=GAP_LOST, payload=0, header_bytes=0, wire=0, acked=-1)
        traffic.contents[place] = b""
    whole, pieces = run(traffic), run(traffic, cuts)
    names = [name for name in whole.rows[0].dtype.names if name != "start"]
    for direction in (0, 1):
        one, other = whole.of(direction), pieces.of(direction)
        assert [[row[n] for n in names] for row in one] == [
            [row[n] for n in names] for row in other
        ]
        assert whole.content(direction) == pieces.content(direction)


def lines(count: int, size: int = 50) -> list[bytes]:
    return [bytes((number,)) * size for number in range(count)]


def test_a_record_with_a_gap_is_a_gap_of_its_content():
    traffic, contents = Traffic(), lines(4)
    records = [seal(number, content) for number, content in enumerate(contents)]
    traffic.data(0, records[0])
    traffic.data(0, records[1][:20])
    traffic.gap(0, 10)
    traffic.data(0, records[1][30:] + records[2])
    traffic.data(0, records[3])
    seen = run(traffic)
    assert seen.content(0) == contents[0] + contents[2] + contents[3]
    missing = seen.of(0, GAP_LOST, GAP_CUT)
    assert sum(int(row["length"]) for row in missing) == 50
    assert [int(row["packet"]) for row in missing] == [2, 3, 4]


def test_lost_records_are_counted_by_what_follows_them():
    traffic, contents = Traffic(), lines(20)
    records = [seal(number, content) for number, content in enumerate(contents)]
    for record in records[:3]:
        traffic.data(0, record)
    # From the middle of a header to the middle of another record.
    stream = b"".join(records[3:10])
    traffic.data(0, stream[:3])
    traffic.gap(0, len(stream) - 30)
    traffic.data(0, stream[-27:])
    for record in records[10:]:
        traffic.data(0, record)
    seen = run(traffic)
    assert seen.content(0) == b"".join(contents[:3] + contents[10:])
    missing = seen.of(0, GAP_LOST, GAP_CUT)
    assert sum(int(row["length"]) for row in missing) == 7 * 50


def test_what_is_lost_is_far_where_nobody_knows_how_much():
    traffic, contents = Traffic(), [b"x" * size for size in (10, 20, 30, 40)]
    # Padding: contents say nothing of the sizes of records.
    padded = [seal(n, c) for n, c in enumerate(contents)]
    traffic.gap(0, len(padded[0]))
    traffic.data(0, padded[1])
    seen = run(traffic)
    assert seen.content(0) == contents[1]
    assert max(int(row["length"]) for row in seen.of(0, GAP_LOST)) == 1 << 30


def test_packets_that_only_end_a_record_come_before_its_last_bytes():
    """So that what they cost belongs to the record's message."""
    traffic, content = Traffic(), b"x" * 100
    record = seal(0, content)
    traffic.data(0, record[:3])
    traffic.data(0, record[3:-2])
    traffic.data(0, record[-2:])
    seen = run(traffic)
    assert [(int(r["packet"]), int(r["length"])) for r in seen.rows] == [(1, 0), (3, 0), (2, 100)]
    assert all(r["done_packet"] == 3 for r in seen.rows if r["packet"] != 3)
    assert sum(int(r["tls"]) for r in seen.rows) == 5 + OVERHEAD
    assert sum(int(r["wire"]) for r in seen.rows) == 3 * HEADER_BYTES + len(record)


def test_rows_of_other_connections_pass():
    traffic = Traffic()
    traffic.data(2, b"GET / HTTP/1.1\r\n\r\n")
    traffic.data(0, seal(0, b"inside"))
    traffic.ack(3)
    seen = run(traffic, slots=2, is_tls=np.array([True, True, False, False]))
    assert seen.content(2) == b"GET / HTTP/1.1\r\n\r\n"
    assert seen.content(0) == b"inside"
    assert [int(row["kind"]) for row in seen.of(3)] == [PURE]


def test_without_keys_records_are_framing_alone():
    traffic = Traffic()
    for number in range(3):
        traffic.data(0, seal(number, b"inside"))
    traffic.fin(0)
    seen = run(traffic, made=unwrapper(keys=False))
    assert [int(row["kind"]) for row in seen.rows[:3]] == [FRAMING] * 3
    assert seen.content(0) == b""
    assert len(seen.rows) == 4


@pytest.mark.parametrize("cuts", [(), (1,), (2, 3), (1, 2, 3, 4, 5)])
def test_records_wait_for_keys_that_come_behind_them(cuts):
    made = unwrapper(keys=False)
    made.may_grow = True
    traffic = Traffic()
    for number in range(3):
        traffic.data(0, seal(number, b"inside %d" % number))
        traffic.ack(1)
    seen = Seen()
    bounds = [0, *cuts, 6]
    for begin, end in itertools.pairwise(bounds):
        batch = traffic.batch(begin, end, slots=1, last=end == 6)
        if end == 6:
            batch.records.secrets = [(6, LINE)]
        seen.take(made.push(batch, np.ones(2, bool)), batch.records.data)
    assert seen.content(0) == b"inside 0inside 1inside 2"
    assert made.held == 0


@pytest.mark.parametrize("has_keys", [True, False])
def test_what_waits_is_bounded_and_the_limit_is_said(has_keys):
    made = unwrapper(Options(max_held_tls_bytes=4096), keys=has_keys)
    made.may_grow = True
    if has_keys:
        begin = made._begin

        def begin_without_keys(*arguments):
            session = begin(*arguments)
            session.decryptor.has_keys = False
            return session

        made._begin = begin_without_keys
    traffic = Traffic()
    for number in range(40):
        traffic.data(0, seal(number, b"x" * 200))
    seen = run(traffic, cuts=(10, 20, 30), made=made)
    assert made.held <= 4096
    # Where nobody has any keys there is nothing to be said.
    said = [found.kind.id for found in made.take_findings()]
    assert said == ["tls-held-limit"] * has_keys
    assert sum(int(row["wire"]) for row in seen.rows) == sum(r["wire"] for r in traffic.rows)


def test_a_record_that_never_ends_leaves_with_its_connection():
    traffic = Traffic()
    traffic.data(0, seal(0, b"whole"))
    traffic.data(0, seal(1, b"x" * 100)[:50])
    traffic.fin(0)
    seen = run(traffic)
    assert seen.content(0) == b"whole"
    assert sum(int(row["wire"]) for row in seen.rows) == sum(r["wire"] for r in traffic.rows)


@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(0, 20), max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_survived_and_accounted_for(data, cuts):
    traffic = Traffic()
    traffic.data(0, seal(0, b"first"))
    for begin in range(0, len(data), 37):
        traffic.data(0, data[begin : begin + 37])
    traffic.data(0, seal(1, b"second"))
    traffic.fin(0)
    seen = run(traffic, cuts)
    assert seen.content(0).startswith(b"first")
    assert sum(int(row["wire"]) for row in seen.rows) == sum(r["wire"] for r in traffic.rows)
    assert all(row["length"] >= 0 and row["span"] >= 0 for row in seen.rows)


def test_what_decryptors_keep_of_handshakes_is_bounded_together():
    made = unwrapper(Options(max_hello_bytes_total=1000))
    begin = made._begin

    def begin_heavy(*arguments):
        session = begin(*arguments)
        session.decryptor.keeping = 400
        return session

    made._begin = begin_heavy
    traffic = Traffic()
    for slot in range(4):
        traffic.data(2 * slot, seal(0, b"one"))
    for slot in range(4):
        traffic.data(2 * slot, seal(1, b"two"))
    seen = Seen()
    batch = traffic.batch(0, len(traffic.rows), slots=4, last=False)
    seen.take(made.push(batch, np.ones(8, bool)), batch.records.data)
    assert made.held <= 1000
    assert {found.slot for found in made.take_findings()} == {0, 1}
    # The oldest are read no more; the others go on.
    assert [seen.content(2 * slot) for slot in (2, 3)] == [b"onetwo", b"onetwo"]
    assert sum(int(row["wire"]) for row in seen.rows) == sum(r["wire"] for r in traffic.rows)


@pytest.mark.parametrize("missing", ["SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0"])
def test_a_key_log_without_one_side_gives_the_same_tables_whatever_the_batches(missing, tmp_path):
    lines = (CAPTURES / "wss-tls13.keys").read_text().splitlines(keepends=True)
    keys = tmp_path / "keys"
    keys.write_text("".join(line for line in lines if not line.startswith(missing)))
    data = (CAPTURES / "wss-tls13.pcap").read_bytes()
    whole = tables_of(data, keys=keys)
    for size in (300, 7 * 1024):
        again = tables_of(data, keys=keys, batch_bytes=size)
        for name in ("ledger", "tls_sessions", "connections", "messages", "findings"):
            assert again[name].equals(whole[name]), (size, name)
    assert_ties_out(whole)
