"""Situations of public reports, in tests/cases: what messages and connects waited for."""

from __future__ import annotations

import pytest
from test_cases_ends import CASES, case, rows

import analyzer

SERVER = "server"


def test_nagle_split40():
    sent = [row for row in rows("nagle_split40", "messages") if row["direction"] == SERVER]
    held = [row for row in sent if row["nagle_us"]]
    assert len(held) == 20
    # 40.2 ms for the ACK, and 0.6 ms behind it the payload.
    assert all(row["nagle_us"] == pytest.approx(40_800, abs=60) for row in held)
    assert all(row["nagle_us"] == row["delivery_us"] for row in held)


def test_nagle_control_app40():
    sent = rows("nagle_control_app40", "messages")
    assert sum(row["direction"] == SERVER for row in sent) == 40
    assert {row["nagle_us"] for row in sent} == {0}


def test_zero_window_to_reset():
    (end,) = rows("zero_window_to_reset", "connections")
    assert end["client_window_closed_s"] == pytest.approx(111.0, abs=0.1)
    assert end["server_window_closed_s"] == 0
    assert end["end_packet"] == 36
    assert {row["resent_us"] for row in rows("zero_window_to_reset", "messages")} == {0}


def test_zero_window_three_times():
    (end,) = rows("zero_window_three_times", "connections")
    assert end["client_window_closed_s"] == pytest.approx(9.0, abs=0.001)
    held = {
        row["packet_first"]: row["window_us"] for row in rows("zero_window_three_times", "messages")
    }
    # Three messages follow the openings of 3.000 s by the 4 ms of the path; all others found the
    # window open.
    assert {packet for packet, wait in held.items() if wait} == {18, 30, 42}
    assert [held[packet] for packet in (18, 30, 42)] == pytest.approx([3e6] * 3, rel=1e-4)


def test_dns_5s():
    connects = rows("dns_5s", "handshakes")
    assert [row["response_packet"] for row in connects] == [9, 29, 49]
    for row in connects:
        assert row["dns_us"] == pytest.approx(5_001_000, abs=200)
        assert row["overall_us"] == pytest.approx(5_013_000, abs=500)
        assert (row["attempts"], row["attempts_us"]) == (0, None)
        assert row["total_us"] < 20_000


@pytest.mark.parametrize("size", [1, 700])
@pytest.mark.parametrize("name", ["dns_5s", "nagle_split40", "zero_window_to_reset", "idle60"])
def test_batches_change_nothing(name, size):
    from test_cases_ends import CASES

    again = analyzer.analyze(CASES / f"{name}.pcap", batch_bytes=size)
    for table in ("connections", "handshakes", "messages", "pings"):
        assert getattr(again, table).equals(getattr(case(name), table))


def test_two_legs_healthy():
    ends = rows("two_legs_healthy", "connections")
    assert [row["leg"] for row in ends] == [0, 0, 1, 1, 2, 2]
    for row in rows("two_legs_healthy", "hops"):
        near, far = ends[row["connection_a"]], ends[row["connection_b"]]
        assert (near["client_ip"], far["server_ip"]) == ("198.51.100.7", "10.2.0.9")
        assert row["matched_by"] == "key"
        assert row["messages"] == 4
        transit = 4_200 if row["direction"] == "client" else 500
        assert row["transit_us_median"] == pytest.approx(transit, abs=30)
    # Three conversations of 8 messages, each counted once.
    messages = case("two_legs_healthy").summary.messages
    assert sum(side["messages"] for side in messages) == 24
    totals = case("two_legs_healthy").alternatives
    assert set(totals["connection"].dropna()) == {0, 2, 4}


def test_two_legs_healthy_has_no_hop_where_one_leg_is_alone():
    assert rows("idle60", "hops") == []
    assert {row["leg"] for row in rows("idle60", "connections")} == {None}


def test_compression_of_two_legs_is_summed_up_once():
    capture = CASES.parents[1] / "captures" / "nginx-proxy.pcapng"
    saved = analyzer.analyze(capture).compression
    legs = saved[saved["connection"].notna()]
    total = saved[saved["connection"].isna()]
    assert set(legs["connection"]) == {0, 1, 2, 3}
    for side in ("client", "server"):
        counted = legs[(legs["direction"] == side) & legs["connection"].isin([0, 2])]
        (row,) = total[total["direction"] == side].to_dict("records")
        assert row["messages"] == counted["messages"].sum() == 5
        assert row["saved_bytes"] == counted["saved_bytes"].sum()
