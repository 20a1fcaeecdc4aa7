"""The stage: takes rows of all tables, gives rows of `diagnoses`.

Knows the rules only as a list. Must not know packets. Called by the pipeline, after the tables
and the alternatives, and before the reports. All rules look at the same case when the capture
ends, so that neither the order of rows nor how the input was cut into batches changes a
diagnosis; observers of a live run hear of it early.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np

from analyzer import findings
from analyzer.columns import NULL
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.facts import numbers
from analyzer.diagnosis.rules import RULES
from analyzer.findings import SEVERITIES, Finding
from analyzer.options import Options
from analyzer.tables.chosen import numbers_of
from analyzer.tables.declare import take_rows
from analyzer.tables.finding_log import FindingLog
from analyzer.tables.schema import DIAGNOSES, TableRows
from analyzer.tables.timing import columns_of

NEWS_EVERY_NS = 10_000_000_000
"""How often the rules are asked while somebody watches, by the clock of the capture: they look
at all that is kept, which takes a tenth of a second at most."""


class DiagnosisStage:
    """Holds the case.

    Args:
        options: limits and thresholds.
        only: connections that are looked at; None: all.
    """

    def __init__(self, options: Options, only: Collection[int] | None = None) -> None:
        self._options = options
        self._case = Case(options)
        self._only = numbers_of(only)
        self._asked = NULL
        self._changed = False
        self._told: dict[str, int] = {}

    def push(self, tables: Iterable[TableRows]) -> None:
        """Take rows of some tables, of one moment: a connection's row with all that it had."""
        ends: list[TableRows] = []
        for rows in tables:
            some = self._selected(rows)
            if not some.count:
                continue
            if some.table.name == "connections":
                ends.append(some)
            else:
                self._case.take(some)
        for some in ends:
            self._case.end(some)
            self._changed = True

    def news(self, now: int) -> list[TableRows]:
        """Return diagnoses of causes that are new, or concern twice as many connections as before.

        Args:
            now: ns, by the clock of the capture.
        """
        if now == NULL or not self._changed or self._asked <= now < self._asked + NEWS_EVERY_NS:
            return []
        self._asked, self._changed = now, False
        made = self._ranked()
        sizes = Counter[str]()
        for each in made:
            sizes[each.cause.id] += max(each.connections, 1)
        fresh = {id_ for id_, size in sizes.items() if size >= 2 * self._told.get(id_, 0)}
        self._told |= {id_: sizes[id_] for id_ in fresh}
        told = [each for each in made if each.cause.id in fresh][: self._options.max_diagnoses]
        return [diagnosis_rows(told)] if told else []

    def finish(self) -> list[TableRows]:
        """Return the rows of all diagnoses, the most costly first, and what limits cut."""
        made = self._ranked()
        most = self._options.max_diagnoses
        cut = [
            f"{count} {name} beyond what is remembered" for name, count in self._case.cut.items()
        ]
        if self._case.stalls.cut:
            cut.append(f"{self._case.stalls.cut} slow answers above max_stall_waits")
        if self._case.replies.cut:
            cut.append(f"{self._case.replies.cut} calls of names above max_reply_names")
        if self._case.gatherer.cut:
            cut.append(f"facts of {self._case.gatherer.cut} open connections were given up")
        if len(made) > most:
            cut.append(f"{len(made) - most} diagnoses of little cost above max_diagnoses")
        out = [diagnosis_rows(made[:most]), *self._limits(cut)]
        return [rows for rows in out if rows.count]

    def _limits(self, cut: Sequence[str]) -> list[TableRows]:
        log = FindingLog(self._options)
        log.add([Finding(findings.DIAGNOSIS_LIMIT, detail=text) for text in cut], {})
        log.finish()
        return [log.take()]

    def _ranked(self) -> list[Diagnosis]:
        made = [each for rule in RULES for each in rule(self._case)]
        return sorted(made, key=_rank)

    def _selected(self, rows: TableRows) -> TableRows:
        """Return the rows of the connections that are looked at, and those of none."""
        if self._only is None or "connection" not in rows.values:
            return rows
        owner = numbers(rows, "connection")
        mask = self._only.mask(owner)
        if rows.table.name == "findings":
            mask |= (owner == NULL) & (numbers(rows, "tcp_stream") == NULL)
        if mask.all():
            return rows
        return take_rows(rows, np.flatnonzero(mask).tolist())


def _rank(each: Diagnosis) -> tuple[object, ...]:
    ended, seconds, wasted = each.cost
    grave = SEVERITIES.index(each.cause.severity)
    return -ended, -seconds, -wasted, -grave, each.cause.id, each.connection, each.packet, each.text


def diagnosis_rows(made: Sequence[Diagnosis]) -> TableRows:
    """Return rows of `diagnoses`, numbered in the order given."""
    rows = list(_cells(made)) if made else []
    return TableRows(DIAGNOSES, columns_of(DIAGNOSES.columns, rows), len(rows))


def _cells(made: Sequence[Diagnosis]) -> Iterator[tuple[object, ...]]:
    import json

    for number, each in enumerate(made):
        yield (
            number,
            each.cause.id,
            SEVERITIES.index(each.cause.severity),
            each.connections,
            each.connection,
            each.packet,
            each.seconds,
            each.bytes,
            each.text,
            json.dumps(each.evidence),
            each.advice or each.cause.advice,
        )
