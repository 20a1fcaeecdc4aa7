"""The Python API of two captures of one connection: both tables, in order of the arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.errors import OptionError

CAPTURES = Path(__file__).parents[1] / "captures"


def test_tables_have_the_columns_of_the_contract() -> None:
    ways, changes = analyzer.paths(CAPTURES / "ends-client.pcap", CAPTURES / "ends-server.pcap")
    assert list(ways.columns)[:8] == [
        *("connection_a", "connection_b", "direction", "messages", "lost"),
        *("offset_us", "one_way_us_median", "uncertainty_us"),
    ]
    assert list(changes.columns)[:4] == ["connection_a", "connection_b", "kind", "name"]


def test_connections_that_are_asked_for() -> None:
    ends = CAPTURES / "ends-client.pcap", CAPTURES / "ends-server.pcap"
    assert len(analyzer.paths(*ends, where="server_port == 9010")[0]) == 2
    assert len(analyzer.paths(*ends, where="server_port == 1")[0]) == 0


def test_only_one_is_standard_input() -> None:
    with pytest.raises(OptionError):
        analyzer.paths("-", "-")
