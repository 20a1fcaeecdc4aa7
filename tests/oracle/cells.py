"""Cells of CSV and JSON reports in plain Python: the twin of analyzer/report/_cells.py."""

from __future__ import annotations

import base64
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from analyzer.tables.schema import Column, Table

FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20'")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_control(character: str) -> bool:
    return ord(character) < 32 or 0x7F <= ord(character) < 0xA0


def protected(text: str) -> str:
    """Protect a cell that a spreadsheet would run or that holds control characters."""
    if not text.startswith(FORMULA) and not any(map(is_control, text)):
        return text
    escaped = text.replace("\\", "\\\\")
    return "'" + "".join(f"\\x{ord(c):02x}" if is_control(c) else c for c in escaped)


def plain(column: Column, value: Any) -> Any:
    """What a cell says: text, or a number as text with its fixed digits."""
    if column.type == "time":
        second, fraction = divmod(value, 1_000_000_000)
        moment = EPOCH + timedelta(seconds=second)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"
    if column.type == "us":
        return f"{Decimal(value) / 1000:.3f}"
    if column.type == "seconds":
        return f"{Decimal(value) / 10**9:.9f}"
    if column.type == "ratio":
        return f"{Decimal(round(value * 1e6)) / 10**6:.6f}"
    if column.type == "key":
        return f"{value:08x}"
    if column.type == "payload":
        return base64.b64encode(value).decode()
    if column.type == "text":
        return value.encode("utf-8", "replace").decode()
    return value


def csv_line(table: Table, row: dict[str, Any]) -> str:
    """One line of CSV, as Python's csv module quotes it."""
    cells = []
    for column in table.columns:
        value = row.get(column.name)
        if value is None:
            cells.append("")
            continue
        shown = plain(column, value)
        if column.type == "bool":
            shown = "true" if value else "false"
        if column.type in ("text", "payload"):
            shown = protected(shown)
            cells.append('""' if not shown else _quoted(shown))
        else:
            cells.append(str(shown))
    return ",".join(cells) + "\n"


def _quoted(cell: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([cell])
    return line.getvalue()


def json_row(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row as json.loads gives it back."""
    found: dict[str, Any] = {}
    for column in table.columns:
        value = row.get(column.name)
        shown = None if value is None else plain(column, value)
        if shown is not None and column.type in ("us", "seconds", "ratio"):
            shown = float(shown)
        found[column.name] = shown
    return found


def json_rows(text: bytes) -> list[dict[str, Any]]:
    """Parse rows as report.cells writes them: each followed by a comma and a newline."""
    return list(json.loads(b"[" + text.removesuffix(b",\n") + b"]"))
