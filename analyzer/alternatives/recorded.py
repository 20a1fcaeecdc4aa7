"""Figures of the original that an anonymized capture carries.

What HTTP would have cost depends on what was said: on how far it shrinks, on which message answers
which, on names in heads. False payload gives other numbers. So the file has the rows of the
original, numbers alone, with what they were reckoned from: they count if the packets, the number
of connections and the options are the same, and nothing was chosen. Knows rows. Called by
share.pcapng, which writes them, and by pipeline.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from analyzer import findings
from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.findings.kinds import Kind
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.tables.declare import Column, plain_values
from analyzer.tables.finding_log import FindingLog
from analyzer.tables.schema import ALTERNATIVES, SCALING, TableRows
from analyzer.tables.summary import Summary

TABLES: Final = {table.name: table for table in (ALTERNATIVES, SCALING)}
MAX_BYTES: Final = 4 << 20
"""Compressed: rows of about 10,000 connections. Wireshark refuses blocks above 16 MiB."""
MAX_PLAIN: Final = 64 << 20
_VERSION: Final = 1
_OPTIONS: Final = (
    *("poll_intervals_s", "long_poll_hold_s", "clients", "keep_alive", "buffered", "inside"),
    *("max_calls_compared", "max_compared_connections", "max_connections", "max_gzip_bytes"),
    *("max_gzip_bytes_total", "max_gzip_connections", "max_gzip_messages"),
    *("max_gzip_messages_total", "max_hpack_bytes", "max_observed_head_bytes"),
    *("max_observed_hosts", "max_session_connections", "max_session_messages", "max_sessions"),
)
"""Options on which the rows depend."""


class Facts(NamedTuple):
    """What a capture is, as far as the rows depend on it.

    Attributes:
        packets: of the file.
        wire_bytes: their original lengths.
        first_time, last_time: ns since 1970.
        connections: of WebSocket.
    """

    packets: int
    wire_bytes: int
    first_time: int
    last_time: int
    connections: int


def packed(
    rows: Sequence[TableRows], facts: Facts, options: Options, numbers: Mapping[int, int]
) -> bytes:
    """Return the figures of an analysis for a file; b"" where they are too many.

    Args:
        rows: of TABLES; others are passed over.
        facts: of the file.
        options: of the analysis.
        numbers: of connections -> what they are in the file.
    """
    tables: dict[str, dict[str, list[Any]]] = {}
    for some in rows:
        if some.table.name not in TABLES:
            continue
        columns = tables.setdefault(
            some.table.name, {column.name: [] for column in some.table.columns}
        )
        for column in some.table.columns:
            columns[column.name] += plain_values(column, some.values[column.name])
    if not tables:
        return b""
    numbered = tables.get(ALTERNATIVES.name, {}).get("connection", [])
    numbered[:] = [None if each is None else numbers.get(each) for each in numbered]
    whole = {
        **{"version": _VERSION, "facts": facts._asdict(), "options": _options(options)},
        "tables": tables,
    }
    import json

    data = json.dumps(whole, separators=(",", ":")).encode()
    made = zlib.compress(data, 9)
    return made if len(made) <= MAX_BYTES and len(data) <= MAX_PLAIN else b""


class Original:
    """What the files of an analysis say of their originals.

    Args:
        options: of the analysis.
        chosen: some connections alone are looked at.
    """

    def __init__(self, options: Options, *, chosen: bool) -> None:
        self._options, self._chosen = options, chosen
        self._is_false = False
        self._figures: list[bytes] = []

    def push(self, records: RecordBatch) -> None:
        """Note whether a file was anonymized, and what it carries."""
        self._is_false |= any(each.kind is findings.CAPTURE_ANONYMIZED for each in records.findings)
        if records.figures:
            self._figures.append(records.figures)

    def instead(self, made: list[TableRows], summary: Summary, *, early: bool) -> list[TableRows]:
        """Return what is to be shown in place of the rows `made`.

        Args:
            made: rows of the comparison.
            summary: of what was read.
            early: some rows left already.
        """
        if not self._is_false:
            return made
        capture = summary.capture
        facts = Facts(
            *(capture.packets, capture.wire_bytes, capture.first_time, capture.last_time),
            summary.rows["connections"],
        )
        chosen = self._chosen or early
        return instead(made, self._figures, facts, self._options, chosen=chosen)


def instead(
    made: list[TableRows],
    figures: Sequence[bytes],
    facts: Facts,
    options: Options,
    *,
    chosen: bool,
) -> list[TableRows]:
    """Return the recorded rows in place of those `made` from false payload, and a finding.

    Args:
        made: rows of the comparison.
        figures: of the files, which anybody may have written.
        facts: of the capture that was read.
        options: of this analysis.
        chosen: some rows left already, or some connections alone are compared.
    """
    found = _read(figures[0]) if figures else None
    if not any(some.table.name in TABLES for some in made) and (
        found is None or len(figures) > 1 or chosen or _difference(found, facts, options)
    ):
        return made  # nothing that false payload could make wrong
    if found is None or len(figures) > 1:
        why = "it does not carry those of its original" if found is None else "it is one of several"
    elif chosen:
        why = "those of its original are for all connections together"
    else:
        why = _difference(found, facts, options)
    if why:
        return [*made, *_said(findings.COMPARED_FALSE, why, options)]
    assert found is not None
    rows = [_rows(TABLES[name], columns) for name, columns in found["tables"].items()]
    others = [some for some in made if some.table.name not in TABLES]
    return [*rows, *others, *_said(findings.COMPARED_RECORDED, "", options)]


def _difference(found: dict[str, Any], facts: Facts, options: Options) -> str:
    """Return what recorded figures do not fit; "" if they do."""
    known, here = found["facts"], facts._asdict()
    if known == here:
        other = found["options"] != _options(options)
        return "those of its original were reckoned with other options" if other else ""
    if isinstance(known, dict) and {**known, "connections": facts.connections} == here:
        return (
            f"{known['connections']} connections of its original could be read, "
            f"{facts.connections} of this file"
        )
    return "it does not have all packets of which it carries figures"


def _said(kind: Kind, detail: str, options: Options) -> list[TableRows]:
    log = FindingLog(options)
    log.add([Finding(kind, detail=detail)], {})
    log.finish()
    return [log.take()]


def _options(options: Options) -> dict[str, Any]:
    """Return options as JSON gives them back."""
    import json

    some = {name: getattr(options, name) for name in _OPTIONS}
    return json.loads(json.dumps(some))  # type: ignore[no-any-return]


# --- reading, of bytes that anybody may have written ----------------------------------


def _read(figures: bytes) -> dict[str, Any] | None:
    """Return what the figures say; None if they are not sound."""
    import json

    try:
        inflated = zlib.decompressobj()
        data = inflated.decompress(figures, MAX_PLAIN)
        whole = json.loads(data) if inflated.eof else None
    except (ValueError, zlib.error, RecursionError):
        return None
    if not isinstance(whole, dict) or whole.get("version") != _VERSION:
        return None
    tables = whole.get("tables")
    if not isinstance(tables, dict) or not tables or not tables.keys() <= TABLES.keys():
        return None
    if not all(_is_sound(TABLES[name].columns, columns) for name, columns in tables.items()):
        return None
    return whole if {"facts", "options"} <= whole.keys() else None


def _is_sound(columns: Sequence[Column], values: Any) -> bool:
    if not isinstance(values, dict) or values.keys() != {column.name for column in columns}:
        return False
    if not all(isinstance(each, list) for each in values.values()):
        return False
    if len({len(each) for each in values.values()}) != 1:
        return False
    return all(_fits(column, each) for column in columns for each in values[column.name])


def _fits(column: Column, value: Any) -> bool:
    if value is None:
        return True
    if column.type == "enum":
        return value in column.labels
    if column.type == "bool":
        return isinstance(value, bool)
    if column.type == "ratio":
        return isinstance(value, float) and bool(np.isfinite(value))
    return type(value) is int and -(2**62) <= value <= 2**62


def _rows(table: Any, columns: Mapping[str, list[Any]]) -> TableRows:
    values = {column.name: _packed(column, columns[column.name]) for column in table.columns}
    return TableRows(table, values, len(columns[table.columns[0].name]))


def _packed(column: Column, listed: list[Any]) -> Any:
    if column.type == "enum":
        codes = {label: code for code, label in enumerate(column.labels)}
        return np.array([-1 if each is None else codes[each] for each in listed], np.int8)
    if column.type == "bool":
        return np.array([-1 if each is None else each for each in listed], np.int8)
    if column.type == "ratio":
        return np.array([np.nan if each is None else each for each in listed], np.float64)
    return np.array([NULL if each is None else each for each in listed], np.int64)
