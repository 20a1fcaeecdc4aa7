"""The series, against pandas over the other tables, and its limits."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracle.rows import Row, table_rows

import analyzer
from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.selection import to_frame
from analyzer.tables.schema import CONNECTIONS, HANDSHAKES, MESSAGES
from analyzer.tables.series import Series

CAPTURES = Path(__file__).parents[2] / "captures"
S, MS = 1_000_000_000, 1_000_000
START = 1_767_323_045 * S


def message(at: int, direction: str = "client", **more: object) -> Row:
    row: Row = {"connection": 0, "direction": direction, "time_first": START + at}
    return {**row, "payload_bytes": 10, "wire_bytes": 100, "delivery_us": 0, **more}


def series(*tables: tuple[Any, list[Row]], only: Any = None, **options: Any) -> pd.DataFrame:
    made = Series(Options(**options), only, ())
    for table, rows in tables:
        for row in rows:
            made.add(table_rows(table, [row]))
    return to_frame(made.rows())


def test_sums_by_side() -> None:
    rows = [message(0), message(S - 1, "server", payload_bytes=None), message(3 * S, "server")]
    found = series((MESSAGES, rows))
    assert found["client_messages"].tolist() == [1, 0, 0, 0]
    assert found["server_messages"].tolist() == [1, 0, 0, 1]
    assert found["server_payload_bytes"].tolist() == [0, 0, 0, 10]
    assert found["server_wire_bytes"].tolist() == [100, 0, 0, 100]
    assert found["second"].astype("int64").tolist() == [START + n * S for n in range(4)]
    assert found["delivery_us_median"].isna().tolist() == [False, True, True, False]


def test_connections_open_counts_the_interval_of_the_end() -> None:
    rows: list[Row] = [
        {"connection": 0, "opened_at": START, "closed_at": START + 2 * S + 1},
        {"connection": 1, "opened_at": START + S, "client_last_at": START + 4 * S},
        {"connection": 2, "opened_at": START + 4 * S + 5, "closed_at": START + 4 * S + 6},
    ]
    assert series((CONNECTIONS, rows))["connections_open"].tolist() == [1, 2, 2, 1, 2]


def test_handshakes_count_failed_ones_too() -> None:
    rows: list[Row] = [{"started_at": START}, {"started_at": START + 1, "connection": 4}]
    assert series((HANDSHAKES, rows))["handshakes"].tolist() == [2]


def test_only_some_connections() -> None:
    rows = [message(0), message(0, connection=3)]
    assert series((MESSAGES, rows), only={3})["client_messages"].tolist() == [1]


def test_intervals_have_the_length_that_is_asked_for() -> None:
    found = series((MESSAGES, [message(0), message(250 * MS)]), series_every_s=0.1)
    assert found["client_messages"].tolist() == [1, 0, 1]
    assert found["seconds"].tolist() == [0.1] * 3


@pytest.mark.parametrize("seed", range(3))
def test_too_many_intervals_become_longer_in_any_order(seed: int) -> None:
    rows = [message(n * S, delivery_us=n * MS) for n in range(100)]
    random.Random(seed).shuffle(rows)
    found = series((MESSAGES, rows), max_series_rows=30)
    assert found["seconds"].unique().tolist() == [4.0]
    assert len(found) <= 30
    assert found["client_messages"].sum() == 100
    # START is a multiple of 4 s plus 1: the first interval holds 3 messages, of 0, 1 and 2 ms.
    assert found["client_messages"].tolist()[:2] == [3, 4]
    assert found["delivery_us_median"].tolist()[:2] == [1000.0, 4500.0]


def test_of_many_delays_classes_are_counted() -> None:
    delays = [round(1.01**n * 1000) for n in range(1000)] + [0] * 100
    rows = [message(0, delivery_us=delay) for delay in delays]
    exact = np.quantile(delays, [0.5, 0.95]) / 1000
    found = series((MESSAGES, rows), max_series_delays=700)
    about = found[["delivery_us_median", "delivery_us_p95"]].to_numpy()[0]
    assert about == pytest.approx(exact, rel=0.012)
    other = series((MESSAGES, rows[::-1]), max_series_delays=700)
    pd.testing.assert_frame_equal(found, other)
    assert series((MESSAGES, rows[-100:]), max_series_delays=5)["delivery_us_p95"].tolist() == [0]


def test_times_far_apart_take_no_memory() -> None:
    rows = [message(0), message(0, time_first=-(2**62)), message(0, time_first=2**62)]
    found = series((MESSAGES, rows), max_series_rows=10)
    assert len(found) <= 10
    assert found["client_messages"].sum() == 3


def test_nothing() -> None:
    made = Series(Options(), None, ())
    made.add(table_rows(MESSAGES, [{"connection": 0, "time_first": None}]))
    assert made.rows().count == 0


@pytest.mark.parametrize("batch_bytes", [400, 1 << 20])
def test_capture_as_pandas_sums_it_up(batch_bytes: int) -> None:
    analysis = analyzer.analyze(CAPTURES / "lossy.pcap", batch_bytes=batch_bytes)
    found = analysis.series.set_index("second")
    messages = analysis.messages
    second = messages["time_first"].dt.floor("s")
    for side in ("client", "server"):
        mine = messages[messages["direction"] == side]
        by = mine.groupby(second[mine.index])
        for column, expected in (
            (f"{side}_messages", by.size()),
            (f"{side}_payload_bytes", by["payload_bytes"].sum()),
            (f"{side}_wire_bytes", by["wire_bytes"].sum()),
        ):
            got = found[column][found[column] > 0].astype("int64")
            assert got.to_dict() == expected.astype("int64").to_dict(), column
    delays = messages.groupby(second)["delivery_us"]
    timed = found["delivery_us_median"].dropna()
    assert timed.to_dict() == pytest.approx(delays.median().to_dict(), abs=0.001)
    assert found["delivery_us_p95"].dropna().to_dict() == pytest.approx(
        delays.quantile(0.95).to_dict(), abs=0.001
    )
    assert NULL not in found["connections_open"].tolist()


def test_a_delay_takes_its_eight_bytes_however_few_come_together() -> None:
    made = Series(Options(), None, ())
    one = table_rows(MESSAGES, [message(0, delivery_us=MS)])
    made.add(one)
    tracemalloc.start()
    for _ in range(2000):
        made.add(one)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 2000 * 8 * 2  # an array grows by a sixteenth
    assert to_frame(made.rows())["client_messages"].tolist() == [2001]
