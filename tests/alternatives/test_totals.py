"""Totals: rows and `scaling` by sums made by hand."""

import pytest

from analyzer.alternatives.totals import MEASURED, Total, scaling_rows, total_rows
from analyzer.columns import NULL
from analyzer.tables.schema import CLIENTS, SCOPES, SOURCES, TRANSPORTS

CHROMIUM, CURL = CLIENTS.index("chromium"), CLIENTS.index("curl")


def rows(total: Total):
    made = total_rows(SCOPES.index("connections"), {("long-poll", NULL): total})
    return {name: values[0] for name, values in made.values.items()}


@pytest.mark.parametrize(
    ("clients", "expected"),
    [({CHROMIUM}, CHROMIUM), ({CHROMIUM, CURL}, -1), ({-1, CURL}, -1), (set(), -1)],
)
def test_a_total_names_a_client_that_all_have(clients: set[int], expected: int) -> None:
    total = Total(source=SOURCES.index("modelled"))
    total.clients.update(clients)
    assert rows(total)["client"] == expected


def test_scaling_is_the_mean_connection_times_the_clients() -> None:
    """Two connections with 30 requests and 6,000 wire bytes a second together."""
    total = Total(source=MEASURED, steady_count=2)
    total.steady.update(requests=30.0, wire_bytes=6000.0)
    made = scaling_rows(SCOPES.index("connections"), {("long-poll", NULL): total}, [10])
    row = {name: values[0] for name, values in made.values.items()}
    assert row["transport"] == TRANSPORTS.index("long-poll")
    assert row["requests_per_s"] == 150
    assert row["wire_bits_per_s"] == 8 * 30_000
    assert row["wire_mb_per_day"] == pytest.approx(30_000 * 86_400 / 1e6)
