"""Captures of pings under awkward conditions: the right answer of each.

The answers were worked out packet by packet from the captures' own times.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.whole import Tables, assert_ties_out, tables_of

CASES = Path(__file__).parent / "cases"


def tables(name: str) -> Tables:
    found = tables_of((CASES / f"{name}.pcap").read_bytes())
    assert_ties_out(found)
    return found


def test_pong_split() -> None:
    """Each Pong comes in two segments; 20 s after the third the server sends FIN (p23)."""
    found = tables("pong_split")
    pings = found["pings"]
    assert pings["rtt_us"].notna().sum() == len(pings) == 3
    assert pings["rtt_us"].median() == pytest.approx(1320, abs=5)
    (row,) = found["connections"].to_dict("records")
    assert (row["close_kind"], row["closed_by"], row["end_packet"]) == ("fin", "server", 23)


def test_ping_behind_big_message() -> None:
    """The Ping is in the last segment of 100,000 bytes (p8 to 144); it is answered in p146."""
    found = tables("ping_behind_big_message")
    (ping,) = found["pings"].to_dict("records")
    assert ping["rtt_us"] == pytest.approx(86_100, abs=100)
    (message,) = found["messages"].to_dict("records")
    assert (message["payload_bytes"], message["packet_first"]) == (100_000, 8)
    assert message["packet_last"] == 144
    assert message["delivery_us"] == pytest.approx(5_790_000, abs=5_000)
    (row,) = found["connections"].to_dict("records")
    assert (row["close_kind"], row["close_code"], row["closed_by"]) == ("clean", 1000, "client")
    assert found["findings"].empty
