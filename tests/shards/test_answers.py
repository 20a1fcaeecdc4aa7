"""Errors of a child are those of the analysis: with what the user can do, and how they came."""

from __future__ import annotations

import pytest

from analyzer.errors import CaptureAccessError, JobError, KeyLogError, WsanalyzeError
from analyzer.shards.answers import packed_error, unpacked_error


@pytest.mark.parametrize("kind", [CaptureAccessError, KeyLogError, JobError])
def test_an_error_of_the_callers_is_the_same_here(kind: type[WsanalyzeError]) -> None:
    made = unpacked_error(packed_error(kind("it cannot be read", hint="ask")))
    assert type(made) is kind
    assert (str(made), made.hint) == ("it cannot be read", "ask")
    assert not hasattr(made, "__notes__")


def test_a_fault_has_its_traceback_also_behind_two_processes() -> None:
    try:
        raise ValueError("a fault")
    except ValueError as fault:
        told = packed_error(fault)
    for _ in range(2):
        error = unpacked_error(told)
        assert type(error) is JobError
        assert str(error) == "a process that analyses failed: ValueError: a fault"
        assert "raise ValueError" in error.__notes__[0]
        told = packed_error(error)
