"""Rows of made-up connections, and what diagnosis says of them."""

from __future__ import annotations

from typing import Any

from oracle.rows import Row, table_rows

from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.rules import RULES
from analyzer.options import Options
from analyzer.tables.declare import Table, enum, text, us
from analyzer.tables.late import LATE_COLUMNS
from analyzer.tables.schema import BY_NAME


def with_columns(table: Table, *more: Any) -> Table:
    """The table, with columns that another build of the analysis may have."""
    known = {column.name for column in table.columns}
    new = tuple(column for column in more if column.name not in known)
    return Table(table.name, table.text, (*table.columns, *new))


MESSAGES = with_columns(
    BY_NAME["messages"], *(us(name, "-", "-") for name in (*LATE_COLUMNS, "gap_us", "reply_us"))
)
HANDSHAKES = with_columns(
    BY_NAME["handshakes"],
    *(us(name, "-", "-") for name in ("idle_us", "dns_us", "attempts_us", "overall_us")),
    *(text(name, "-", "-") for name in ("server", "refusal_preview")),
)
FINDINGS = with_columns(BY_NAME["findings"], enum("direction", ("client", "server"), "-", "-"))
TABLES = {
    **BY_NAME,
    "messages": MESSAGES,
    "handshakes": HANDSHAKES,
    "findings": FINDINGS,
}

START = 1_700_000_000_000_000_000
S = 1_000_000_000
MS = 1_000_000


def connection(number: int, *, opened: float = 0.0, life: float = 10.0, **more: Any) -> Row:
    """A row of `connections` that began `opened` s after START; the server ended it by FIN."""
    begin = START + round(opened * S)
    row = {
        **{"connection": number, "tcp_stream": number, "scheme": "ws", "handshake_seen": True},
        **{"client_ip": "10.0.0.1", "client_port": 40_000 + number},
        **{"server_ip": "10.0.0.9", "server_port": 80, "host": "h.test", "path": "/ws"},
        **{"opened_at": begin, "closed_at": begin + round(life * S), "duration_s": round(life * S)},
        **{"client_frames": 2, "server_frames": 2, "client_messages": 2, "server_messages": 2},
        **{"close_kind": "fin", "closed_by": "server", "lost_bytes": 0},
    }
    return {**row, **more}


def case(options: Options | None = None, /, **tables: list[Row]) -> Case:
    """The case of some rows, by table; connections end last."""
    made = Case(options or Options())
    for name, rows in tables.items():
        if name != "connections":
            made.take(table_rows(TABLES[name], rows))
    made.end(table_rows(BY_NAME["connections"], tables.get("connections", [])))
    return made


def diagnoses(options: Options | None = None, /, **tables: list[Row]) -> dict[str, Diagnosis]:
    """All diagnoses of some rows, by id; the last of each id."""
    made = case(options, **tables)
    return {each.cause.id: each for rule in RULES for each in rule(made)}
