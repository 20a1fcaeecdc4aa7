"""The list of rules: nothing from nothing, and nothing raises."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.diagnosed import case, connection, diagnoses
from oracle.rows import rows, table_rows

from analyzer.diagnosis.rules import RULES
from analyzer.diagnosis.stage import DiagnosisStage
from analyzer.options import Options
from analyzer.tables.schema import (
    CONNECTIONS,
    FINDINGS,
    FRAMES,
    HANDSHAKES,
    MESSAGES,
    PINGS,
)

TABLES = (CONNECTIONS, FINDINGS, FRAMES, HANDSHAKES, MESSAGES, PINGS)


def test_nothing_from_nothing() -> None:
    assert diagnoses() == {}


def test_nothing_from_a_healthy_connection() -> None:
    assert diagnoses(connections=[connection(0)]) == {}


def test_each_rule_is_there_once() -> None:
    assert len(set(RULES)) == len(RULES)
    assert all(list(rule(case())) == [] for rule in RULES)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_no_rows_whatsoever_raise(data: st.DataObject) -> None:
    stage = DiagnosisStage(Options())
    made = [table_rows(table, data.draw(rows(table))) for table in TABLES]
    stage.push(made)
    stage.finish()
