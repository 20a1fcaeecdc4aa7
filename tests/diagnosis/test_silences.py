"""Timers: equal silences and lives, told from chance, from a server that stops, from programs."""

from __future__ import annotations

import random

import pytest
from oracle.diagnosed import MS, START, S, connection, diagnoses
from oracle.rows import Row


def idle(number: int, T: float, *, opened: float, **more: object) -> Row:
    """A connection whose server fell silent T s before it ended it; the client spoke later."""
    last = 20.0 + number
    silences = {
        "server_idle_s": round(T * S),
        "client_idle_s": round(min(T, 0.7 + 1.3 * number) * S),
    }
    ends = {"end_packet": 100 + number, "client_logs": 1006, "server_logs": 1006}
    return connection(number, opened=opened, life=last + T, **silences, **ends, **more)


@pytest.mark.parametrize("T", [3.0, 30.0, 60.0, 350.0])
@pytest.mark.parametrize("count", [2, 6, 200])
def test_equal_silences_are_an_idle_timeout(T: float, count: int) -> None:
    rows = [idle(number, T, opened=3.0 * number) for number in range(count)]
    found = diagnoses(connections=rows)["idle-timeout"]
    assert (found.connections, found.ended, found.packet) == (count, count, 100)
    assert found.evidence["T_s"] == T
    assert found.evidence["ended_by"] == "server"
    assert f"{count} of {count} connections" in found.text


def test_whose_silence() -> None:
    rows = [idle(number, 60, opened=5.0 * number) for number in range(4)]
    found = diagnoses(connections=rows)["idle-timeout"]
    assert found.evidence["silent"] == "the server"
    assert "after 60.0 s without data from the server" in found.text
    assert "nginx" in found.advice
    for row in rows:
        row["client_idle_s"], row["server_idle_s"] = row["server_idle_s"], 3 * S
    found = diagnoses(connections=rows)["idle-timeout"]
    assert found.evidence["silent"] == "the client"
    for number, row in enumerate(rows):
        # Who spoke last differs; neither did in the last 60 s.
        longer = (60 + 7 * (number + 1)) * S
        row["client_idle_s"], row["server_idle_s"] = (60 * S, longer)[:: 1 - 2 * (number % 2)]
    found = diagnoses(connections=rows)["idle-timeout"]
    assert found.evidence["silent"] == "both sides"


def test_no_default_is_named_far_from_one() -> None:
    rows = [idle(number, 47, opened=5.0 * number) for number in range(4)]
    assert "Defaults" not in diagnoses(connections=rows)["idle-timeout"].advice


def test_jitter_within_two_percent() -> None:
    rows = [idle(n, 60 + 0.3 * (n % 4), opened=9.0 * n) for n in range(8)]
    found = diagnoses(connections=rows)["idle-timeout"]
    assert found.connections == 8
    assert found.evidence["shortest_s"] == 60
    assert found.evidence["longest_s"] == 60.9


def test_timer_among_other_ends() -> None:
    rows = [idle(n, 60, opened=9.0 * n) for n in range(6)]
    rows += [idle(10 + n, 5 * 1.7**n, opened=11.0 * n) for n in range(6)]
    found = diagnoses(connections=rows)["idle-timeout"]
    assert (found.connections, found.evidence["of"]) == (6, 12)


def test_others_that_were_silent_for_longer_refute_a_timer() -> None:
    # As a server that is drained: one connection each second, all of which were silent for long.
    rows = [idle(n, T, opened=9.0 * n) for n, T in enumerate((20.6, 20.7, 20.8, 22.1, 23.0, 26.2))]
    assert "idle-timeout" not in diagnoses(connections=rows)
    # One that was is an exception; those at another path may have another timer, or none.
    assert "idle-timeout" in diagnoses(connections=rows[:4])
    for row in rows[3:]:
        row["path"] = "/other"
    assert "idle-timeout" in diagnoses(connections=rows)


def test_silences_that_lie_close_by_the_ways_of_a_server_that_is_drained() -> None:
    """Seven that end one after the other, each after some 20 s: three within 1 % are chance."""
    near = (21.5, 21.6, 21.65, 20.5, 19.1, 18.0, 16.8)
    rows = [idle(n, T, opened=9.0 * n) for n, T in enumerate(near)]
    assert "idle-timeout" not in diagnoses(connections=rows)
    # The same three among silences of any length are a timer.
    apart = (21.5, 21.6, 21.65, 11.0, 7.4, 5.2, 3.1)
    rows = [idle(n, T, opened=9.0 * n) for n, T in enumerate(apart)]
    assert diagnoses(connections=rows)["idle-timeout"].connections == 3


@pytest.mark.parametrize("count", [2, 5, 20, 200])
def test_silences_of_people_are_no_timer(count: int) -> None:
    draw = random.Random(count)
    found = 0
    for _ in range(30):
        rows = [
            idle(n, 3 * (400 / 3) ** draw.random(), opened=draw.uniform(0, 100))
            | {"client_idle_s": round(draw.uniform(0.01, 1) * S)}
            for n in range(count)
        ]
        found += "idle-timeout" in diagnoses(connections=rows)
    # By chance one in 50 (max_chance) looks like a timer; three in 30 would be 2 % likely.
    assert found <= 2


def test_server_that_stops_is_no_timer() -> None:
    # A feed sent to all 4 s before; the silences differ by what the loop over clients took.
    rows = []
    for n in range(50):
        row = connection(n, opened=2.0 * n, life=200 - 2.0 * n + 0.0005 * n)
        row |= {"server_idle_s": 4 * S + n * MS // 10, "client_idle_s": 4 * S + n * MS // 10}
        rows.append(row)
    assert "idle-timeout" not in diagnoses(connections=rows)


def test_programs_that_are_done_are_no_timer() -> None:
    done = {"close_kind": "clean", "close_code": 1000, "closed_by": "client"}
    rows = [idle(n, 5, opened=9.0 * n, **done) for n in range(6)]
    assert "idle-timeout" not in diagnoses(connections=rows)
    for row in rows:
        row["close_reason"] = "Idle Timeout"
    assert diagnoses(connections=rows)["idle-timeout"].evidence["ended_by"] == "client"


def test_short_pauses_and_single_ends_are_no_timer() -> None:
    assert "idle-timeout" not in diagnoses(connections=[idle(0, 60, opened=0)])
    rows = [idle(n, 0.1, opened=9.0 * n) for n in range(9)]
    assert "idle-timeout" not in diagnoses(connections=rows)
    one_each = [idle(n, 60, opened=9.0 * n, server_port=80 + n) for n in range(9)]
    assert "idle-timeout" not in diagnoses(connections=one_each)


def test_unanswered_pings_are_another_cause() -> None:
    rows = [idle(n, 20, opened=9.0 * n) for n in range(4)]
    pings = [
        {"connection": n, "direction": "server", "ping_frame": 3, "sent_at": START}
        for n in range(4)
    ]
    assert "idle-timeout" not in diagnoses(connections=rows, pings=pings)
    answered = [{**ping, "ping_frame": 4, "pong_frame": 5} for ping in pings]
    assert "idle-timeout" in diagnoses(connections=rows, pings=[*pings, *answered])


# --- lifetime


def busy(number: int, life: float, *, opened: float) -> Row:
    silent = {"client_idle_s": 700 * MS, "server_idle_s": (500 + 13 * number) * MS}
    return connection(number, opened=opened, life=life, end_packet=100 + number, **silent)


def test_equal_lives_that_were_busy() -> None:
    found = diagnoses(connections=[busy(n, 60, opened=3.0 * n) for n in range(6)])
    assert "idle-timeout" not in found
    assert found["lifetime-limit"].evidence["T_s"] == 60
    assert found["lifetime-limit"].connections == 6


def test_lives_of_idle_connections_are_no_limit() -> None:
    rows = [idle(n, 60, opened=3.0 * n) for n in range(6)]
    for row in rows:
        row["duration_s"], row["client_idle_s"] = 61 * S, 60 * S
    found = diagnoses(connections=rows)
    assert "lifetime-limit" not in found
    assert "idle-timeout" in found


def test_lives_that_differ_are_no_limit() -> None:
    rows = [busy(n, 20 * 1.5**n, opened=3.0 * n) for n in range(6)]
    assert "lifetime-limit" not in diagnoses(connections=rows)


def test_connections_of_one_moment_have_no_limit() -> None:
    rows = [busy(n, 60, opened=0.001 * n) for n in range(6)]
    assert "lifetime-limit" not in diagnoses(connections=rows)


# --- forgotten flows


def forgotten(silence: int, *, reset: str = "server", after: int = 30 * MS) -> dict[str, list[Row]]:
    other = "client" if reset == "server" else "server"
    row = connection(0, life=400, close_kind="reset", closed_by=reset, end_packet=77)
    row |= {f"{reset}_idle_s": silence + after, f"{other}_idle_s": after}
    sent = {
        "connection": 0,
        "message": 9,
        "direction": other,
        "packet_first": 76,
        "packet_last": 76,
    }
    times = {"time_first": row["closed_at"] - after, "time_last": row["closed_at"] - after}
    return {"connections": [row], "messages": [{**sent, **times, "gap_us": silence}]}


def test_reset_behind_a_silence() -> None:
    found = diagnoses(**forgotten(350 * S))["idle-entry-lost"]
    assert (found.packet, found.connections) == (76, 1)
    assert found.evidence["silences_s"] == [350.0]
    assert "idle-entry-lost" in diagnoses(**forgotten(350 * S, reset="client"))


def test_reset_that_answers_no_late_data() -> None:
    assert "idle-entry-lost" not in diagnoses(**forgotten(5 * S))
    # The data came long before the RST.
    assert "idle-entry-lost" not in diagnoses(**forgotten(350 * S, after=40 * S))
    # Who sent the RST had sent data in between, so that somebody still knew the flow.
    tables = forgotten(350 * S)
    tables["connections"][0]["server_idle_s"] = 2 * S
    assert "idle-entry-lost" not in diagnoses(**tables)
    # It reset what itself had just begun to send.
    tables = forgotten(350 * S)
    tables["messages"][0]["direction"] = "server"
    assert "idle-entry-lost" not in diagnoses(**tables)
