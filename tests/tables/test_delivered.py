"""Figures of what was really delivered, from rows as a summary keeps them."""

from typing import Any

import pytest

from analyzer.tables import delivered
from analyzer.tables.summary import Summary

S = 1_000_000_000


def row(source: str = "measured", **more: Any) -> dict[str, Any]:
    made = {"source": source, "messages": 40, "payload_bytes": 900, "wire_bytes": 3000}
    made |= {"application_bytes": 1200, "requests": 2, "duration_s": 8 * S}
    return made | {"added_latency_ms_mean": None} | more


def summary(*rows: dict[str, Any]) -> Summary:
    made = Summary()
    made.alternatives = {"connections": [*rows], "sessions": [row("modelled", messages=7)]}
    return made


def test_only_what_was_measured_counts() -> None:
    one = summary(row(), row("observed"), row(duration_s=4 * S, messages=0))
    assert delivered.summed(one, "messages") == 40
    assert delivered.per_message(one, "wire_bytes") == (150, 40)
    assert delivered.rate(one, "wire_bytes") == (500, None)
    assert delivered.rate_a_day(one, "wire_bytes") == (500 * 86_400, None)


def test_a_moment_tells_nothing_of_a_day() -> None:
    assert delivered.rate(summary(row()), "application_bytes") == (150, None)
    assert delivered.rate_a_day(summary(row()), "application_bytes") == delivered.NO_VALUE


def test_nothing_at_all() -> None:
    for one in (summary(), summary(row(messages=0, duration_s=None))):
        assert delivered.per_message(one, "wire_bytes") == delivered.NO_VALUE
        assert delivered.rate(one, "wire_bytes") == delivered.NO_VALUE
        assert delivered.rate_a_day(one, "wire_bytes") == delivered.NO_VALUE
        assert delivered.wait(one) == delivered.NO_VALUE


def test_waits_weigh_as_many_messages() -> None:
    rows = (row(added_latency_ms_mean=10.0, messages=30), row(added_latency_ms_mean=2.0))
    wait, count = delivered.wait(summary(*rows))
    assert (wait, count) == (pytest.approx(1000 * (300 + 80) / 70), 70)
