"""What the Python API does with the rows of an analysis: hand them to reports, sum them up.

Knows writers and rows. Must not know pandas, or where rows come from. Used by analysis.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, Final

from analyzer.columns import NULL
from analyzer.report.output import WantsCapture, Writer
from analyzer.report.wording import duration, plural, size
from analyzer.tables.schema import TABLES, Table, TableRows
from analyzer.tables.summary import Summary

FORMATS: Final = ("csv", "parquet", "json", "html", "har")


def write(
    load: Callable[[Table], TableRows], target: Path, form: str, summary: Summary | None
) -> None:
    """Write all tables as one report, as the command line does.

    Args:
        load: gives the rows of a table.
        target: a folder for csv and parquet, else a file.
        form: one of FORMATS.
        summary: of the analysis; None where only tables are known.

    Raises:
        ReportError: It cannot be written.
    """
    writer = _writer(target, form)
    try:
        for table in TABLES:
            rows = load(table)
            if rows.count:
                writer.write(rows)
        if summary is not None and isinstance(writer, WantsCapture):
            writer.captured(summary.capture)
        writer.close()
    except BaseException:
        writer.abort()
        raise


def _writer(target: Path, form: str) -> Writer:
    if form == "csv":
        from analyzer.report.csv import CsvWriter

        return CsvWriter(target)
    if form == "parquet":
        from analyzer.report.parquet import ParquetWriter

        return ParquetWriter(target)
    if form == "json":
        from analyzer.report.json import JsonWriter

        return JsonWriter(target)
    if form == "har":
        from analyzer.report.har import HarWriter

        return HarWriter(target)
    from analyzer.report.html.writer import HtmlWriter

    return HtmlWriter(target)


def lines(summary: Summary) -> list[tuple[str, str]]:
    """Return what an analysis found, as names and values, for people."""
    capture = summary.capture
    messages = summary.messages[0] + summary.messages[1]
    wire = sum(side["wire_bytes"] - side["duplicate_bytes"] for side in summary.ledger)
    outcomes = ", ".join(f"{count} {name}" for name, count in summary.outcomes.most_common())
    span = ""
    if capture.first_time != NULL:
        span = f", {duration(capture.last_time - capture.first_time)}"
    found = [
        ("capture", f"{plural(capture.packets, 'packet')}, {size(capture.wire_bytes)}{span}"),
        ("connections", plural(summary.rows["connections"], "WebSocket connection")),
        ("handshakes", f"{summary.rows['handshakes']}" + (f" ({outcomes})" if outcomes else "")),
        (
            "messages",
            f"{messages['messages']:,}: {size(messages['payload_bytes'])} of payload, "
            f"{size(wire)} on the wire",
        ),
        ("findings", str(sum(each.count for each in summary.findings.values()))),
    ]
    found += [("stands out", f"{row['id']}: {row['text']}") for row in summary.diagnoses[:3]]
    return found


def text(summary: Summary) -> str:
    """Return a summary for `print(analysis)`: a few lines."""
    from analyzer.report.wording import printable

    return "\n".join(f"{name:<12} {printable(value)}" for name, value in lines(summary))


def html(summary: Summary) -> str:
    """Return a summary for a notebook; text from traffic is escaped."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in lines(summary)
    )
    return f"<table>{rows}</table>"


def report(summary: Summary, width: int = 100) -> str:
    """Return the report of the terminal, without colours."""
    from analyzer.report import terminal
    from analyzer.report.layout import make_console

    file = io.StringIO()
    console = make_console(file)
    console.width = width
    terminal.render(summary, console)
    return file.getvalue()


def frozen(load: Callable[[Table], TableRows]) -> dict[str, tuple[dict[str, Any], int]]:
    """Return all rows as plain values, by table, for pickle."""
    found: dict[str, tuple[dict[str, Any], int]] = {}
    for table in TABLES:
        rows = load(table)
        found[table.name] = ({name: rows.values[name] for name in rows.values}, rows.count)
    return found
