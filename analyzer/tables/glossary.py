"""Makes docs/tables.md from the schema: `python -m analyzer.tables.glossary > docs/tables.md`.

Knows the schema alone. A test compares the file with what this makes.
"""

from __future__ import annotations

import sys

from analyzer.tables.comparison import METRICS, Metric
from analyzer.tables.schema import CHANGES, COMPARISON, PATHS, TABLES, Column, Table, Type
from analyzer.tables.values import UNITS

_READS: dict[Type, str] = {
    "int": "integer",
    "bool": "true, false",
    "text": "text",
    "enum": "label",
    "time": "time",
    "us": "number",
    "seconds": "number",
    "ratio": "number",
    "key": "8 hex digits",
    "payload": "bytes",
}

_INTRODUCTION = """\
# Tables

This page is made from `analyzer/tables/schema/`; a test keeps the two equal.

The same tables come as CSV (`--csv DIR`), Parquet (`--parquet DIR`), JSON
(`--json FILE`) and DataFrames (`analyzer.analyze(...)`, `analyzer.read_csv(DIR)`).
Ids are integers from 0 in order of appearance; `packet` columns count from 1 and
`tcp_stream` from 0, as Wireshark does. Times are UTC with nanoseconds. What was not seen
is null, never zero.

| type | CSV | JSON | Parquet | pandas |
|---|---|---|---|---|
| integer | `42` | `42` | int64 | Int64 |
| true, false | `true` | `true` | bool | boolean |
| text | text, see below | string | string | string |
| label | the label | string | dictionary of strings | category |
| time | `2026-01-02T03:04:05.000000006Z` | as a string | timestamp(ns) | datetime64[ns, UTC] |
| number | `26039.123` | `26039.123` | double | float64 |
| 8 hex digits | `37fa213d` | string | string | string |
| bytes | base64 | base64 string | binary | object (bytes) |

Durations in `_us` columns are microseconds with 3 digits after the point, in `_s` columns
seconds with 9; ratios have 6. Null is an empty cell in CSV, `null` in JSON.

## Text in CSV

Files are UTF-8 with one row on each line, quoted as in RFC 4180. Empty text is `""`, null is
nothing. Text from traffic is hostile: cells that a spreadsheet would run (they begin
with `=`, `+`, `-`, `@`, also in full width) and cells with control characters are
*protected*: an apostrophe stands before them, and after it `\\\\` is a backslash and `\\x1b`
the control character of that number. Text that begins with an apostrophe is protected
as well, so that `analyzer.read_csv` restores every cell exactly. Nothing else is changed.
"""


def markdown() -> str:
    """Return docs/tables.md: the introduction, and every table's columns."""
    tables = [_section(table) for table in (*TABLES, PATHS, CHANGES, COMPARISON)]
    return "\n".join([_INTRODUCTION, *tables, _metrics()])


def _metrics() -> str:
    rows = "\n".join(_metric_row(metric) for metric in METRICS)
    head = "| metric | group | unit | is |\n|---|---|---|---|\n"
    return f"### Its rows\n\nAlways these, in this order.\n\n{head}{rows}\n"


def _metric_row(metric: Metric) -> str:
    return f"| {metric.name} | {metric.group} | {metric.unit} | {metric.text} |"


def _section(table: Table) -> str:
    rows = "\n".join(_row(column) for column in table.columns)
    head = "| column | type | null | meaning |\n|---|---|---|---|\n"
    return f"## {table.name}\n\n{table.text}\n\n{head}{rows}\n"


def _row(column: Column) -> str:
    unit = f" ({UNITS[column.type]})" if column.type in UNITS else ""
    text = column.text
    if column.labels:
        text += " One of " + ", ".join(f"`{label}`" for label in column.labels) + "."
    return f"| {column.name} | {_READS[column.type]}{unit} | {column.null} | {text} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
