"""Servers that answer nobody for a while: told from slow calls, chats and loss."""

from __future__ import annotations

import pytest
from oracle.diagnosed import MS, START, TABLES, S, connection, diagnoses
from oracle.rows import Row, table_rows

from analyzer.diagnosis.stage import DiagnosisStage
from analyzer.options import Options

BLOCKS = (2.0, 2.3)


def talk(number: int, times: list[tuple[float, str]], **more: object) -> list[Row]:
    """Messages of one connection: seconds, and who sent them."""
    rows, last = [], None
    for place, (at, side) in enumerate(times):
        time = START + round(at * S)
        row = {"connection": number, "message": place, "direction": side, **more}
        row |= {"time_first": time, "time_last": time, "packet_first": place, "packet_last": place}
        row |= {"gap_us": None if last is None else time - last}
        rows.append(row | dict.fromkeys(("stall_us", "window_us", "nagle_us", "resent_us"), 0))
        last = time
    return rows


def asked(number: int, *, every: float = 0.04, until: float = 4.0) -> list[tuple[float, str]]:
    """A client that asks again 40 ms behind each answer, which takes 1 ms but for the block."""
    times, at = [], 0.1 + 0.013 * number
    while at < until:
        answer = at + 0.001
        if BLOCKS[0] < answer < BLOCKS[1]:
            answer = BLOCKS[1] + 0.0005 * number
        times += [(at, "client"), (answer, "server")]
        at = answer + every
    return times


def blocked(count: int = 5) -> dict[str, list[Row]]:
    rows = [row for number in range(count) for row in talk(number, asked(number))]
    rows.sort(key=lambda row: row["time_last"])
    return {"messages": rows, "connections": [connection(n, life=5) for n in range(count)]}


def test_all_clients_wait_at_once() -> None:
    found = diagnoses(**blocked())["server-stall"]
    assert found.connections == 5
    # From the first question that the block left waiting to the first answer: less than 300 ms.
    assert found.evidence["worst_s"] == pytest.approx(0.3, abs=0.04)
    assert found.evidence["stalls"] == 1
    assert "The server 10.0.0.9:80 answered nobody for 2" in found.text
    assert "until packet 95: 5 connections waited" in found.text


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_batches_and_early_judgement_change_nothing(size: int) -> None:
    rows = blocked()
    texts = set()
    for sends in (150, 262_144):
        stage = DiagnosisStage(Options(max_stall_sends=sends))
        opened = [
            {"handshake": n, "connection": n, "outcome": "accepted", "server_ip": "10.0.0.9"}
            | {"server_port": 80, "client_ip": "10.0.0.1", "tcp_stream": n}
            for n in range(5)
        ]
        stage.push([table_rows(TABLES["handshakes"], opened)])
        for at in range(0, len(rows["messages"]), size):
            stage.push([table_rows(TABLES["messages"], rows["messages"][at : at + size])])
        stage.push([table_rows(TABLES["connections"], rows["connections"])])
        texts |= {text for made in stage.finish() for text in made.values["text"]}
    assert len(texts) == 1
    assert "answered nobody" in texts.pop()


def test_a_server_that_still_answers_somebody_is_not_blocked() -> None:
    rows = blocked()
    busy = talk(7, [(0.5 + 0.02 * n, ("client", "server")[n % 2]) for n in range(170)])
    rows["messages"] += busy
    rows["connections"].append(connection(7, life=5))
    assert "server-stall" not in diagnoses(**rows)


def test_calls_that_begin_and_end_together_are_slow_by_themselves() -> None:
    rows = []
    for number in range(6):
        times = asked(number, until=1.9)
        rows += talk(number, [*times, (2.0 + 0.002 * number, "client"), (2.3, "server")])
    ends = [connection(n, life=5) for n in range(6)]
    assert "server-stall" not in diagnoses(messages=rows, connections=ends)


def test_two_slow_calls_that_end_together_are_chance() -> None:
    assert "server-stall" not in diagnoses(**blocked(2))


def test_news_to_a_quiet_chat_answers_nobody() -> None:
    # Each said something once, long ago and at another moment; one message goes to all.
    rows = [
        row
        for number in range(6)
        for row in talk(number, [(0.5 * number, "client"), (9.0, "server"), (20.0, "server")])
    ]
    ends = [connection(n, life=30) for n in range(6)]
    assert "server-stall" not in diagnoses(messages=rows, connections=ends)


def test_news_that_go_to_all_answer_nobody() -> None:
    """A game's state at each tick, and a room's news: who asked nothing gets them as well."""
    rows, tick = [], 2.0
    for number in range(9):
        times = asked(number, until=1.2)
        if number < 3:
            times.append((1.3 + 0.1 * number, "client"))
        rows += talk(number, [*times, (tick + 0.001 * number, "server")])
    ends = [connection(n, life=5) for n in range(9)]
    assert "server-stall" not in diagnoses(messages=rows, connections=ends)
    # Where they go to those alone who wait, they are answers.
    alone = [row for row in rows if row["connection"] < 3 or row["time_first"] < START + tick * S]
    assert "server-stall" in diagnoses(messages=alone, connections=ends)
    # Those who move all the time have just asked: the tick is as near to them as to any.
    for number in range(3, 9):
        alone += talk(number, [(tick - 0.01, "client"), (tick + 0.001 * number, "server")])
    assert "server-stall" not in diagnoses(messages=alone, connections=ends)


def test_loss_is_another_cause() -> None:
    rows = blocked()
    for row in rows["messages"]:
        if row["direction"] == "client" and BLOCKS[0] - 0.05 < (row["time_last"] - START) / S < 2.3:
            row["resent_us"] = 200 * MS
    assert "server-stall" not in diagnoses(**rows)
    rows = blocked()
    for row in rows["messages"]:
        row["stall_us"] = 200 * MS
    assert "server-stall" not in diagnoses(**rows)


def test_pings_alone_show_it() -> None:
    pings = [
        {"connection": n, "direction": "client", "ping_frame": 3, "pong_frame": 3}
        | {"sent_at": START + 2 * S + 50 * n * MS, "answered_at": START + 2 * S + 400 * MS + n * MS}
        for n in range(5)
    ]
    ends = [connection(n, life=5) for n in range(5)]
    found = diagnoses(pings=pings, connections=ends)["server-stall"]
    assert found.evidence["worst_s"] == pytest.approx(0.4)
    assert found.packet == -(2**63)


def test_calls_by_id_show_it() -> None:
    calls = [
        {"call": n, "connection": n, "inner": "json-rpc", "name": f"call {n}", "caller": "client"}
        | {"request": 1, "reply_packet": 50 + n, "requested_at": START + 60 * n * MS}
        | {"reply_us": 500 * MS - 60 * n * MS, "outcome": "ok"}
        for n in range(5)
    ]
    ends = [connection(n, life=5) for n in range(5)]
    found = diagnoses(calls=calls, connections=ends)["server-stall"]
    assert (found.connections, found.packet) == (5, 50)
