"""The list of all rules: each looks at the case and yields diagnoses.

To add a cause, declare it in causes.py, write a rule in the file of its family, and add a
line here. Used by diagnosis.stage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from analyzer.diagnosis import (
    captured,
    endings,
    framing,
    lateness,
    opening,
    reading,
    returning,
    silences,
)
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Diagnosis

Rule = Callable[[Case], Iterable[Diagnosis]]

RULES: tuple[Rule, ...] = (
    silences.timers,
    silences.entries_lost,
    endings.vanished,
    endings.pings,
    endings.closes_lost,
    endings.injected,
    returning.unused,
    returning.storms,
    lateness.by_cause,
    reading.slow_readers,
    opening.slow,
    opening.stripped,
    opening.refused,
    framing.bytes_that_are_no_frames,
    captured.from_findings,
    captured.two_legs,
    captured.buffers,
    captured.held_streams,
    lambda case: case.compression.diagnoses(),
    lambda case: case.replies.diagnoses(),
    lambda case: case.chatter.diagnoses(),
    lambda case: case.stalls.diagnoses({end.number: end.server for end, _ in case.ends}),
)
"""In no particular order: diagnoses are ranked by what they cost."""
