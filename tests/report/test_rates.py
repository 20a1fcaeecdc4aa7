"""Rates over a sliding window, by made-up rows and times."""

from __future__ import annotations

import numpy as np
import pytest
from oracle.live import STATS, snapshot

from analyzer.report import rates as module
from analyzer.report.observer import CaptureStats
from analyzer.report.rates import Rates

S = 1_000_000_000
T = 1_800_000_000 * S


def say(rates, side, *payload):
    """Count messages of a direction (0 client, 1 server)."""
    rates.messages(np.full(len(payload), side), np.array(payload))


def test_messages_per_second_by_direction():
    rates = Rates()
    for second in range(6):
        rates.tick(T + second * S, STATS)
        say(rates, 0, *[10] * 3)
        say(rates, 1, *[7] * (second + 1))
    rates.tick(T + 6 * S, STATS)
    assert rates.messages_per_s(0) == 3
    assert rates.bytes_per_s(0) == 30
    assert rates.messages_per_s(1) == (2 + 3 + 4 + 5 + 6) / 5
    assert rates.course(1, 8) == [0, 0, 1, 2, 3, 4, 5, 6]


def test_rates_end_when_nothing_comes():
    rates = Rates()
    rates.tick(T, STATS)
    say(rates, 0, 10)
    for second in range(1, 9):
        rates.tick(T + second * S, STATS)
    assert rates.messages_per_s(0) == 0


def test_handshakes_of_the_last_minute():
    rates = Rates()
    times = np.random.default_rng(4).integers(1, 10**9, 400).tolist()
    rates.tick(T - 100 * S, STATS)
    rates.handshake("accepted", 10**12)
    rates.tick(T, STATS)
    for time in times:
        rates.handshake("accepted", time)
    for _ in range(5):
        rates.handshake("refused", 1)
    rates.tick(T + S, STATS)
    median, p95 = rates.handshake_times()
    assert median == pytest.approx(float(np.median(times)))
    assert p95 == pytest.approx(float(np.quantile(times, 0.95)))
    assert rates.outcomes == {"accepted": 401, "refused": 5}
    rates.tick(T + 100 * S, STATS)
    assert rates.handshake_times() is None


def test_memory_is_bounded():
    rates = Rates()
    for number in range(3 * module.WINDOW_S):
        rates.tick(T + number * S, STATS)
        for _ in range(100):
            rates.handshake("accepted", 5)
    assert len(rates._seconds) <= module.WINDOW_S + 1
    assert len(rates._durations) <= module.MAX_DURATIONS


def test_a_clock_that_is_set_back():
    rates = Rates()
    for time in (T, T + S, T - 3600 * S, T - 3599 * S, T - 3598 * S):
        rates.tick(time, STATS)
        say(rates, 0, 10)
    assert rates.messages_per_s(0) >= 0
    assert rates.course(0, 5)[-2:] == [1, 1]


def test_packets_and_wire_bytes():
    rates = Rates()
    for second in range(4):
        ledger = {**snapshot().ledger[0], "wire_bytes": 1000 * second}
        shot = snapshot(ledger=(ledger, ledger))
        rates.tick(T + second * S, CaptureStats(500 * second, 0, 500 * second), shot)
    rates.tick(T + 4 * S, CaptureStats(1500, 0, 1500), shot)
    assert rates.packets_per_s() == 1500 / 4
    assert rates.wire_per_s() == 6000 / 4


def test_polling_by_hand():
    rates = Rates(interval_s=2.0)
    assert rates.polling() is None
    shot = snapshot(connections=8)
    rates.tick(T, STATS, shot)
    say(rates, 0, *[100] * 4)
    rates.tick(T + S, STATS, shot)
    cost, _ = rates.polling()
    both = shot.ledger[0]
    header = (both["link_bytes"] + both["ip_bytes"] + both["tcp_bytes"]) / both["packets"]
    assert cost.requests == 8 / 2 + 4
    assert cost.wire_bytes == pytest.approx(8 * 500 + 24 * header + 400)


def test_shares_sum_up_to_the_wire():
    rates = Rates()
    assert rates.shares() == []
    rates.tick(T, STATS, snapshot())
    shares = rates.shares()
    assert sum(count for _, count in shares) == 2 * snapshot().ledger[0]["wire_bytes"]
    assert [count for _, count in shares] == sorted((c for _, c in shares), reverse=True)
