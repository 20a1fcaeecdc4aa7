"""Conditions of --fail-on: parsed, never evaluated as code, and held against rows as they pass.

A condition is a severity, the id of a finding or of a diagnosis, or FUNC(COLUMN) OP NUMBER. Knows
the schema. Must not know what an id means: the caller names those there are. Made by the command
line; a Writer of the pipeline.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.errors import OptionError
from analyzer.findings import SEVERITIES
from analyzer.lazy_dataclass import dataclass, field
from analyzer.lazy_pattern import lazy_pattern
from analyzer.tables.samples import Samples
from analyzer.tables.schema import BY_NAME, TABLES, Column, Table, TableRows

OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
FUNCTIONS: Final = ("count", "min", "median", "p95", "max", "sum", "share")
_QUANTILES: Final = {"median": 0.5, "p95": 0.95}

_UNITS: Final[Mapping[str, float]] = {"us": 1e3, "seconds": 1e9}
"""Nanoseconds, in which rows hold durations, in the unit that the column's name says."""

_NUMERIC: Final = ("int", "us", "seconds", "ratio", "bool")

_FORM = lazy_pattern(
    r"""\s*(?P<function>[a-z0-9]+)\s*\(\s*
        (?:(?P<table>[a-z0-9_]+)\s*\.\s*)?(?P<name>[a-z0-9_-]+)\s*\)
        \s*(?P<operator>>=|<=|==|!=|>|<)\s*
        (?P<number>[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*""",
    re.VERBOSE | re.ASCII,
)


@dataclass(slots=True)
class Condition:
    """One condition, and what was seen of it so far.

    Attributes:
        text: as given.
        severity: the bar of a severity; "" where it is none.
        id: of a finding or diagnosis; "" where it is none.
        table, column: of a number; None where it is none.
        function, operator, number: as given.
    """

    text: str
    severity: str = ""
    id: str = ""
    table: Table | None = None
    column: Column | None = None
    function: str = "count"
    operator: str = ">"
    number: float = 0.0
    _count: int = 0
    _sum: float = 0.0
    _least: float = np.inf
    _most: float = -np.inf
    _samples: Samples = field(default_factory=Samples)
    _said: str = ""

    def take(self, rows: TableRows) -> None:
        """Take some rows of any table."""
        if self.severity or self.id:
            if rows.table.name in ("findings", "diagnoses"):
                self._take_named(rows)
        elif self.table is not None and rows.table.name == self.table.name:
            self._take_numbers(rows)

    def reason(self) -> str:
        """Return why the condition holds, on one line; "" where it does not."""
        if self.severity:
            return f"{self._said}" if self._count else ""
        value = self.value()
        if value is None or not OPERATORS[self.operator](value, self.number):
            return ""
        if self.id and self._said and self.operator in (">", ">="):
            return f"{self.text}: {self._said}" if self.text != self.id else self._said
        return f"{self.text}: it is {value:,.6g}"

    def value(self) -> float | None:
        """Return what the function gives of all rows so far; None where it has nothing to."""
        if self.function == "count":
            return float(self._count)
        if self.function == "sum":
            return self._sum
        if not self._count:
            return None
        if self.function in ("min", "max"):
            return self._least if self.function == "min" else self._most
        if self.function == "share":
            return self._sum / self._count
        return self._samples.quantile(_QUANTILES[self.function]) / _SCALE

    def _take_named(self, rows: TableRows) -> None:
        names: Any = rows.values["id"]
        texts: Any = rows.values["text"]
        grave = np.asarray(cast("Any", rows.values["severity"]), np.int8).tolist()
        counts = rows.values.get("count")
        many = [1] * rows.count if counts is None else np.asarray(cast("Any", counts)).tolist()
        bar = SEVERITIES.index(self.severity) if self.severity else 0
        for name, text, severity, count in zip(names, texts, grave, many, strict=True):
            if severity >= bar if self.severity else name == self.id:
                self._said = self._said or f"{SEVERITIES[severity]} {name}: {text}"
                self._count += max(1, count)

    def _take_numbers(self, rows: TableRows) -> None:
        values = numeric(rows, cast("Column", self.column))
        if not len(values):
            return
        self._count += len(values)
        self._sum += float(values.sum())
        self._least = min(self._least, float(values.min()))
        self._most = max(self._most, float(values.max()))
        if self.function in _QUANTILES:
            whole = np.rint(values.clip(-_LARGEST, _LARGEST) * _SCALE).astype(np.int64)
            self._samples.add(whole, np.zeros(len(whole), np.int64))


_SCALE = 1000
"""Samples are whole numbers: of fractions three digits are kept."""
_LARGEST = 9e15
"""Times _SCALE this is still an int64; no duration or size comes near it."""


class Conditions:
    """A Writer that holds rows against conditions.

    Args:
        texts: as given with --fail-on.
        ids: of diagnoses; those of findings and severities are known.

    Raises:
        OptionError: One cannot be parsed, or names what there is not.
    """

    def __init__(self, texts: Collection[str], ids: Collection[str]) -> None:
        self._all = [parse(text, ids) for text in texts]

    def write(self, rows: TableRows) -> None:
        """Take some rows (Writer)."""
        for each in self._all:
            each.take(rows)

    def close(self) -> None:
        """Do nothing (Writer)."""

    def abort(self) -> None:
        """Do nothing (Writer)."""

    def reasons(self) -> list[str]:
        """Return a line for each condition that holds."""
        return [reason for each in self._all if (reason := each.reason())]


def parse(text: str, ids: Collection[str]) -> Condition:
    """Return the condition that a text says.

    Raises:
        OptionError: It cannot be parsed, or names what there is not.
    """
    name = text.strip()
    if name in SEVERITIES:
        return Condition(text=name, severity=name)
    if name in ids:
        return Condition(text=name, id=name)
    form = _FORM.fullmatch(text)
    if form is None:
        hint = "a severity, an id, or such as: p95(pings.rtt_us) > 50000"
        raise OptionError(f"--fail-on cannot read {text!r}", hint=hint)
    function = form["function"]
    if function not in FUNCTIONS:
        raise OptionError(f"--fail-on knows {', '.join(FUNCTIONS)}, not {function!r}")
    made = Condition(
        text=name,
        function=function,
        operator=form["operator"],
        number=float(form["number"].replace("_", "")),
    )
    if function == "count" and form["table"] is None and form["name"] in ids:
        made.id = form["name"]
        return made
    made.table, made.column = _column(form["table"], form["name"], text)
    _check(made, text)
    return made


def _column(table: str | None, name: str, text: str) -> tuple[Table, Column]:
    if table is not None and table not in BY_NAME:
        raise OptionError(
            f"--fail-on {text!r}: there is no table {table!r}", hint="tables: " + ", ".join(BY_NAME)
        )
    some = TABLES if table is None else (BY_NAME[table],)
    found = [(each, column) for each in some for column in each.columns if column.name == name]
    if not found:
        hint = "" if table is None else "columns: " + ", ".join(c.name for c in some[0].columns)
        where = "no table has a" if table is None else f"{table} has no"
        raise OptionError(f"--fail-on {text!r}: {where} column {name!r}", hint=hint)
    if len(found) > 1:
        hint = "one of " + ", ".join(f"{each.name}.{name}" for each, _ in found)
        raise OptionError(f"--fail-on {text!r}: several tables have {name!r}", hint=hint)
    return found[0]


def _check(made: Condition, text: str) -> None:
    column = cast("Column", made.column)
    if made.function == "share" and column.type != "bool":
        raise OptionError(f"--fail-on {text!r}: share is of true and false, as accept_valid")
    if made.function != "count" and column.type not in _NUMERIC:
        raise OptionError(f"--fail-on {text!r}: {column.name} is no number; count() takes it")
    if made.function != "share" and made.function != "count" and column.type == "bool":
        raise OptionError(f"--fail-on {text!r}: of true and false there are count and share")


def numeric(rows: TableRows, column: Column) -> npt.NDArray[np.float64]:
    """Return a column's values in the unit of its name, without nulls; 1.0 for each text."""
    values = rows.values[column.name]
    if column.type in ("text", "payload"):
        return np.ones(sum(each is not None for each in cast("Any", values)), np.float64)
    numbers = np.asarray(cast("Any", values))
    if column.type in ("enum", "bool"):
        known = numbers >= 0
    else:
        known = ~np.isnan(numbers) if column.type == "ratio" else numbers != NULL
    return np.asarray(numbers[known], np.float64) / _UNITS.get(column.type, 1.0)
