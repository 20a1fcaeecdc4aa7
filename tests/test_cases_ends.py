"""Situations of public reports, in tests/cases: how connections ended, and the silence before."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import analyzer

CASES = Path(__file__).parent / "cases"


@cache
def case(name: str) -> analyzer.Analysis:
    return analyzer.analyze(CASES / f"{name}.pcap")


def rows(name: str, table: str) -> list[dict]:
    frame = getattr(case(name), table)
    return [
        {k: None if pd.isna(v) else v for k, v in row.items()} for row in frame.to_dict("records")
    ]


def after(time: pd.Timestamp, name: str) -> float:
    """Seconds from the first packet of a capture, which is the SYN of its first attempt."""
    return (time - case(name).handshakes["started_at"].min()).total_seconds()


def test_idle60():
    ends = rows("idle60", "connections")
    assert [row["end_packet"] for row in ends] == [91, 103, 113, 117, 123, 129]
    assert [row["closed_by"] for row in ends] == ["server"] * 6
    assert all(row["server_idle_s"] == pytest.approx(60.0, abs=0.005) for row in ends)
    # On the last three the client sent data 19.0 s before the FIN.
    assert [round(row["client_idle_s"], 1) for row in ends[3:]] == [19.0] * 3
    assert {(row["client_logs"], row["server_logs"]) for row in ends} == {(1006, 1006)}
    # The finding points to the first FIN, not to the ACK behind it.
    (finding,) = {row["packet"] for row in rows("idle60", "findings")[:1]}
    assert finding == 91


def test_lifetime60_busy():
    ends = rows("lifetime60_busy", "connections")
    assert ends[0]["end_packet"] == 325
    assert all(0.5 <= round(row["server_idle_s"], 2) <= 1.0 for row in ends)


def test_halfopen_vanished():
    first, second = rows("halfopen_vanished", "connections")
    # Neither Close nor FIN nor RST: nothing to count a silence to.
    assert (first["end_packet"], first["server_idle_s"], first["close_kind"]) == (
        None,
        None,
        "timeout",
    )
    assert after(first["client_last_at"], "halfopen_vanished") == pytest.approx(100.04, abs=0.01)
    assert first["keepalive_s"] == pytest.approx(20.0)
    assert (first["client_logs"], first["server_logs"]) == (1006, 1006)
    assert (second["close_kind"], second["client_logs"]) == ("open", None)
    pings = rows("halfopen_vanished", "pings")
    assert [row["acked_us"] is not None for row in pings] == [True] * 5 + [False]
    assert [row["answered_at"] is not None for row in pings] == [True] * 5 + [False]
    assert after(pings[5]["sent_at"], "halfopen_vanished") == pytest.approx(120.01, abs=0.005)


def test_ping_timeout_app_blocked():
    *_, ping = rows("ping_timeout_app_blocked", "pings")
    assert (ping["rtt_us"], ping["answered_at"]) == (None, None)
    assert ping["acked_us"] == pytest.approx(300, abs=50)  # TCP answered, the program did not
    assert after(ping["sent_at"], "ping_timeout_app_blocked") == pytest.approx(60.01, abs=0.005)
    (end,) = rows("ping_timeout_app_blocked", "connections")
    assert (end["end_packet"], end["close_us"], end["keepalive_s"]) == (28, None, 20.0)
    assert end["client_idle_s"] == pytest.approx(40.0, abs=0.01)  # its last Pong was the second
    assert end["server_logs"] == 1006  # no Close came from the client


def test_close1009_lost_to_rst():
    (end,) = rows("close1009_lost_to_rst", "connections")
    assert (end["close_code"], end["end_packet"]) == (1009, 12)
    # The client never acknowledged the Close, and three RST came behind it.
    assert (end["client_logs"], end["server_logs"]) == (1006, 1006)
    assert end["client_idle_s"] == pytest.approx(0.0001, abs=1e-6)  # p11 to p12
    assert end["server_idle_s"] == pytest.approx(1.0007, abs=1e-4)  # p6, the 101, to p12


def test_pongs_unsolicited():
    (end,) = rows("pongs_unsolicited", "connections")
    assert end["keepalive_s"] == pytest.approx(30.0)
    assert (end["client_logs"], end["server_logs"]) == (1000, 1000)


def test_oneway_client():
    (end,) = rows("oneway_client", "connections")
    assert end["end_packet"] == 65
    assert end["client_idle_s"] is not None
    # Of the server nothing was captured: nothing may be said of its silence or its Close.
    unknown = ("server_idle_s", "close_us", "client_logs", "server_logs", "server_last_at")
    assert [end[name] for name in unknown] == [None] * 5
