"""The stage: rows ranked by cost, limits said, the same whatever the batches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from oracle.diagnosed import MESSAGES, START, S, connection
from oracle.rows import Row, table_rows

import analyzer
from analyzer.diagnosis import causes
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.stage import NEWS_EVERY_NS, DiagnosisStage, diagnosis_rows
from analyzer.options import Options
from analyzer.tables.declare import row_values
from analyzer.tables.schema import CONNECTIONS, FINDINGS, TableRows

CASES = Path(__file__).parents[1] / "cases"


def listed(tables: list[TableRows], name: str = "diagnoses") -> list[Row]:
    return [
        row_values(rows, place)
        for rows in tables
        if rows.table.name == name
        for place in range(rows.count)
    ]


def idle(number: int) -> Row:
    silences = {"client_idle_s": 60 * S, "server_idle_s": 60 * S, "end_packet": number}
    return connection(number, opened=9.0 * number, life=70.0 + number, **silences)


def late(number: int, wait: int) -> Row:
    row = {"connection": number, "message": 1, "direction": "client", "stall_us": wait}
    return {**row, "packet_first": 3, "packet_last": 4, "time_first": START, "time_last": START}


def test_ranked_by_ended_connections_then_time() -> None:
    stage = DiagnosisStage(Options())
    stage.push([table_rows(MESSAGES, [late(7, 3600 * S)])])
    stage.push([table_rows(CONNECTIONS, [idle(n) for n in range(3)])])
    rows = listed(stage.finish())
    assert [(row["diagnosis"], row["id"]) for row in rows] == [
        (0, "idle-timeout"),
        (1, "late-by-loss"),
    ]
    assert rows[1]["seconds"] == 3600 * S
    assert json.loads(rows[0]["evidence"])["T_s"] == 60
    assert all(row["advice"] for row in rows)


def test_only_some_connections() -> None:
    stage = DiagnosisStage(Options(), only=[0])
    stage.push([table_rows(MESSAGES, [late(7, S)])])
    stage.push([table_rows(CONNECTIONS, [idle(n) for n in range(3)])])
    assert listed(stage.finish()) == []


def test_limits_are_said() -> None:
    stage = DiagnosisStage(Options(max_diagnosed_connections=4))
    stage.push([table_rows(MESSAGES, [late(n, S) for n in range(10, 16)])])
    stage.push([table_rows(CONNECTIONS, [idle(n) for n in range(6)])])
    made = stage.finish()
    texts = [row["text"] for row in listed(made, "findings")]
    assert any("2 connections beyond what is remembered" in text for text in texts)
    assert any("facts of 2 open connections" in text for text in texts)
    assert {row["id"]: row["connections"] for row in listed(made)} == {
        "idle-timeout": 4,
        "late-by-loss": 4,
    }


def test_most_diagnoses() -> None:
    stage = DiagnosisStage(Options(max_diagnoses=1))
    row = {"severity": "error", "text": "x", "count": 1, "packet": 1, "connection": 9}
    ids = ("websocket-not-frames", "deflate-window-exceeded")
    stage.push([table_rows(FINDINGS, [{**row, "id": id_} for id_ in ids])])
    made = stage.finish()
    assert len(listed(made)) == 1
    assert "above max_diagnoses" in listed(made, "findings")[0]["text"]


def test_news_once_and_when_doubled() -> None:
    stage = DiagnosisStage(Options())
    assert stage.news(START) == []
    told = []
    now = START
    for number in range(9):
        stage.push([table_rows(CONNECTIONS, [idle(number)])])
        told.append([row["connections"] for row in listed(stage.news(now))])
        now += NEWS_EVERY_NS
    assert told == [[], [2], [], [4], [], [], [], [8], []]
    assert stage.news(now) == []


def test_cells() -> None:
    made = Diagnosis(cause=causes.CHATTY, text="t", evidence={"a": "\ud800\x00"})
    (row,) = listed([diagnosis_rows([made])])
    assert (row["id"], row["severity"], row["connections"]) == ("chatty", "note", 0)
    assert row["connection"] is row["packet"] is row["seconds"] is row["bytes"] is None
    assert json.loads(row["evidence"]) == {"a": "\ud800\x00"}
    assert row["advice"] == causes.CHATTY.advice


@pytest.mark.parametrize("name", ["idle60", "reconnect_storm", "halfopen_vanished"])
def test_batches_change_nothing(name: str) -> None:
    whole, *others = (
        analyzer.analyze(CASES / f"{name}.pcap", batch_bytes=size).diagnoses.to_dict("records")
        for size in (1 << 20, 1, 7, 1000)
    )
    assert whole
    assert all(str(other) == str(whole) for other in others)
